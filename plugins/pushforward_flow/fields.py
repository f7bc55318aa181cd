"""Velocity fields that change in time: linear ones and gradients of potentials, with closed-form divergence if any."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pushforward import Network, UserError, VelocityField


class TimedLinearField(VelocityField):
    r"""A linear velocity whose coefficients are polynomials of time.

    .. math:: b(t, x) = \sum_{k=0}^{K} t^k (W_k x + c_k), \qquad \nabla \cdot b = \sum_k t^k\, \mathrm{tr}\, W_k

    Enough to carry one normal law into another; its flow is affine. With `order: 0` it does not change in time. It
    begins at rest but for W_0.

    Args:
        shape: the shape of one datum, (D,).
        order: the degree K.
        scale: factor on the Glorot-uniform start of W_0; all else starts at 0.

    Raises:
        UserError: if data are no vectors, or the order is negative.
    """

    def __init__(self, shape: tuple[int, ...], order: int = 2, scale: float = 0.1) -> None:
        super().__init__()
        if order < 0:
            raise UserError(f"timed-linear-field: order is {order}: expected at least 0")
        self.shape, self.order, self.scale = shape, order, scale
        dimension = _dimension(shape)
        weights = torch.zeros(order + 1, dimension, dimension)
        nn.init.xavier_uniform_(weights[0], gain=scale)
        self.weights = nn.Parameter(weights)
        self.offsets = nn.Parameter(torch.zeros(order + 1, dimension))

    def forward(self, t: Tensor | float, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """The velocity at x, (n, D)."""
        powers = self._powers(t, x)
        weight, offset = torch.einsum("nk,kij->nij", powers, self.weights), powers @ self.offsets
        return torch.einsum("nij,nj->ni", weight.expand(len(x), -1, -1), x) + offset

    def divergence(self, t: Tensor | float, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """The trace of the coefficient at that time, for every row."""
        traces = self.weights.diagonal(dim1=1, dim2=2).sum(1)
        return (self._powers(t, x) @ traces).expand(len(x))

    def _powers(self, t: Tensor | float, x: Tensor) -> Tensor:
        time = torch.as_tensor(t, dtype=x.dtype, device=x.device).reshape(-1, 1)
        return torch.cat([time**k for k in range(self.order + 1)], 1)  # (1 or n, order + 1)


class TimedGradientField(VelocityField):
    r"""The gradient of a potential that changes in time: one hidden layer of softplus units that see the time.

    .. math:: b(t, x) = \nabla_x\, a^\top \mathrm{softplus}(W x + w t + c) = W^\top (a \odot \sigma(W x + w t + c)),
        \qquad \nabla \cdot b = \sum_j a_j |W_j|^2 \sigma'(W x + w t + c)_j

    Optimal transport moves along gradients. The divergence costs no backward pass, and the field is bounded, so that
    no point runs away.

    Args:
        shape: the shape of one datum, (D,).
        width: hidden units.
        scale: factor on the Glorot-uniform start of the last layer a; W and w start as torch's linear layers do.

    Raises:
        UserError: if data are no vectors, or there is no hidden unit.
    """

    def __init__(self, shape: tuple[int, ...], width: int = 128, scale: float = 1.0) -> None:
        super().__init__()
        if width < 1:
            raise UserError(f"timed-gradient-field: width is {width}: expected at least 1 hidden unit")
        self.shape, self.width, self.scale = shape, width, scale
        self.inner = nn.Linear(_dimension(shape) + 1, width)
        self.outer = nn.Parameter(scale * nn.init.xavier_uniform_(torch.empty(1, width)).squeeze(0))

    def forward(self, t: Tensor | float, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """The velocity at x, (n, D)."""
        return (self._open(t, x) * self.outer) @ self.inner.weight[:, :-1]

    def divergence(self, t: Tensor | float, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """The trace of its Jacobian, (n,)."""
        gate = self._open(t, x)
        return (gate * (1 - gate)) @ (self.outer * self.inner.weight[:, :-1].square().sum(1))

    def _open(self, t: Tensor | float, x: Tensor) -> Tensor:
        return torch.sigmoid(self.inner(_beside(t, x)))  # the slope of softplus


class PotentialField(VelocityField):
    r"""The gradient of a potential that is any network of time and place.

    .. math:: b(t, x) = \nabla_x \phi(t, x), \qquad \nabla \cdot b = \Delta_x \phi

    For gradients that one hidden layer cannot make. A velocity costs a backward pass, a divergence D more; the network
    must be smooth, such as one of silu or softplus.

    Args:
        network: the potential, of time and place to one number.
        shape: the shape of one datum, (D,).
        timed: whether it sees the time.

    Raises:
        UserError: if data are no vectors.
    """

    def __init__(self, network: Network, shape: tuple[int, ...], timed: bool = True) -> None:
        super().__init__()
        self.shape, self.timed = shape, timed
        self.network = network((_dimension(shape) + timed,), ())  # networks are made by whoever knows their shapes

    def forward(self, t: Tensor | float, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """The velocity at x, (n, D)."""

        def potential(y: Tensor) -> Tensor:
            total: Tensor = self.network(_beside(t, y) if self.timed else y).sum()
            return total

        return torch.func.grad(potential)(x)


def _beside(t: Tensor | float, x: Tensor) -> Tensor:
    time = torch.as_tensor(t, dtype=x.dtype, device=x.device).reshape(-1, 1)
    return torch.cat([x, time.expand(len(x), 1)], 1)


def _dimension(shape: tuple[int, ...]) -> int:
    if len(shape) != 1:
        raise UserError(f"a velocity field moves vectors (D,): the target's shape is {tuple(shape)}")
    return shape[0]
