"""Velocity fields of one hidden layer, whose divergence is known in closed form: trajectories cost no backward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from pushforward import UserError, VelocityField
from pushforward_neis.exact_fields import dimension_of


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

    def __init__(self, shape: tuple[int, ...], width: PositiveInt = 20, scale: float = 5.0) -> None:
        super().__init__()
        self.shape, self.width, self.scale = shape, _at_least_one(width), scale
        self.inner = nn.Parameter(nn.init.xavier_uniform_(torch.empty(width, dimension_of(shape))))
        self.offset = nn.Parameter(torch.zeros(width))
        self.outer = nn.Parameter(scale * nn.init.xavier_uniform_(torch.empty(1, width)).squeeze(0))

    def forward(self, t: Tensor | float, x: Tensor) -> Tensor:
        """The velocity at x, (n, D)."""
        return (self._open(x) * self.outer) @ self.inner

    def divergence(self, t: Tensor | float, x: Tensor) -> Tensor:
        """The trace of its Jacobian, (n,)."""
        return self.with_divergence(t, x)[1]

    def with_divergence(self, t: Tensor | float, x: Tensor) -> tuple[Tensor, Tensor]:
        """Both, from one pass."""
        return self.steady()(x)

    def steady(self) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
        """Both, with the products of weights computed once."""
        push, spread = self.outer[:, None] * self.inner, self.outer * self.inner.square().sum(1)

        def rates(x: Tensor) -> tuple[Tensor, Tensor]:
            gate = self._open(x)
            return gate @ push, torch.addcmul(gate, gate, gate, value=-1) @ spread

        return rates

    def _open(self, x: Tensor) -> Tensor:
        return torch.sigmoid(nn.functional.linear(x, self.inner, self.offset))  # the slope of softplus


class GenericField(VelocityField):
    r"""A network with one hidden layer that need be no gradient.

    .. math:: b(x) = V s(W x + c) + d, \qquad \nabla \cdot b = \sum_j (W V)_{jj}\, s'(W x + c)_j

    It may turn round, as no gradient can. With softplus units it grows with the distance, at most linearly.

    Reference: Cao, Vanden-Eijnden, "Learning Optimal Flows for Non-Equilibrium Importance Sampling", 2022,
    arXiv:2206.09908.

    Args:
        shape: the shape of one datum, (D,).
        width: hidden units.
        scale: factor on the Glorot-uniform start of the last layer V; W starts Glorot-uniform, c and d at 0.
        activation: s, `softplus` or `tanh`; with the latter the field is bounded.

    Raises:
        UserError: if the target is no vector, or there is no hidden unit.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        width: PositiveInt = 20,
        scale: float = 5.0,
        activation: Literal["softplus", "tanh"] = "softplus",
    ) -> None:
        super().__init__()
        self.shape, self.width, self.scale, self.activation = shape, _at_least_one(width), scale, activation
        d = dimension_of(shape)
        self.inner = nn.Parameter(nn.init.xavier_uniform_(torch.empty(width, d)))
        self.offset = nn.Parameter(torch.zeros(width))
        self.outer = nn.Parameter(scale * nn.init.xavier_uniform_(torch.empty(d, width)))
        self.drift = nn.Parameter(torch.zeros(d))

    def forward(self, t: Tensor | float, x: Tensor) -> Tensor:
        """The velocity at x, (n, D)."""
        return self.with_divergence(t, x)[0]

    def divergence(self, t: Tensor | float, x: Tensor) -> Tensor:
        """The trace of its Jacobian, (n,)."""
        return self.with_divergence(t, x)[1]

    def with_divergence(self, t: Tensor | float, x: Tensor) -> tuple[Tensor, Tensor]:
        """Both, from one pass."""
        hidden = nn.functional.linear(x, self.inner, self.offset)
        if self.activation == "tanh":
            bent = torch.tanh(hidden)
            slope = 1 - bent.square()
        else:
            bent, slope = nn.functional.softplus(hidden), torch.sigmoid(hidden)
        through = (self.inner * self.outer.mT).sum(1)
        return nn.functional.linear(bent, self.outer, self.drift), slope @ through


def _at_least_one(width: int) -> int:
    if width < 1:
        raise UserError(f"width is {width}: expected at least 1 hidden unit")
    return width
