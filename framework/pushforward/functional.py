"""A round as a pure function of state and turns: for spectra, ensembles, and as the test of play in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from pushforward.curvature import Curvature
from pushforward.field import Direction, Field, Point, State, clipped
from pushforward.game import Game
from pushforward.optimizers import Optimizer
from pushforward.problem import UserError
from pushforward.projections import Projection
from pushforward.pure_field import PureField
from pushforward.randomness import Draw
from pushforward.rules.rule import Move, Rule


class FunctionalPlay:
    """Play a game without touching it.

    Args:
        game: the game; its parameters are only the starting point.
        rule: the rule.
        optimizers: the optimizer of each player.
        accumulate: micro-batches of a turn.
        clip: the largest norm of a player's gradient, as in `Play`.
        create_graph: keep the new state differentiable in the old one.
        project: where parameters must stay, by player or team, as in `Play`.
        pure: take gradients by `torch.func`, so that its transforms (vmap, jvp) apply to a round; costs that take
            gradients themselves must then do so by `torch.func`, too.
    """

    def __init__(
        self,
        game: Game,
        rule: Rule,
        optimizers: Mapping[str, Optimizer],
        accumulate: int = 1,
        clip: float | None = None,
        create_graph: bool = False,
        project: Mapping[str, Projection] | None = None,
        pure: bool = False,
    ) -> None:
        self.game, self.rule, self.optimizers, self.clip = game, rule, dict(optimizers), clip
        kind = PureField if pure else Field
        self.field = kind(game, accumulate, create_graph=create_graph, project=project)
        self.field.curved = curved_players(self.field, self.optimizers)
        self.owner = {key: player for player, own in self.field.own.items() for key in own}
        self.move = Move(self._step, self._settle, lambda key: self.optimizers[self.owner[key]].lr, self._place)
        self._bound = _Bound(game)

    def start(self) -> State:
        """The state of the game as it stands, with nothing remembered."""
        point = {key: p.detach().clone() for key, p in self.field.live.items()}
        memory = {
            key: self.optimizers[player].start(point[key])
            for player, own in self.field.own.items()
            if player not in self.game.responders
            for key in own
        }
        buffers = {key: b.detach().clone() for key, b in self.game.named_buffers()}
        return State(point, memory, self.rule.start(self.field), buffers)

    def round(self, state: State, turns: Sequence[Draw]) -> State:
        """The state after one round on these turns; the old state is left as it was."""
        self.field.deal(turns)
        self.field.present = state.point
        self.field.buffers = {key: value.clone() for key, value in state.buffers.items()}
        with torch.set_grad_enabled(self.field.create_graph):
            return self._settle(self.rule.round(self.field, self.move, state))

    def _settle(self, state: State) -> State:
        """The point that a rule has set becomes the present one, every parameter where it must stay."""
        self.field.present = self.field.project(state.point)
        return state._replace(point=self.field.present)

    def _step(self, direction: Direction, state: State) -> State:
        state = self._settle(state)
        point, memory, buffers = dict(state.point), dict(state.memory), state.buffers
        for player in responders_first(self.game, direction.names):
            if player in self.game.responders:
                point, buffers = self._call("respond", point, buffers, player, direction.draw)
                continue
            own, optimizer = list(self.field.own[player]), self.optimizers[player]
            gradients = shaped(optimizer, own, direction, self.clip, foreach=False)[0]
            moved, kept = optimizer.step_together(
                {key: point[key] for key in own}, gradients, {key: memory[key] for key in own}
            )
            point |= moved
            memory |= kept
            point, buffers = self._call("remember", point, buffers, player, direction.draw, direction.terms[player])
        self.field.present, self.field.buffers = point, buffers
        return State(point, memory, state.rule, buffers)

    def _place(self, direction: Direction, state: State) -> State:
        refuse_clip(self.clip)
        state = self._settle(state)
        point, buffers = dict(state.point), state.buffers
        for player in direction.names:
            point, buffers = self._call("remember", point, buffers, player, direction.draw, direction.terms[player])
        self.field.present, self.field.buffers = point, buffers
        return state._replace(point=point, buffers=buffers)

    def _call(self, method: str, point: Point, buffers: Point, *args: Any) -> tuple[Point, Point]:
        tensors: dict[str, Tensor] = {
            **{f"game.{key}": value.clone() for key, value in point.items()},
            **{f"game.{key}": value.clone() for key, value in buffers.items()},
        }
        functional_call(self._bound, tensors, (method, *args))
        return (
            {key: tensors[f"game.{key}"] for key in point},
            {key: tensors[f"game.{key}"] for key in buffers},
        )


def responders_first(game: Game, names: Sequence[str]) -> list[str]:
    """Who moves at once moves from one point: those who answer by themselves do so before anyone has moved."""
    return sorted(names, key=lambda name: name not in game.responders)


def refuse_clip(clip: float | None) -> None:
    """A rule that finds its points by itself takes no step that could be shortened.

    Raises:
        UserError: if there is a clip.
    """
    if clip is not None:
        raise UserError(f"clip is {clip}, and this rule finds how far it goes by itself: leave `clip` out")


def shaped(
    optimizer: Optimizer, own: Sequence[str], direction: Direction, clip: float | None, foreach: bool | None = None
) -> tuple[Point, Tensor]:
    """A player's gradient as its optimizer gets it, and its norm before it was clipped."""
    gradients = {key: direction.gradients[key] for key in own}
    if optimizer.curvature is not None:
        gradients = optimizer.controlled(gradients, direction.curvature)
    values, norm = clipped(list(gradients.values()), clip, foreach)
    return dict(zip(gradients, values, strict=True)), norm


def curved_players(field: Field, optimizers: Mapping[str, Optimizer]) -> dict[str, Curvature]:
    """The players whose optimizer asks for the curvature along the gradient."""
    wanted = {name: optimizers[name].curvature for name in field.players if name in optimizers}
    return {name: how for name, how in wanted.items() if how is not None}


class _Bound(nn.Module):
    """Lets torch call any method of a game at another point."""

    def __init__(self, game: Game) -> None:
        super().__init__()
        self.game = game

    def forward(self, method: str, *args: Any) -> None:
        getattr(self.game, method)(*args)
