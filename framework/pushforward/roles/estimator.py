"""An estimator answers log Z with its error; a sampler is a Markov kernel."""

from __future__ import annotations

import abc
from collections.abc import Callable
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
        khat: Pareto tail index of the weights; above .7 the error itself cannot be trusted, but where the tail is too
            small for the mean to hang on it.
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
    """Abstract: a way to estimate log Z of a target.

    Attributes:
        shared: whether several processes may share an estimate, each with a part of one draw: each then takes its share
            of the blocks of walkers, and all give the same answer. The first process does it alone where this is false.
    """

    shared: bool = False

    @abc.abstractmethod
    def estimate(self, target: Target, budget: int, draw: Draw) -> Estimate:
        """Spend at most `budget` evaluations, of U and of its gradient together, and answer."""

    def sample(self, target: Target, n: int, draw: Draw) -> Tensor:
        """n samples of the target, (n, *shape), where the estimator has weighted particles."""
        raise TypeError(f"{type(self).__name__} has no samples")


class Sampler(abc.ABC):
    """Abstract: a Markov kernel that leaves exp(log_density) invariant, exactly or nearly."""

    @abc.abstractmethod
    def run(
        self,
        log_density: Callable[[Tensor], Tensor],
        x: Tensor,
        steps: int,
        draw: Draw,
        seen: Callable[[Tensor], None] | None = None,
    ) -> tuple[Tensor, dict[str, float]]:
        """Move every row of x by itself, `steps` times after whatever warm-up the kernel has.

        Args:
            log_density: (n, ...) to (n,), up to a constant; a
                [`Sloped`][pushforward.numerics.slopes.Sloped] one brings its gradient in closed form, as the `law` of
                a target does where it can.
            x: where the chains begin, (n, ...).
            steps: how many steps count.
            draw: randomness for n samples: one row a chain.
            seen: told where the chains are, (n, ...), after every step that counts.

        Returns:
            Where the chains are, and facts: mean `acceptance`, how many proposals were `non_finite`, how many
            `gradients` a chain took, the `step` at the end.

        Raises:
            RunFailed: if a chain begins or ends at a point that is not finite, or the log-density has no bound.
        """


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

    def suits(self, target: Target) -> None:
        """Refuse a target of which there are no features: they are made ready, and tried on two rows.

        Raises:
            UserError: if there are none.
        """
        self.prepare(target)
        self(target.held_out("validation", 2).x)

    def prepare(self, target: Target) -> None:
        """Learn whatever is learned of the target's training rows, before the first call."""
