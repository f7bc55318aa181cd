"""One Lightning module plays any game by any rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from pushforward.average import Average
from pushforward.field import Direction, Field, State, clipped
from pushforward.functional import FunctionalPlay, curved_players, refuse_clip, responders_first, shaped
from pushforward.game import Game
from pushforward.ledger import Ledger
from pushforward.optimizers import Adam, Optimizer
from pushforward.problem import UserError, did_you_mean
from pushforward.projections import Projection
from pushforward.randomness import Draw, derive
from pushforward.rules.rule import Move, Rule
from pushforward.rules.turns import Alternating
from pushforward.schedules import Schedule
from pushforward.trace import Trace


class Play(pl.LightningModule):
    """Plays a game: the rule asks for gradients, the optimizers step, the averages follow.

    Its arguments stand next to the model's own in a recipe.

    Args:
        game: the game; in a recipe, the model itself.
        rule: how players move; alternating by default.
        optimizer: how gradients become steps: one for all, or by player or team.
        clip: the largest norm of a player's gradient; None leaves it.
        project: where parameters must stay after every move: one for all, or by player or team; None adds nothing to
            what the game itself says.
        average: averaged weights of the generating players; None samples with the last ones.
    """

    def __init__(
        self,
        game: Game,
        rule: Rule | None = None,
        optimizer: Optimizer | dict[str, Optimizer] | None = None,
        clip: float | None = None,
        project: Projection | dict[str, Projection] | None = None,
        average: Average | None = None,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.game, self.rule, self.clip, self.average = game, rule or Alternating(), clip, average
        if any(p.ndim == 4 for p in game.parameters()):  # convolutions are faster where channels lie side by side
            game.to(memory_format=torch.channels_last)
        if clip is not None and not clip > 0:
            raise UserError(f"clip is {clip}: expected a norm above 0, or null")
        self.optimizer = optimizer or Adam()
        self.project = dict.fromkeys(game.players, project) if isinstance(project, Projection) else dict(project or {})
        self.field = Field(game, project=self.project)
        self.turns = self.rule.turns(self.field)
        self.players_optimizers = self._by_player()
        for chosen in self.players_optimizers.values():
            chosen.suit(self.rule.extrapolates)
        self.field.curved = curved_players(self.field, self.players_optimizers)
        self.owner = {key: player for player, own in self.field.own.items() for key in own}
        self.move = Move(self._step, self._settle, lambda key: self.players_optimizers[self.owner[key]].lr, self._place)
        self.ledger = Ledger()
        self.trace = Trace(self.field.live)
        self.schedules: list[tuple[Any, str, Schedule]] = []
        self.rounds = 1
        self.played = 0
        self.seed = 0
        self.after_round: Callable[[int], None] | None = None
        self._torch: dict[str, torch.optim.Optimizer] = {}
        self._tuned: list[str] = []
        self.state = State(self.field.live, {}, self.rule.start(self.field), {})
        if average is not None:
            average.follow(game)

    def prepare(
        self, rounds: int, seed: int, accumulate: int, schedules: list[tuple[Any, str, Schedule]], batch: int = 1
    ) -> None:
        """What the recipe says outside the model."""
        if self.average is not None:
            self.average.batch = batch
        self.rounds, self.seed, self.schedules = rounds, seed, schedules
        self.field.accumulate = accumulate
        moved = {id(component) for component, _, _ in schedules}
        self._tuned = [name for name, opt in self.players_optimizers.items() if id(opt) in moved]

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """One optimizer for every player that moves by gradient."""
        self._torch = {
            name: self.players_optimizers[name].in_place(own.values())
            for name, own in self.field.own.items()
            if name not in self.game.responders
        }
        return list(self._torch.values())

    def training_step(self, turns: list[Draw], _: int) -> None:
        """One round."""
        torch.default_generator.manual_seed(derive(self.seed, "global", self.played, self.global_rank))
        self.follow_schedules(self.played)
        self.field.deal(turns)
        with torch.no_grad():  # the field allows gradients where it takes them
            self.state = self._settle(self.rule.round(self.field, self.move, self.state))
        self.played += 1
        self.trace.note(self.played, self.ledger.close_round(self.played))
        if self.average is not None:
            self.average.update(self.played)
        if self.after_round is not None:
            self.after_round(self.played)

    def transfer_batch_to_device(self, batch: list[Draw], device: torch.device, dataloader_idx: int) -> list[Draw]:
        """Turns to the device; their randomness is made there."""
        return batch if device.type == "cpu" else [draw.to(device) for draw in batch]

    def averaged(self) -> AbstractContextManager[None]:
        """The game as it samples: with averaged weights where there are any."""
        return self.average.in_place() if self.average is not None else nullcontext()

    def checkpoint(self) -> dict[str, Any]:
        """All that a resumed run needs: tensors and plain numbers only."""
        return {
            "round": self.played,
            "game": self.game.state_dict(),
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self._torch.items()},
            "rule": {key: value.detach() for key, value in self.state.rule.items()},
            "average": self.average.shadow if self.average is not None else {},
            "ledger": self.ledger.state(),
            "trace": self.trace.state(),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.played = saved["round"]
        self.game.load_state_dict(saved["game"])
        if self.average is not None:
            self.average.load(saved["average"])
        if "trace" in saved:  # runs of earlier versions kept none
            self.trace.restore(saved["trace"])
        self.follow_schedules(max(self.played - 1, 0))
        self._saved = saved

    def on_fit_start(self) -> None:
        """Processes and optimizers exist only now: reduce over the ones, give the others back what they remembered."""
        self.field.reduce = sum_over_processes if self.trainer.world_size > 1 else None
        if self.average is not None:
            self.average.attach(self.game)
        self.give_back()

    def give_back(self) -> None:
        """Optimizers and rule remember again what they did when the checkpoint was made."""
        saved = self.__dict__.pop("_saved", None)
        if saved is not None:
            for name, state in saved["optimizers"].items():
                self._torch[name].load_state_dict(state)
            self.state = self.state._replace(rule={key: t.to(self.device) for key, t in saved["rule"].items()})
            self.ledger.restore(saved["ledger"])

    def functional(self, create_graph: bool = False, pure: bool = False) -> FunctionalPlay:
        """The same play as a pure function, for spectra and ensembles."""
        return FunctionalPlay(
            self.game,
            self.rule,
            self.players_optimizers,
            self.field.accumulate,
            self.clip,
            create_graph,
            self.project,
            pure,
        )

    def torch_state(self, player: str) -> dict[torch.Tensor, dict[str, Tensor]]:
        """What torch's optimizer of a player remembers, by parameter; a restored play has it before it is fitted."""
        if not self._torch:
            self.configure_optimizers()
            self.give_back()
        return dict(self._torch[player].state)

    def _step(self, direction: Direction, state: State) -> State:
        state = self._settle(state)
        for name in responders_first(self.game, direction.names):
            if name in self.game.responders:
                self.game.respond(name, direction.draw)
                continue
            own = self.field.own[name]
            gradients, norm = shaped(self.players_optimizers[name], list(own), direction, self.clip)
            for key, parameter in own.items():
                parameter.grad = gradients[key]
            self._torch[name].step()
            for parameter in own.values():
                parameter.grad = None
            self._note(name, direction, norm)
        return state

    def _place(self, direction: Direction, state: State) -> State:
        refuse_clip(self.clip)
        state = self._settle(state)
        for name in direction.names:
            gradients = [direction.gradients[key] for key in self.field.own[name]]
            self._note(name, direction, clipped(gradients, None)[1])
        return state

    def _note(self, name: str, direction: Direction, norm: Tensor) -> None:
        terms = direction.terms[name]
        self.ledger.note(name, terms, norm)
        self.game.remember(name, direction.draw, terms)

    @torch.no_grad()
    def _settle(self, state: State) -> State:
        """The point that a rule has set becomes the live one, every parameter where it must stay."""
        live = self.field.live
        if state.point is live and not self.field.projections:
            return state
        for key, value in self.field.project({key: state.point.get(key, p) for key, p in live.items()}).items():
            if value is not live[key]:
                live[key].copy_(value)
        return state._replace(point=live)

    @contextmanager
    def as_begun(self) -> Iterator[None]:
        """With every scheduled number at its first value: a step that has fallen to nothing says nothing of a run."""
        self.follow_schedules(0)
        try:
            yield
        finally:
            self.follow_schedules(max(self.played - 1, 0))

    def follow_schedules(self, round: int) -> None:
        """Set every scheduled number to its value in a round, counted from 0."""
        for component, attribute, schedule in self.schedules:
            setattr(component, attribute, schedule(round / max(self.rounds, 1)))
        for name in self._tuned if self._torch else ():
            for group in self._torch[name].param_groups:
                group.update(self.players_optimizers[name].numbers())

    def _by_player(self) -> dict[str, Optimizer]:
        players = self.field.players
        if isinstance(self.optimizer, Optimizer):
            return dict.fromkeys(players, self.optimizer)
        chosen: dict[str, Optimizer] = {}
        for name, optimizer in self.optimizer.items():
            group = self.field.group(name)
            for player in group:
                if player not in players:
                    known = [*players, *self.game.teams]
                    raise UserError(
                        f"optimizer: {player!r} is no player of this game ({', '.join(known)})"
                        f"{did_you_mean(player, known)}"
                    )
                chosen[player] = optimizer
        missing = [p for p in players if p not in chosen and p not in self.game.responders]
        if missing:
            raise UserError(f"optimizer: none is given for {', '.join(missing)}")
        return chosen


def sum_over_processes(values: list[Tensor], share: float) -> list[Tensor]:
    """The sum of each tensor over all processes, each weighted by its share, in one flat message."""
    flat = torch.cat([v.flatten() for v in values]) * share
    torch.distributed.all_reduce(flat)
    pieces = flat.split([v.numel() for v in values])
    return [piece.view_as(v) for piece, v in zip(pieces, values, strict=True)]
