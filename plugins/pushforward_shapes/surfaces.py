"""Surfaces in space with analytic derivatives."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward_shapes.shape import ParametrisedShape


class Surface(ParametrisedShape):
    """Abstract: a surface in space."""

    parameters, space = 2, 3


class HyperbolicParaboloid(Surface):
    r"""A saddle over the square, with its middle at the middle of the square.

    .. math:: f(x) = \big(x_1,\; x_2,\; (x_1 - \tfrac12)^2 - (x_2 - \tfrac12)^2\big)
    """

    def at(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Points and derivatives."""
        u, v = (x - 0.5).unbind(-1)
        one, none = torch.ones_like(u), torch.zeros_like(u)
        along, across = torch.stack([one, none, 2 * u], 1), torch.stack([none, one, -2 * v], 1)
        return torch.cat([x, (u * u - v * v)[:, None]], 1), torch.stack([along, across], 2)


class Cylinder(Surface):
    r"""A cylinder of radius and height one, cut open along a line.

    .. math:: f(x) = (\cos 2 \pi x_1,\; \sin 2 \pi x_1,\; x_2)
    """

    def at(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Points and derivatives."""
        angle, height = 2 * math.pi * x[:, 0], x[:, 1]
        cosine, sine, none = angle.cos(), angle.sin(), torch.zeros_like(height)
        around = 2 * math.pi * torch.stack([-sine, cosine, none], 1)
        up = torch.stack([none, none, torch.ones_like(none)], 1)
        return torch.stack([cosine, sine, height], 1), torch.stack([around, up], 2)
