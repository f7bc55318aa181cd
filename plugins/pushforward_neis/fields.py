"""Velocity fields whose divergence is known in closed form, so that trajectories cost no further backward pass."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pushforward import UserError, VelocityField


class LinearField(VelocityField):
    r"""A linear velocity.

    .. math:: b(x) = W x + c, \qquad \nabla \cdot b = \mathrm{tr}\, W

    Enough to carry one normal law into another. For several modes take a `gradient-field`.

    Reference: Cao, Vanden-Eijnden, "Learning Optimal Flows for Non-Equilibrium Importance Sampling", 2022,
    arXiv:2206.09908.

    Args:
        shape: the shape of one datum, (D,).
        scale: factor on the Glorot-uniform start of W; c starts at 0.

    Raises:
        UserError: if the target is no vector.
    """

    def __init__(self, shape: tuple[int, ...], scale: float = 1.0) -> None:
        super().__init__()
        self.shape, self.scale = shape, scale
        dimension = _dimension(shape)
        self.weight = nn.Parameter(scale * nn.init.xavier_uniform_(torch.empty(dimension, dimension)))
        self.offset = nn.Parameter(torch.zeros(dimension))

    def forward(self, t: Tensor | float, x: Tensor) -> Tensor:
        """The velocity at x, (n, D)."""
        return nn.functional.linear(x, self.weight, self.offset)

    def divergence(self, t: Tensor | float, x: Tensor) -> Tensor:
        """The trace of W, for every row."""
        return self.weight.trace().expand(len(x))


class GradientField(VelocityField):
    r"""The gradient of a potential: a network with one hidden layer of softplus units.

    .. math:: b(x) = \nabla_x\, a^\top \mathrm{softplus}(W x + c) = W^\top (a \odot \sigma(W x + c)), \qquad
        \nabla \cdot b = \sum_j a_j |W_j|^2 \sigma'(W x + c)_j

    The field of the paper's examples. It is bounded, so that no trajectory runs away.

    Reference: Cao, Vanden-Eijnden, "Learning Optimal Flows for Non-Equilibrium Importance Sampling", 2022,
    arXiv:2206.09908.

    Args:
        shape: the shape of one datum, (D,).
        width: hidden units.
        scale: factor on the Glorot-uniform start of the last layer a; W starts Glorot-uniform, c at 0.

    Raises:
        UserError: if the target is no vector, or there is no hidden unit.
    """

    def __init__(self, shape: tuple[int, ...], width: int = 20, scale: float = 5.0) -> None:
        super().__init__()
        if width < 1:
            raise UserError(f"width is {width}: expected at least 1 hidden unit")
        self.shape, self.width, self.scale = shape, width, scale
        self.inner = nn.Parameter(nn.init.xavier_uniform_(torch.empty(width, _dimension(shape))))
        self.offset = nn.Parameter(torch.zeros(width))
        self.outer = nn.Parameter(scale * nn.init.xavier_uniform_(torch.empty(1, width)).squeeze(0))

    def forward(self, t: Tensor | float, x: Tensor) -> Tensor:
        """The velocity at x, (n, D)."""
        return (self._open(x) * self.outer) @ self.inner

    def divergence(self, t: Tensor | float, x: Tensor) -> Tensor:
        """The trace of its Jacobian, (n,)."""
        gate = self._open(x)
        return (gate * (1 - gate)) @ (self.outer * self.inner.square().sum(1))

    def _open(self, x: Tensor) -> Tensor:
        return torch.sigmoid(nn.functional.linear(x, self.inner, self.offset))  # the slope of softplus


def _dimension(shape: tuple[int, ...]) -> int:
    if len(shape) != 1:
        raise UserError(f"a velocity field moves vectors (D,): the target's shape is {tuple(shape)}")
    return shape[0]
