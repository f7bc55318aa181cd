"""A shape is a parametrised curve or surface; how it is gone through is a matter of its parametrisation."""

from __future__ import annotations

import abc

import torch
from torch import Tensor

CELLS, ZOOMS = {1: 1024, 2: 96}, 6  # where the slowest place is looked for, by the number of parameters


class ParametrisedShape(abc.ABC):
    """Abstract: a curve on [0, 1] or a surface on [0, 1]^2, with its derivative.

    Attributes:
        parameters: 1 for a curve, 2 for a surface.
        space: the number of coordinates of its points.
    """

    parameters: int
    space: int

    @abc.abstractmethod
    def at(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Points (n, space) and derivatives (n, space, parameters) at x, (n, parameters); differentiable in x."""


class Reparametrisation(abc.ABC):
    """Abstract: another way to go through a shape, a diffeomorphism of [0, 1]^d onto itself that is known.

    Attributes:
        parameters: d.
    """

    parameters: int

    @abc.abstractmethod
    def at(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Where x is moved to, (n, d), and the Jacobian there, (n, d, d)."""


def size(derivative: Tensor) -> Tensor:
    """The speed of a curve, or how much a surface enlarges areas, (n,)."""
    gram = derivative.mT @ derivative
    if gram.shape[-1] == 1:
        return gram[..., 0, 0].sqrt()
    return (gram[..., 0, 0] * gram[..., 1, 1] - gram[..., 0, 1] ** 2).clamp_min(0).sqrt()


@torch.no_grad()
def slowest(shape: ParametrisedShape) -> tuple[Tensor, float]:
    """Where a shape is gone through most slowly, (parameters,), and its size there as a part of the largest one."""
    d = shape.parameters
    middle, half, largest = torch.full((d,), 0.5, dtype=torch.float64), 0.5, 0.0
    for _ in range(ZOOMS):
        offsets = torch.linspace(-half, half, CELLS[d] + 1, dtype=torch.float64)
        grid = (middle + torch.cartesian_prod(*[offsets] * d).view(-1, d)).clamp(0, 1)
        found = size(shape.at(grid)[1])
        middle, least, half = grid[found.argmin()], float(found.min()), 2 * half / CELLS[d]
        largest = max(largest, float(found.max()))
    return middle, least / largest if largest else 0.0
