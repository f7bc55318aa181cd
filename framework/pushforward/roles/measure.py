"""A measure puts a number, with its error, on a model; it looks and never touches."""

from __future__ import annotations

import abc
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import torch
import torchmetrics
from torch import Tensor

from pushforward.game import Game
from pushforward.ledger import NonFinite
from pushforward.problem import RunFailed
from pushforward.randomness import Draw
from pushforward.roles.estimator import Features
from pushforward.roles.target import Batch, Split, Target

if TYPE_CHECKING:
    from pushforward.play import Play


class Value(TypedDict, total=False):
    """A measured number. Further names (`quality`, `modes`, ...) are numbers that belong to it."""

    value: float
    standard_error: float
    n: int


class Look:
    """What measures and watchers see: the game with its averaged weights in place, the target, and one split.

    Args:
        game: the game; measures only read it.
        target: its target.
        split: `validation` while training, `test` at the end; never train.
        round: rounds played.
        seed: the run's seed; samples are a function of it, of the split and of the round.
        evaluations: what an estimate may cost, from `budget.evaluations`; None leaves it to the measure.
        device: where the game is.
        play: rule, optimizers and the orbit so far, for what looks at play itself; None outside a run.
        process: which of how many processes looks; what is shared by all of them asks for its `part`.
    """

    def __init__(
        self,
        game: Game,
        target: Target,
        split: Split = "validation",
        round: int = 0,
        seed: int = 0,
        evaluations: int | None = None,
        device: torch.device | str = "cpu",
        play: Play | None = None,
        process: tuple[int, int] = (0, 1),
    ) -> None:
        self.play, self.process = play, process
        self.game, self.target, self.split, self.round, self.seed = game, target, split, round, seed
        self.evaluations = evaluations
        self.device = torch.device(device)
        self._fakes: dict[int, Tensor] = {}

    def draw(self, name: str, n: int) -> Draw:
        """Randomness for a measure: its own stream, the same whenever this split is looked at in this round."""
        return Draw(self.seed, ("look", self.split, self.round, name), n, device=self.device)

    def part(self, name: str) -> Draw:
        """The same for a measure that all processes make together: this process's part of one draw."""
        rank, processes = self.process
        key = ("look", self.split, self.round, name)
        return Draw(self.seed, key, processes, (rank, rank + 1), device=self.device)

    @torch.no_grad()
    def fake(self, n: int, condition: Tensor | None = None) -> Tensor:
        """n samples of the model, (n, *shape); measures of one look share them."""
        if condition is not None:
            return self.game.sample(n, self.draw("fake", n), condition).cpu()
        if n not in self._fakes:
            self._fakes[n] = self.game.sample(n, self.draw("fake", n)).cpu()
            if self._fakes[n].shape != (n, *self.target.shape):
                got, expected = tuple(self._fakes[n].shape), (n, *self.target.shape)
                raise RunFailed(f"asked for {n} samples, the model gave shape {got}: expected {expected}")
            if not bool(torch.isfinite(self._fakes[n]).all()):
                bad = int((~torch.isfinite(self._fakes[n])).flatten(1).any(1).sum())
                raise NonFinite(f"round {self.round}: {bad} of {n} samples of the model are not finite")
        return self._fakes[n]

    def real(self, n: int | None = None) -> Batch:
        """Up to n held-out rows of the split."""
        return self.target.held_out(self.split, n)

    @cached_property
    def log_z(self) -> float | None:
        """The target's own log Z, where it is known."""
        return self.target.log_z


class Measure(torchmetrics.Metric, abc.ABC):
    """Abstract: a torchmetrics metric that also knows how to look at a model.

    `update(x, y)` takes samples of the model and of the target, `compute()` gives a [`Value`]: at least `value`, and
    `standard_error` or `n`. Where a number means little, it says so by a `Doubt`.

    Attributes:
        samples: how many samples a look takes of each.
        better: `lower` or `higher`, or None where neither is meant (such a measure cannot choose the best round).
        neutral: the value that parts good from bad, such as 1 for a factor a round: maps of a grid part their colours
            there; None where there is none.
        full_state_update: as in torchmetrics.
    """

    samples: int = 2000
    better: Literal["lower", "higher"] | None = "lower"
    neutral: float | None = None
    full_state_update: bool | None = False

    @abc.abstractmethod
    def compute(self) -> dict[str, float]:
        """The value with its error."""

    def measure(self, look: Look) -> dict[str, float]:
        """Look at a model: by default compare samples of it with held-out data."""
        self.reset()
        y = look.real(self.samples).x
        self.update(look.fake(self.samples), y)
        return self.compute()

    def together(self, game: Game) -> bool:
        """Whether all processes of a run measure this game together, each its `part`; by default the first does."""
        return False

    def suits(self, target: Target) -> None:
        """Refuse, before anything is trained, a target that cannot be looked at; by default its features are tried.

        Raises:
            UserError: if it cannot.
        """
        for part in vars(self).values():
            if isinstance(part, Features):
                part.suits(target)

    def label(self, name: str) -> str:
        """The name under which it reports, from the name under which it is registered."""
        return name

    def __hash__(self) -> int:  # torchmetrics hashes states, which may be lists that grow
        return id(self)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Take in samples of the model and of the target."""
        raise TypeError(f"{type(self).__name__} looks at models, not at samples")
