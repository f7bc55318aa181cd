"""The NEIS estimator on a grid of times: importance weights of whole trajectories, in the log domain."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from pushforward import UserError, VelocityField
from pushforward.numerics.integrators import step

LogDensity = Callable[[Tensor], Tensor]


class Path(NamedTuple):
    """Where a flow carries points, at the times k / N for k = -N, ..., N.

    Attributes:
        points: X_k, (2N + 1, n, D).
        log_jacobians: log |det dX_k / dX_0|, (2N + 1, n).
    """

    points: Tensor
    log_jacobians: Tensor


def log_weights(
    log_density: LogDensity, velocity: VelocityField, x: Tensor, steps: int = 50, start: float = -0.5
) -> Tensor:
    r"""log A of every row of x: A is an unbiased weight for Z where rows are drawn from N(0, I).

    .. math:: A(x) = \sum_{k} \frac{w_k\, \rho_1(X_k) J_k}{\sum_{j} w_j\, \rho_0(X_{k-j}) J_{k-j}}, \qquad
        \mathbb{E}_{x \sim \rho_0} A(x) = Z = \int \rho_1

    Both sums run over the N + 1 times of a window of length 1 that contains 0, w are trapezoid weights, J is the
    Jacobian of the flow, and rho_0 is the normalised density of N(0, I). The mean is exact where the map from one
    time to the next is an invertible map with its own Jacobian; a Runge-Kutta step of fourth order comes within
    O(1/N^4) of that. Only the N + 1 points of the window are shown to the log-density: `evaluations(steps)` a row.

    Reference: Cao, Vanden-Eijnden, "Learning Optimal Flows for Non-Equilibrium Importance Sampling", 2022,
    arXiv:2206.09908; exact on a grid by Thin et al., "NEO: Non Equilibrium Sampling on the Orbit of a Deterministic
    Transform", 2021, arXiv:2103.10943.

    Args:
        log_density: log rho_1, unnormalised, from (m, D) to (m,).
        velocity: the field b; asked at time 0 only, since the flow must be a group.
        x: starting points, (n, D).
        steps: N, grid steps of the unit window.
        start: where the window begins, between -1 and 0 and on the grid.

    Raises:
        UserError: if the window does not begin on the grid or does not contain time 0.
    """
    first = window_start(steps, start)
    terms = log_terms(log_density, follow(velocity, x, steps), first)
    nothing = (terms == -math.inf).all(0)  # a weight of zero: logsumexp would give it a gradient of NaN
    return terms.masked_fill(nothing, 0.0).logsumexp(0).masked_fill(nothing, -math.inf)


def evaluations(steps: int) -> int:
    """How often the weight of one row evaluates U."""
    return steps + 1


def window_start(steps: int, start: float) -> int:
    """The index at which the window begins, between -N and 0.

    Raises:
        UserError: if it lies off the grid, or the window does not contain time 0.
    """
    if steps < 1:
        raise UserError(f"steps is {steps}: a window needs at least 1")
    if not -1 <= start <= 0:
        raise UserError(f"start is {start}: the window has length 1 and contains time 0, so take -1 to 0")
    first = round(start * steps)
    if abs(first - start * steps) > 1e-6:
        raise UserError(f"start {start} is no multiple of 1/{steps}: change steps, or take start={first / steps}")
    return first


def follow(velocity: VelocityField, x: Tensor, steps: int) -> Path:
    """Where the flow carries x, (n, D), by Runge-Kutta steps of fourth order; differentiable in x and the field."""
    n = len(x)
    direction = torch.cat([x.new_full((n, 1), -1.0), x.new_ones(n, 1)])  # both halves of time at once

    def rates(_: float, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        y = state[0]
        return direction * velocity(0.0, y), direction[:, 0] * velocity.divergence(0.0, y)

    state: tuple[Tensor, ...] = (torch.cat([x, x]), x.new_zeros(2 * n))
    states = [state]
    for _ in range(steps):
        state = step(rates, 0.0, state, 1 / steps)
        states.append(state)
    points, log_jacobians = (torch.stack(column) for column in zip(*states, strict=True))
    return Path(*(torch.cat([y[1:, :n].flip(0), y[:, n:]]) for y in (points, log_jacobians)))


def log_terms(log_density: LogDensity, path: Path, first: int) -> Tensor:
    """The logarithms of the summands of A, (N + 1, n), in the order of times; `first` is the index of the earliest."""
    steps = len(path.points) // 2
    points, log_jacobians = window(path, first)
    log_target = log_density(points.flatten(0, 1)).view(log_jacobians.shape) + log_jacobians
    log_base = standard_normal(path.points) + path.log_jacobians
    trapezoid = log_base.new_zeros(steps + 1)
    trapezoid[[0, -1]] = -math.log(2)
    windows = log_base.unfold(0, steps + 1, 1)  # (N + 1, n, N + 1): row k holds the times k - j of all j
    return trapezoid[:, None] + log_target - (windows + trapezoid).logsumexp(2)


def window(path: Path, first: int) -> Path:
    """The N + 1 times of a path that `log_terms` weighs."""
    steps = len(path.points) // 2
    return Path(*(along[steps + first : 2 * steps + first + 1] for along in path))


def standard_normal(x: Tensor) -> Tensor:
    """log density of N(0, I) at x, (..., D)."""
    return -0.5 * (x.square().sum(-1) + x.shape[-1] * math.log(2 * math.pi))
