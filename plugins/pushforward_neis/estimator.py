"""The NEIS estimator on a grid of times: importance weights of whole trajectories, in the log domain."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from pushforward_neis.steppers import Stepper
from pushforward_neis.window import Window

LogDensity = Callable[[Tensor], Tensor]

LEAST = -1e30  # stands for a logarithm of zero where a gradient is taken through cumulative sums


class Path(NamedTuple):
    """Where a flow carries points, at the times k h for k = -N, ..., N.

    Attributes:
        points: X_k, (2N + 1, n, D).
        log_jacobians: log |det dX_k / dX_0|, (2N + 1, n).
    """

    points: Tensor
    log_jacobians: Tensor

    @property
    def gone(self) -> Tensor:
        """Where the flow has left every bounded set, (2N + 1, n): a point or its Jacobian is not finite."""
        return ~(self.points.isfinite().all(-1) & self.log_jacobians.isfinite())


def log_weights(
    log_density: LogDensity, log_base: LogDensity, stepper: Stepper, x: Tensor, window: Window, recompute: bool = False
) -> Tensor:
    r"""log A of every row of x: A is an unbiased weight for Z where rows are drawn from the base.

    .. math:: A(x) = \sum_{k} \frac{w_k\, \rho_1(X_k) J_k}{\sum_{j} w_j\, \rho_0(X_{k-j}) J_{k-j}}, \qquad
        \mathbb{E}_{x \sim \rho_0} A(x) = Z = \int \rho_1

    Both sums run over the N + 1 times of a window that contains 0, w are trapezoid weights, J is the Jacobian of the
    flow, and rho_0 is the normalised density of the base. The mean is exact where a step is an exact map with its own
    Jacobian; a Runge-Kutta step of fourth order comes within O(h^4) of that. Only the N + 1 points of the window are
    shown to the log-density.

    A trajectory that runs away ends there: later times count as nothing in both sums, for which the mean still is Z.

    Reference: Cao, Vanden-Eijnden, "Learning Optimal Flows for Non-Equilibrium Importance Sampling", 2022,
    arXiv:2206.09908; exact on a grid by Thin et al., "NEO: Non Equilibrium Sampling on the Orbit of a Deterministic
    Transform", 2021, arXiv:2103.10943.

    Args:
        log_density: log rho_1, unnormalised, from (m, D) to (m,).
        log_base: log rho_0, normalised.
        stepper: what moves points by one step of the window.
        x: starting points, (n, D).
        window: the times.
        recompute: whether a backward pass follows trajectories again instead of keeping what each step computed.
    """
    return sum_of(log_terms(log_density, log_base, follow(stepper, x, window.steps, recompute), window))


def sum_of(terms: Tensor) -> Tensor:
    """log A from the logarithms of its summands."""
    nothing = (terms == -math.inf).all(0)  # a weight of zero: logsumexp would give it a gradient of NaN
    return terms.masked_fill(nothing, 0.0).logsumexp(0).masked_fill(nothing, -math.inf)


def follow(stepper: Stepper, x: Tensor, steps: int, recompute: bool = False) -> Path:
    """Where a stepper carries x, (n, D), `steps` steps back and as many ahead; differentiable in x and the field."""
    n = len(x)
    sign = torch.cat([x.new_full((n, 1), -1.0), x.new_ones(n, 1)])  # both halves of time at once
    y, grown = torch.cat([x, x]), x.new_zeros(2 * n)
    points, log_jacobians = [y], [grown]
    for _ in range(steps):
        if recompute and torch.is_grad_enabled():
            y, more = checkpoint(stepper.advance, y, sign, use_reentrant=False)
        else:
            y, more = stepper.advance(y, sign)
        grown = grown + more
        points.append(y)
        log_jacobians.append(grown)
    return Path(*(_in_order(torch.stack(states), n) for states in (points, log_jacobians)))


def log_terms(log_density: LogDensity, log_base: LogDensity, path: Path, window: Window) -> Tensor:
    """The logarithms of the summands of A, (N + 1, n), in the order of times."""
    steps = window.steps
    gone = path.gone
    points = path.points.masked_fill(gone[..., None], 0.0)
    log_jacobians = path.log_jacobians.masked_fill(gone, -math.inf)
    seen = within(Path(points, log_jacobians), window)
    log_target = log_density(seen.points.flatten(0, 1)).view(seen.log_jacobians.shape) + seen.log_jacobians
    mass = log_base(points.flatten(0, 1)).view(log_jacobians.shape) + log_jacobians
    trapezoid = mass.new_zeros(steps + 1, 1)
    trapezoid[[0, -1]] = -math.log(2)
    log_target = torch.where(within(Path(points, gone), window).log_jacobians, -math.inf, log_target)
    return trapezoid + log_target - log_window_sums(mass)


def within(path: Path, window: Window) -> Path:
    """The N + 1 times of a path that a window shows to the target."""
    first = window.steps + window.first
    return Path(*(along[first : first + window.steps + 1] for along in path))


def log_window_sums(log_mass: Tensor) -> Tensor:
    """The logarithm of the trapezoid sum over every N + 1 neighbours among 2N + 1, (N + 1, n), in O(N).

    All such windows hold the middle one of the times: each is a part of the left half, the middle, and a part of the
    right half, and these parts are cumulative sums from the middle outwards.
    """
    steps, half = len(log_mass) // 2, math.log(2)
    log_mass = log_mass.clamp_min(LEAST)
    none = log_mass.new_full((1, log_mass.shape[1]), LEAST)
    left, middle, right = log_mass[:steps], log_mass[steps], log_mass[steps + 1 :]
    inner_left = torch.cat([left[1:].flip(0).logcumsumexp(0).flip(0), none, none])  # times k + 1 to -1
    inner_right = torch.cat([none, none, right[:-1].logcumsumexp(0)])  # times 1 to k + N - 1
    centre = torch.cat([none, middle.expand(steps - 1, -1), none])
    parts = [log_mass[: steps + 1] - half, inner_left, centre, inner_right, log_mass[steps:] - half]
    return torch.stack(parts).logsumexp(0)


def _in_order(states: Tensor, n: int) -> Tensor:
    """From both halves side by side, (N + 1, 2n, ...), to one row of times, (2N + 1, n, ...)."""
    return torch.cat([states[1:, :n].flip(0), states[:, n:]])
