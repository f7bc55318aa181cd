"""The velocity that makes every flow line carry equal shares of a uniform base and of a target on the unit square."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import PositiveInt
from torch import Tensor

from pushforward import Target, UserError, VelocityField

GRID = 256  # midpoints a side, at which the target is read


class PoissonField(VelocityField):
    r"""The gradient of the solution of a Poisson equation on the square.

    .. math:: b = \nabla V, \qquad \Delta V = \hat \rho_1 - \hat \rho_0, \qquad \partial_n V = 0

    Along whole flow lines from `uniform-box` or `uniform-torus` every weight is then Z, up to the waves that the series
    leaves out. It is computed once, from the target's density on a grid: a reference for learned fields, in two
    dimensions.

    Reference: Cao, Vanden-Eijnden, "Learning Optimal Flows for Non-Equilibrium Importance Sampling", 2022,
    arXiv:2206.09908, appendix G.

    Args:
        target: the density.
        boundary: `neumann`: the unit square, which no line leaves; or `periodic`: the torus of angles, -pi to pi, where
            V is periodic instead.
        waves: how many waves a direction the series has.

    Raises:
        UserError: if the target is not on the plane, has no finite density on the square, or there is no wave.
    """

    def __init__(
        self, target: Target, boundary: Literal["neumann", "periodic"] = "neumann", waves: PositiveInt = 16
    ) -> None:
        super().__init__()
        if tuple(target.shape) != (2,):
            raise UserError(f"poisson-field is for the square: the target's shape is {tuple(target.shape)}, not (2,)")
        if (boundary == "periodic") != (target.domain == "torus"):
            raise UserError(
                f"poisson-field: the boundary is {boundary}, and the target lives on the {target.domain}: expected"
                " periodic for a torus, neumann for a box"
            )
        if not 1 <= waves < GRID // 2:
            raise UserError(f"waves is {waves}: expected 1 to {GRID // 2 - 1}")
        self.shape, self.boundary, self.waves = (2,), boundary, waves
        low, side = (0.0, 1.0) if boundary == "neumann" else (-math.pi, 2 * math.pi)
        middle = low + side * (torch.arange(GRID, dtype=torch.float64) + 0.5) / GRID
        log_density = target.log_density(torch.cartesian_prod(middle, middle)).detach().view(GRID, GRID)
        density = (log_density - log_density.max()).exp()
        if not bool(density.isfinite().all()):
            raise UserError("poisson-field: the target's density is not finite somewhere on the square")
        along, _ = self._series(middle)
        along = along / along.square().sum(0)
        excess = along.mT @ (density / (density.mean() * side**2)) @ along
        excess[0, 0] = 0.0
        frequency = self._frequencies().square()
        squares = frequency[:, None] + frequency
        squares[0, 0] = 1.0
        self.register_buffer("excess", excess)
        self.register_buffer("potential", -excess / squares)

    def forward(self, t: Tensor | float, x: Tensor) -> Tensor:
        """The velocity at x, (n, 2)."""
        (f, slope_f), (g, slope_g) = (self._series(x[:, i]) for i in (0, 1))
        potential = self.potential.to(x)
        across, up = ((slope_f @ potential) * g).sum(1), ((f @ potential) * slope_g).sum(1)
        return torch.stack([across, up], 1)

    def divergence(self, t: Tensor | float, x: Tensor) -> Tensor:
        """The excess of the normalised target over the uniform law, (n,)."""
        (f, _), (g, _) = (self._series(x[:, i]) for i in (0, 1))
        return ((f @ self.excess.to(x)) * g).sum(1)

    def _frequencies(self) -> Tensor:
        number = torch.arange(self.waves + 1, dtype=torch.float64)
        if self.boundary == "neumann":
            return math.pi * number
        return torch.cat([number, number[1:]])

    def _series(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Every wave at x, (n, waves), and its slope: cosines, and sines too where edges are one."""
        frequency = self._frequencies().to(x)
        phase = x[:, None] * frequency
        even = len(frequency) if self.boundary == "neumann" else self.waves + 1
        cosine, sine = phase.cos(), phase.sin()
        value = torch.cat([cosine[:, :even], sine[:, even:]], 1)
        slope = torch.cat([-sine[:, :even], cosine[:, even:]], 1) * frequency
        return value, slope
