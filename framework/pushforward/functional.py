"""A round as a pure function of state and turns: for spectra, ensembles, and as the test of play in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.func import functional_call

from pushforward.field import Direction, Field, Point, State, clipped
from pushforward.game import Game
from pushforward.optimizers import Optimizer
from pushforward.randomness import Draw
from pushforward.rules import Rule


class FunctionalPlay:
    """Play a game without touching it.

    Args:
        game: the game; its parameters are only the starting point.
        rule: the rule.
        optimizers: the optimizer of each player.
        accumulate: micro-batches of a turn.
        clip: the largest norm of a player's gradient, as in `Play`.
        create_graph: keep the new state differentiable in the old one.
    """

    def __init__(
        self,
        game: Game,
        rule: Rule,
        optimizers: Mapping[str, Optimizer],
        accumulate: int = 1,
        clip: float | None = None,
        create_graph: bool = False,
    ) -> None:
        self.game, self.rule, self.optimizers, self.clip = game, rule, dict(optimizers), clip
        self.field = Field(game, accumulate, create_graph=create_graph)
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
        return self.rule.round(self.field, self._move, state)

    def _move(self, direction: Direction, state: State) -> State:
        point, memory, buffers = dict(state.point), dict(state.memory), state.buffers
        for player in direction.names:
            if player in self.game.responders:
                point, buffers = self._call("respond", point, buffers, player, direction.draw)
                continue
            own = list(self.field.own[player])
            gradients = dict(zip(own, clipped([direction.gradients[key] for key in own], self.clip)[0], strict=True))
            moved, kept = self.optimizers[player].step_together(
                {key: point[key] for key in own}, gradients, {key: memory[key] for key in own}
            )
            point |= moved
            memory |= kept
            point, buffers = self._call("remember", point, buffers, player, direction.draw, direction.terms[player])
        self.field.present, self.field.buffers = point, buffers
        return State(point, memory, state.rule, buffers)

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


class _Bound(nn.Module):
    """Lets torch call any method of a game at another point."""

    def __init__(self, game: Game) -> None:
        super().__init__()
        self.game = game

    def forward(self, method: str, *args: Any) -> None:
        getattr(self.game, method)(*args)
