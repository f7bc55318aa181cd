"""Diffeomorphisms of a box as residual flows: every layer moves points by a contraction that fixes the faces."""

from __future__ import annotations

import abc
from functools import partial

import torch
from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor, nn

from pushforward import Confined, Flow, UserError
from pushforward_shapes.inverse import solved, through
from pushforward_shapes.lipschitz import LipschitzBall

Moved = tuple[Tensor, Tensor]  # where points are moved to, and a derivative or log-determinant there


class ResidualDiffeomorphism(Flow, Confined):
    """Abstract: layers x + f(x) one after the other, from the box [0, 1]^d onto itself.

    Args:
        constants: the Lipschitz constants of the functions of which f is made, in the shape of a layer's weights.
        layers: how many layers.
        spread: the standard deviation of the weights at the beginning.
        tolerance: how far a layer's value at its inverse may be from the point that was asked.
    """

    inverse_kind = "iterative"
    domain = "box"
    projection: LipschitzBall

    def __init__(self, constants: Tensor, layers: int, spread: NonNegativeFloat, tolerance: PositiveFloat) -> None:
        super().__init__()
        if not spread >= 0 or not 0 < tolerance < 1:
            raise UserError(
                f"spread is {spread}, tolerance {tolerance}: expected at least 0, and a number between 0 and 1"
            )
        self.layers, self.spread, self.tolerance = layers, spread, tolerance
        self.projection = LipschitzBall(constants)
        start = spread * torch.randn((layers, *constants.shape), dtype=torch.float64)
        self.weights = nn.Parameter(self.projection(start))

    @abc.abstractmethod
    def layer(self, weights: Tensor, x: Tensor) -> Moved:
        """x + f(x) at points (n, d), and its Jacobian, (n, d, d)."""

    def push(self, z: Tensor, condition: Tensor | None = None) -> Moved:
        """Layer after layer."""
        x, log_det = z, z.new_zeros(len(z))
        for weights in self.weights.to(z.dtype):
            x, jacobian = self.layer(weights, x)
            log_det = log_det + determinant(jacobian).log()
        return kept_inside(x, z), log_det

    def pull(self, x: Tensor, condition: Tensor | None = None) -> Moved:
        """Layer before layer, each to the tolerance: derivatives are those of the implicit function."""
        z, log_det = x, x.new_zeros(len(x))
        for weights in self.weights.to(x.dtype).flip(0):
            layer = partial(self.layer, weights)
            z = through(layer, solved(layer, z.detach(), self.tolerance), z)
            log_det = log_det - determinant(self.layer(weights, z)[1]).log()
        return kept_inside(z, x), log_det

    def slack(self) -> Tensor:
        """How far each layer is from the edge of what is allowed, (layers,): one less its Lipschitz bound."""
        return 1 - self.projection.sizes(self.weights)


def determinant(jacobian: Tensor) -> Tensor:
    """Of matrices of one or two rows, (n,)."""
    if jacobian.shape[-1] == 1:
        return jacobian[..., 0, 0]
    return jacobian[..., 0, 0] * jacobian[..., 1, 1] - jacobian[..., 0, 1] * jacobian[..., 1, 0]


def kept_inside(moved: Tensor, before: Tensor) -> Tensor:
    """Points of the box stay in it, against rounding at its faces."""
    inside = ((before >= 0) & (before <= 1)).all(-1, keepdim=True)
    return torch.where(inside, moved.clamp(0, 1), moved)
