"""Curves in the plane with analytic derivatives: those of the experiments, and one with a constant Q-map."""

from __future__ import annotations

import math

import torch
from pydantic import PositiveFloat
from torch import Tensor

from pushforward import UserError
from pushforward_shapes.shape import ParametrisedShape


class PlaneCurve(ParametrisedShape):
    """Abstract: a curve in the plane."""

    parameters, space = 1, 2


class Circle(PlaneCurve):
    r"""A round arc about the origin, of radius one.

    .. math:: c(x) = (\cos 2 \pi a x,\; \sin 2 \pi a x)

    Args:
        turns: the number a of times it goes around.

    Raises:
        UserError: if it goes nowhere.
    """

    def __init__(self, turns: PositiveFloat = 1.0) -> None:
        if not 0 < turns < math.inf:
            raise UserError(f"a circle of {turns} turns: expected a number above 0")
        self.turns = turns

    def at(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Points and derivatives."""
        rate = 2 * math.pi * self.turns
        points = torch.cat([(rate * x).cos(), (rate * x).sin()], 1)
        return points, rate * torch.stack([-points[:, 1], points[:, 0]], 1)[..., None]


class HalfCircle(Circle):
    r"""The upper half of the circle of radius one.

    .. math:: c(x) = (\cos \pi x,\; \sin \pi x)
    """

    def __init__(self) -> None:
        super().__init__(0.5)


class Infinity(PlaneCurve):
    r"""A figure of eight, lying.

    .. math:: c(x) = (\cos 2 \pi x,\; \sin 4 \pi x)
    """

    def at(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Points and derivatives."""
        across, up = 2 * math.pi * x, 4 * math.pi * x
        points = torch.cat([across.cos(), up.sin()], 1)
        slopes = torch.cat([-2 * math.pi * across.sin(), 4 * math.pi * up.cos()], 1)
        return points, slopes[..., None]


class CubeRootLine(PlaneCurve):
    r"""A straight line that is gone through so that its Q-map is constant.

    .. math:: c(x) = (0,\; (3x + 1)^{1/3}), \qquad \sqrt{|c'|}\, c = (0, 1)

    Against a half circle the best reparametrisation is known: x - sin(2 pi x) / (2 pi), with the distance
    pi + 1 - sqrt(2 pi).
    """

    def at(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Points and derivatives."""
        height = (3 * x + 1) ** (1 / 3)
        return torch.cat([torch.zeros_like(x), height], 1), torch.cat([torch.zeros_like(x), height**-2], 1)[..., None]
