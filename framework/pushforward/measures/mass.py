"""Mass: whether what calls itself a density integrates to one."""

from __future__ import annotations

import torch
from torch import Tensor

from pushforward.problem import UserError
from pushforward.roles.measure import Look, Measure

ROWS = 8192  # evaluated at once


class Mass(Measure):
    r"""Integral of the model's density over a box around the held-out data, for one or two dimensions.

    .. math:: \int_{\text{box}} e^{\log p(x)}\, dx

    One for a density whose mass the box holds; a wrong log-determinant shows here at once. It is a sum over midpoints
    of a grid, so it has no standard error: `refinement` is its difference from the same sum over every other point
    along each axis, and `n` the number of points.

    Args:
        half_width: half of the box's side, the same along each axis and about the centre of the data; None means 2.5
            times the data's own half-extent, axis by axis.
        points: grid points along each axis.
        samples: at most how many held-out rows say where the data are.

    Raises:
        UserError: if the data have more than two dimensions, or a number is too small.
    """

    better = None
    mass: Tensor
    coarse: Tensor
    count: Tensor

    def __init__(self, half_width: float | None = None, points: int = 256, samples: int = 2000) -> None:
        super().__init__(sync_on_compute=False)
        if points < 2 or samples < 2 or (half_width is not None and not half_width > 0):
            raise UserError(
                f"mass: points {points} and samples {samples} must be at least 2, half_width {half_width} above zero"
            )
        self.half_width, self.points, self.samples = half_width, points, samples
        for name in ("mass", "coarse", "count"):
            self.add_state(name, default=torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def measure(self, look: Look) -> dict[str, float]:
        """Integrate the density over a box around the held-out data."""
        self.reset()
        y = look.real(self.samples).x
        grid, cell = grid_around(y.flatten(1).double().cpu(), self.half_width, self.points)
        points = grid.flatten(0, -2).reshape(-1, *y.shape[1:]).to(look.device, y.dtype)
        with torch.no_grad():
            log_density = torch.cat([look.game.log_density(x).double().cpu() for x in points.split(ROWS)])
        self.update(log_density.reshape(grid.shape[:-1]), cell)
        return self.compute()

    def update(self, log_density: Tensor, cell: float) -> None:
        """Take in log-densities on a grid, (points,) or (points, points), and the volume of one of its cells."""
        masses = log_density.detach().exp() * cell
        every_other = masses[(slice(None, None, 2),) * masses.ndim]
        self.mass = self.mass + masses.sum()
        self.coarse = self.coarse + every_other.sum() * 2**masses.ndim
        self.count = self.count + masses.numel()

    def compute(self) -> dict[str, float]:
        """The mass, and how much the refinement of the grid changed it."""
        refinement = abs(float(self.mass - self.coarse))
        return {"value": float(self.mass), "n": int(self.count), "refinement": refinement}


def grid_around(y: Tensor, half_width: float | None, points: int) -> tuple[Tensor, float]:
    """Midpoints of a grid over a box around y, (n, D): (points, ..., points, D), and the volume of a cell.

    Raises:
        UserError: if D is neither 1 nor 2, or all data coincide along an axis and no width is given.
    """
    dimension = y.shape[1]
    if dimension not in (1, 2):
        raise UserError(
            f"mass integrates over a grid in 1 or 2 dimensions, but the data have {dimension}: leave it out"
        )
    low, high = y.amin(0), y.amax(0)
    half = torch.full_like(low, half_width) if half_width is not None else 2.5 * (high - low) / 2
    if not bool((half > 0).all()):
        raise UserError("mass: all held-out data coincide along an axis, so that half_width must be given")
    steps = (torch.arange(points, dtype=y.dtype) + 0.5) / points * 2 - 1  # midpoints of [-1, 1]
    axes = [(low[d] + high[d]) / 2 + half[d] * steps for d in range(dimension)]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1), float((2 * half / points).prod())
