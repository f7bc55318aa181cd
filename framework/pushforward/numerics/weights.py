"""What importance weights say, read in the log domain: log Z, its error, and when that error means nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import torch
from scipy.special import stdtrit
from torch import Tensor

from pushforward.numerics.log_sum import LogSum
from pushforward.numerics.pareto import excess_of_largest, khat_of_largest, largest_needed, pareto_khat, pareto_shape
from pushforward.numerics.processes import gathered
from pushforward.problem import UserError
from pushforward.randomness import Draw
from pushforward.roles.estimator import Estimate

FEWEST = 100  # effective weights below which the delta method is not believed
LEAST_TAIL = 0.5  # standard errors below which a tail is too small to matter


def log_mean_exp(log_weights: Tensor) -> float:
    """log of the mean of exp(log_weights), without overflow."""
    return float(torch.logsumexp(log_weights.double(), 0)) - math.log(len(log_weights))


def effective_fraction(log_weights: Tensor) -> float:
    r"""Effective sample size as a fraction of N: 1 for equal weights, 1/N where one weight is everything.

    .. math:: \frac{(\sum_i w_i)^2}{N \sum_i w_i^2}
    """
    w = log_weights.double()
    return math.exp(2 * float(torch.logsumexp(w, 0)) - float(torch.logsumexp(2 * w, 0))) / len(w)


def log_mean_standard_error(log_weights: Tensor) -> float:
    r"""Standard error of log-mean-exp by the delta method; infinite for a single weight.

    .. math:: \sqrt{\Bigl(\frac{1}{\mathrm{ESS}} - \frac{1}{N}\Bigr) \frac{N}{N - 1}}
    """
    return _error(len(log_weights), effective_fraction(log_weights))


class Weights:
    """Importance weights taken in by blocks and forgotten: what is kept does not grow with their number.

    Kept are how many there were, the sums of weights and of their squares, which are exact in whatever order blocks and
    processes come, and the largest few that decide the tail index: for 10^8 weights, 30,001 of them. A log-weight of
    minus infinity is a weight of zero, which is legitimate. NaN and plus infinity are counted as not finite and kept:
    the estimate is then not finite itself, with an infinite error.

    Args:
        total: how many weights there will be, over all blocks and processes.

    Raises:
        UserError: if there will be none.

    Example:
        >>> weights = Weights(4)
        >>> for block in (torch.zeros(2), torch.zeros(2)):
        ...     weights.add(block)
        >>> round(weights.ess, 6)
        1.0
    """

    def __init__(self, total: int) -> None:
        if total < 1:
            raise UserError(f"{total} evaluations pay for no weight: at least one is needed")
        self.total = total
        self.n = self.non_finite = 0
        self.sum, self.squares = LogSum(), LogSum(power=2)
        self.logs, self.infinite = (
            Fraction(0),
            0.0,
        )  # the sum of the logarithms themselves, exactly, and what is no number
        self.largest = torch.empty(0, dtype=torch.float64)

    def add(self, log_weights: Tensor) -> None:
        """Take in a block of log-weights, (n,).

        Raises:
            ValueError: if they are not one list.
        """
        if log_weights.ndim != 1:
            raise ValueError(f"log-weights of shape {tuple(log_weights.shape)}: expected (N,)")
        w = log_weights.detach().double().cpu()
        broken = w.isnan() | w.isposinf()
        self.n += len(w)
        self.non_finite += int(broken.sum())
        self.sum.add(w)
        self.squares.add(w)
        logs = float(w.sum())
        if math.isfinite(logs):
            self.logs += Fraction(logs)
        else:
            self.infinite += logs
        self._keep(w[~broken])

    def merge(self, other: Weights) -> None:
        """Take in what another, such as another process's, has taken in."""
        self.n += other.n
        self.non_finite += other.non_finite
        self.sum.merge(other.sum)
        self.squares.merge(other.squares)
        self.logs += other.logs
        self.infinite += other.infinite
        self._keep(other.largest)

    def over_processes(self, draw: Draw) -> Weights:
        """The weights of all processes that share a draw, the same to the bit in each of them."""
        whole = Weights(self.total)
        for part in gathered(self, draw):
            whole.merge(part)
        return whole

    @property
    def log_mean(self) -> float:
        """log of the mean weight."""
        return self.sum.log() - math.log(self.n) if self.n else math.nan

    @property
    def ess(self) -> float:
        """Effective sample size as a fraction; 0 where there is no weight, or one that is not finite."""
        if not math.isfinite(self.log_mean):
            return 0.0
        return min(math.exp(2 * self.sum.log() - self.squares.log() - math.log(self.n)), 1.0)

    @property
    def khat(self) -> float:
        """Tail index; infinite where it cannot be fitted."""
        return khat_of_largest(self.largest) if math.isfinite(self.log_mean) else math.inf

    @property
    def tail(self) -> float:
        r"""What the tail adds to the mean above its threshold u, in standard errors of the mean.

        .. math:: \sum_{w_i > u} (w_i - u) \Big/ \sqrt{\sum_i (w_i - \bar w)^2}

        Where weights have no variance, the largest of them make the whole sum of squares, so that this is at least one
        in the limit. Where it is well below, the weights pile up under a bound, and their tail index, which knows no
        scale, says nothing about the mean. 0 where all weights are equal.
        """
        spread = 1 / self.ess - 1 if self.ess else 0.0
        excess = excess_of_largest(self.largest, self.sum.log())
        return excess * math.sqrt(self.n / spread) if spread > 0 else 0.0

    @property
    def error(self) -> float:
        """Standard error of the log of the mean, by the delta method; infinite for a single weight."""
        return _error(self.n, self.ess)

    def estimate(
        self,
        evaluations: int,
        gradient_evaluations: int = 0,
        seconds: float = 0.0,
        offset: float = 0.0,
        also: Sequence[str] = (),
    ) -> Estimate:
        """The estimate log Z = offset + log-mean-exp of independent log-weights, with all that tells its worth.

        Args:
            evaluations: how often U was evaluated at one point.
            gradient_evaluations: how often its gradient was.
            seconds: wall time.
            offset: added to log Z, such as the log of a normaliser that the weights leave out.
            also: further sentences of the warning.
        """
        log_z, ess, khat = offset + self.log_mean, self.ess, self.khat
        said = [self._warning(khat), *also]
        return Estimate(
            log_z,
            self.error,
            interval(log_z, self.error, self.n),
            ess,
            khat,
            self.n,
            self.non_finite,
            evaluations,
            gradient_evaluations,
            seconds,
            "; ".join(filter(None, said)),
            offset + float(self.logs / self.n) + self.infinite,
        )

    def _keep(self, w: Tensor) -> None:
        several = torch.cat([self.largest, w])
        self.largest = several.topk(min(largest_needed(self.total), len(several))).values

    def _warning(self, khat: float) -> str:
        if self.non_finite:
            return f"{self.non_finite} of {self.n} weights are NaN or infinite, so that the estimate is not finite"
        if self.log_mean == -math.inf:
            return f"all {self.n} weights are zero: no sample fell where the target has mass"
        said = []
        limit = min(1 - 1 / math.log10(self.n), 0.7) if self.n > 1 else -math.inf
        if khat > limit and not self.tail < LEAST_TAIL:
            said.append(
                f"Pareto k-hat {khat:.2f} is above {limit:.2f}: the weights' tail is too heavy to trust the error"
            )
        if self.ess * self.n < FEWEST:
            said.append(f"only {self.ess * self.n:.1f} of {self.n} weights are effective, fewer than {FEWEST}")
        return "; ".join(said)


