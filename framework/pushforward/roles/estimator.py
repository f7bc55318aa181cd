"""An estimator answers log Z with its error; a sampler is a Markov kernel."""

from __future__ import annotations

import abc
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from pushforward.randomness import Draw
from pushforward.roles.target import Target


@dataclass(frozen=True)
class Estimate:
    """An estimate of log Z, and how far to trust it.

    Args:
        log_z: log of the integral of exp(-U).
        standard_error: of log_z, by the delta method.
        interval: the 95 % confidence interval of log_z.
        ess: effective sample size as a fraction of n.
        khat: Pareto tail index of the weights; above .7 the error itself cannot be trusted.
        n: independent weights.
        non_finite: how many weights are not finite; they count as they are and are never dropped.
        evaluations: how often U was evaluated at one point.
        gradient_evaluations: how often its gradient was.
        seconds: wall time.
        warning: in words, where the numbers above mean little; else empty.
        bound: the mean log-weight: an unbiased estimate of a lower bound of log Z (ELBO), or of an upper one (EUBO)
            where the weights run backwards from the target; None where there is no such thing.
    """

    log_z: float
    standard_error: float
    interval: tuple[float, float]
    ess: float
    khat: float
    n: int
    non_finite: int
    evaluations: int
    gradient_evaluations: int = 0
    seconds: float = 0.0
    warning: str = ""
    bound: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


class Estimator(abc.ABC):
    """Abstract: a way to estimate log Z of a target."""

    @abc.abstractmethod
    def estimate(self, target: Target, budget: int, draw: Draw) -> Estimate:
        """Spend at most `budget` evaluations, of U and of its gradient together, and answer.

        A draw that is a part of a whole one stands for one of several processes: each takes its share of the blocks of
        walkers, and all give the same answer.
        """


class Sampler(abc.ABC):
    """Abstract: a Markov kernel that leaves exp(log_density) invariant."""

    @abc.abstractmethod
    def run(self, log_density: Any, x: Tensor, steps: int, draw: Draw) -> tuple[Tensor, dict[str, float]]:
        """Move every row of x, (n, D), `steps` times; gives the new rows and facts such as the acceptance rate."""


class Features(abc.ABC):
    """Abstract: what distances between images are measured in.

    Attributes:
        name: part of the name of every measure that uses it.
    """

    name: str

    @property
    def key(self) -> str | None:
        """What they depend on beside the data, in words; features of real data are then kept. None keeps nothing."""
        return None

    @abc.abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """Features (n, d) of data (n, *shape)."""

    def prepare(self, target: Target) -> None:
        """Learn whatever is learned of the target's training rows, before the first call."""
