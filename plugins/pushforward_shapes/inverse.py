"""The inverse of a map that is monotone but has no formula: damped Newton steps, row by row, and its derivatives."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pushforward import RunFailed

Map = Callable[[Tensor], tuple[Tensor, Tensor]]  # points (n, d) to their values (n, d) and Jacobians (n, d, d)

STEPS = 500


@torch.no_grad()
def solved(map: Map, y: Tensor, tolerance: float) -> Tensor:
    """The points whose values are y, to the tolerance or to what the type of numbers allows; NaN where y is NaN.

    Every row takes Newton steps of its own, halved until its residual falls: what is found for it does not depend on
    the others. Where the map is x + f(x) with a contraction f, some halved step always helps.

    Raises:
        RunFailed: if rows are not there after 500 steps.
    """
    eps = 8 * torch.finfo(y.dtype).eps
    allowed = (eps * y.abs().amax(1, keepdim=True)).clamp_min(max(tolerance, eps))
    x, share = y, torch.ones_like(y[:, :1])
    value, jacobian = map(x)
    off = (value - y).norm(dim=1, keepdim=True)
    for _ in range(STEPS):
        far = off > allowed
        if not bool(far.any()):
            return x
        trial = x - share * solve_small(jacobian, value - y)
        there, slope = map(trial)
        rest = (there - y).norm(dim=1, keepdim=True)
        better = far & (rest < (1 - share / 4) * off)
        x, value, off = torch.where(better, trial, x), torch.where(better, there, value), torch.where(better, rest, off)
        jacobian = torch.where(better[..., None], slope, jacobian)
        share = torch.where(better, (2 * share).clamp(max=1.0), share / 2)
    left = int((off > allowed).sum())
    raise RunFailed(
        f"{left} of {len(y)} points could not be traced back to {float(allowed.max()):.3g}: the worst is off by "
        f"{float(off.max()):.3g}"
    )


def through(map: Map, x: Tensor, y: Tensor) -> Tensor:
    """The solution x itself, with the derivatives of the implicit function, in y and in what the map depends on.

    Two Newton steps from the constant x: one has the first derivatives, and what is left of an error is squared by the
    second, so that derivatives are right up to the third.
    """
    if not torch.is_grad_enabled():
        return x
    moved = x
    for _ in range(2):
        value, jacobian = map(moved)
        moved = moved - solve_small(jacobian, value - y)
    return x + (moved - moved.detach())


def solve_small(matrix: Tensor, right: Tensor) -> Tensor:
    """Systems of one or two equations, (n, d)."""
    if matrix.shape[-1] == 1:
        return right / matrix[..., 0]
    a, b, c, d = (matrix[..., i, j] for i in range(2) for j in range(2))
    p, q = right.unbind(-1)
    return torch.stack([d * p - b * q, a * q - c * p], -1) / (a * d - b * c)[..., None]