def estimate_from_log_weights(
    log_weights: Tensor,
    evaluations: int,
    gradient_evaluations: int = 0,
    seconds: float = 0.0,
    offset: float = 0.0,
) -> Estimate:
    """The estimate from one list of independent log-weights, (N,): as `Weights.estimate`.

    Raises:
        ValueError: if there is no weight, or they are not one list.
    """
    if log_weights.ndim != 1 or len(log_weights) == 0:
        raise ValueError(f"log-weights of shape {tuple(log_weights.shape)}: expected (N,) with N at least 1")
    weights = Weights(len(log_weights))
    weights.add(log_weights)
    return weights.estimate(evaluations, gradient_evaluations, seconds, offset)


def interval(value: float, error: float, n: int) -> tuple[float, float]:
    """The 95 % confidence interval of a value whose error comes of n numbers; Student's where they are few."""
    if not math.isfinite(value) or not math.isfinite(error):
        return (-math.inf, math.inf)
    reach = 1.96 if n >= FEWEST else float(stdtrit(n - 1, 0.975))
    return (value - reach * error, value + reach * error)


def _error(n: int, ess: float) -> float:
    if n < 2 or ess == 0:
        return math.inf
    return math.sqrt(max(1 / ess - 1, 0.0) / (n - 1))


__all__ = [
    "FEWEST",
    "Weights",
    "effective_fraction",
    "estimate_from_log_weights",
    "interval",
    "log_mean_exp",
    "log_mean_standard_error",
    "pareto_khat",
    "pareto_shape",
]
