"""Weights of whole flow lines: a window that is widened until what is left out does not matter."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pushforward import UserError
from pushforward_neis.estimator import LogDensity
from pushforward_neis.steppers import Stepper


@dataclass(frozen=True)
class WholeLine:
    """All times, in steps of equal length, as far as they matter.

    Args:
        step: the time between two points of the line.
        tolerance: a direction of a line ends where its points add less than this share to both sums, ...
        quiet: ... for so long a time.
        longest: the time after which a direction ends anyhow.

    Raises:
        UserError: if one of them is not above 0.
    """

    step: float = 0.02
    tolerance: float = 1e-6
    quiet: float = 1.0
    longest: float = 50.0

    def __post_init__(self) -> None:
        wrong = [f"{name} is {value}" for name, value in vars(self).items() if not value > 0]
        if wrong:
            raise UserError(f"{', '.join(wrong)}: expected numbers above 0")


@dataclass(frozen=True)
class Weighed:
    """Weights of lines.

    Args:
        log_weights: log H of every walker, (n,).
        evaluations: how often U was evaluated at one point, over all walkers.
        most: how often it was for the walker that took most.
        cut: how many walkers' lines were ended by `longest`.
        lost: how many ran away.
        silence: the longest time after which a direction mattered again: no line is known to go on longer unheard than
            `quiet`, since there it ends.
    """

    log_weights: Tensor
    evaluations: int
    most: int
    cut: int
    lost: int
    silence: float


@torch.no_grad()
def weigh_lines(log_density: LogDensity, log_base: LogDensity, stepper: Stepper, x: Tensor, line: WholeLine) -> Weighed:
    r"""log H of every row of x, the weight of the whole flow line through it.

    .. math:: H(x) = \frac{\sum_{k \in \mathbb{Z}} \rho_1(X_k) J_k}{\sum_{k \in \mathbb{Z}} \rho_0(X_k) J_k}, \qquad
        \mathbb{E}_{x \sim \rho_0} H(x) = Z

    H is the mean of importance sampling's weight along the line, so that its variance is no larger for any velocity.
    The mean is Z where every line that has mass of the target has mass of the base, and steps are exact; zero variance
    means that lines carry equal shares of both.

    Reference: Rotskoff, Vanden-Eijnden, "Dynamical Computation of the Density of States and Bayes Factors Using
    Nonequilibrium Importance Sampling", 2019, arXiv:1809.11132.

    Args:
        log_density: log rho_1, unnormalised, from (m, D) to (m,).
        log_base: log rho_0, normalised.
        stepper: what moves points by one step of the line.
        x: starting points, (n, D).
        line: how far to go.
    """
    n, device = len(x), x.device
    target, base = log_density(x), log_base(x)
    evaluations, each = n, torch.ones(n, dtype=torch.int64, device=device)
    walker = torch.arange(n, device=device).repeat(2)
    sign = torch.cat([x.new_full((n, 1), -1.0), x.new_ones(n, 1)])
    y, grown, still = torch.cat([x, x]), x.new_zeros(2 * n), torch.zeros(2 * n, dtype=torch.int64, device=device)
    lost, silence = torch.zeros(n, dtype=torch.bool, device=device), still.new_zeros(1)
    patience, small = math.ceil(line.quiet / line.step), math.log(line.tolerance)
    for _ in range(math.ceil(line.longest / line.step)):
        if not len(y):
            break
        y, more = stepper.advance(y, sign)
        grown = grown + more
        gone = ~(y.isfinite().all(1) & grown.isfinite())
        lost[walker[gone]] = True
        keep = ~gone
        y, grown, sign, still, walker = y[keep], grown[keep], sign[keep], still[keep], walker[keep]
        new_target, new_base = log_density(y) + grown, log_base(y) + grown
        evaluations += len(y)
        each.index_add_(0, walker, torch.ones_like(walker))
        ahead = sign[:, 0] > 0
        target, base = (
            _added(*sums) for sums in ((target, walker, ahead, new_target), (base, walker, ahead, new_base))
        )
        matters = ~((new_target - target[walker] <= small) | (new_target == -math.inf))
        matters |= ~((new_base - base[walker] <= small) | (new_base == -math.inf))
        silence = torch.cat([silence, still[matters]]).max().view(1)
        still = torch.where(matters, 0, still + 1)
        going = still < patience
        y, grown, sign, still, walker = y[going], grown[going], sign[going], still[going], walker[going]
    cut = len(walker.unique())
    return Weighed(target - base, evaluations, int(each.max()), cut, int(lost.sum()), line.step * int(silence))


def _added(sums: Tensor, walker: Tensor, ahead: Tensor, new: Tensor) -> Tensor:
    """log-sum-exp of each walker's sum and of the new terms of its directions, at most one each."""
    for direction in (ahead, ~ahead):
        term = new.new_full(sums.shape, -math.inf)
        term[walker[direction]] = new[direction]
        sums = torch.logaddexp(sums, term)
    return sums
