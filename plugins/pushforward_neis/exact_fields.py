"""Velocity fields whose flow is known in closed form: a step along them is exact, and so is its log-determinant."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from pushforward import UserError, VelocityField

Map = Callable[[Tensor], tuple[Tensor, Tensor]]


class ExactField(VelocityField):
    """Abstract: a velocity that does not change in time, with its flow."""

    @abc.abstractmethod
    def flow(self, time: float) -> Map:
        """The map from x, (n, D), to where it is after this time, before it if negative, and log |det dX/dx|, (n,)."""


class LinearField(ExactField):
    r"""A linear velocity.

    .. math:: b(x) = W x + c, \qquad \nabla \cdot b = \mathrm{tr}\, W, \qquad \log J_t = t\,\mathrm{tr}\, W

    Enough to carry one normal law into another: N(0, I) into N(m, S) by :math:`W = \tfrac12 \log S` and
    :math:`c = -W (I - S^{1/2})^{-1} m`. For several modes take a `gradient-field`.

    Reference: Cao, Vanden-Eijnden, "Learning Optimal Flows for Non-Equilibrium Importance Sampling", 2022,
    arXiv:2206.09908.

    Args:
        shape: the shape of one datum, (D,).
        scale: factor on the Glorot-uniform start of W.
        matrix: where W starts instead, (D, D); None means at random.
        drift: where c starts, (D,); None means at 0.

    Raises:
        UserError: if the target is no vector, or matrix or drift has another size.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        scale: float = 1.0,
        matrix: list[list[float]] | None = None,
        drift: list[float] | None = None,
    ) -> None:
        super().__init__()
        self.shape, self.scale, self.matrix, self.drift = shape, scale, matrix, drift
        d = dimension_of(shape)
        start = scale * nn.init.xavier_uniform_(torch.empty(d, d))
        self.weight = nn.Parameter(start if matrix is None else _sized("matrix", matrix, d, d))
        self.offset = nn.Parameter(torch.zeros(d) if drift is None else _sized("drift", drift, d))

    def forward(self, t: Tensor | float, x: Tensor) -> Tensor:
        """The velocity at x, (n, D)."""
        return nn.functional.linear(x, self.weight, self.offset)

    def divergence(self, t: Tensor | float, x: Tensor) -> Tensor:
        """The trace of W, for every row."""
        return self.weight.trace().expand(len(x))

    def flow(self, time: float) -> Map:
        """By the exponential of one matrix: that of the velocity of (x, 1)."""
        generator = nn.functional.pad(torch.cat([self.weight, self.offset[:, None]], 1), (0, 0, 0, 1))
        moved = torch.matrix_exp(time * generator)[:-1]
        grown = time * self.weight.trace()
        return lambda x: (nn.functional.linear(x, moved[:, :-1], moved[:, -1]), grown.expand(len(x)))


class Dilation(ExactField):
    r"""Everything moves away from the origin, the faster the farther.

    .. math:: b(x) = r x, \qquad X_t = e^{rt} x, \quad \log J_t = r t D

    Flow lines are rays: over infinite time every weight is Z where the target depends on the radius alone, whatever
    its radii, and any other target is averaged along rays.

    Reference: Rotskoff, Vanden-Eijnden, "Dynamical Computation of the Density of States and Bayes Factors Using
    Nonequilibrium Importance Sampling", 2019, arXiv:1809.11132.

    Args:
        shape: the shape of one datum, (D,).
        rate: r; negative ones contract.

    Raises:
        UserError: if the target is no vector.
    """

    def __init__(self, shape: tuple[int, ...], rate: float = 1.0) -> None:
        super().__init__()
        dimension_of(shape)
        self.shape, self.rate = shape, rate

    def forward(self, t: Tensor | float, x: Tensor) -> Tensor:
        """The velocity at x, (n, D)."""
        return self.rate * x

    def divergence(self, t: Tensor | float, x: Tensor) -> Tensor:
        """r D, for every row."""
        return x.new_full((len(x),), self.rate * x.shape[1])

    def flow(self, time: float) -> Map:
        """Along rays."""
        rate = self.rate * time
        return lambda x: (math.exp(rate) * x, x.new_full((len(x),), rate * x.shape[1]))


class FunnelField(ExactField):
    r"""Two numbers to learn: a drift along the funnel, and a contraction across it.

    .. math:: b(x) = (-\beta, -\alpha x_2, \dots, -\alpha x_D), \qquad \nabla \cdot b = -\alpha (D - 1)

    The field of the paper's funnel, which stops it outside of a ball where the target has no mass; without that stop
    its flow is a group of exact maps, and inside the ball it is the same.

    Reference: Cao, Vanden-Eijnden, "Learning Optimal Flows for Non-Equilibrium Importance Sampling", 2022,
    arXiv:2206.09908.

    Args:
        shape: the shape of one datum, (D,), with D at least 2.
        along: where beta starts.
        across: where alpha starts.

    Raises:
        UserError: if the target is no vector of two or more numbers.
    """

    def __init__(self, shape: tuple[int, ...], along: float = 2.0, across: float = 2.0) -> None:
        super().__init__()
        if dimension_of(shape) < 2:
            raise UserError("a funnel-field has a direction along and others across: the target has one number alone")
        self.shape, self.along, self.across = shape, along, across
        self.rates = nn.Parameter(torch.tensor([along, across]))

    def forward(self, t: Tensor | float, x: Tensor) -> Tensor:
        """The velocity at x, (n, D)."""
        along, across = self.rates
        return torch.cat([-along.expand(len(x), 1).to(x), -across * x[:, 1:]], 1)

    def divergence(self, t: Tensor | float, x: Tensor) -> Tensor:
        """-alpha (D - 1), for every row."""
        return (-self.rates[1] * (x.shape[1] - 1)).expand(len(x))

    def flow(self, time: float) -> Map:
        """Both motions by themselves."""
        along, across = self.rates
        shift, factor = time * along, (-time * across).exp()
        return lambda x: (torch.cat([x[:, :1] - shift, factor * x[:, 1:]], 1), time * self.divergence(0.0, x))


def dimension_of(shape: tuple[int, ...]) -> int:
    """D of a target of vectors.

    Raises:
        UserError: if it is none.
    """
    if len(shape) != 1:
        raise UserError(f"a velocity field moves vectors (D,): the target's shape is {tuple(shape)}")
    return shape[0]


def _sized(name: str, value: list[float] | list[list[float]], *size: int) -> Tensor:
    try:
        found = torch.tensor(value, dtype=torch.float32)
    except (TypeError, ValueError):
        found = torch.empty(0)
    if found.shape != size:
        got = " x ".join(map(str, found.shape)) if found.numel() else "rows of different lengths"
        raise UserError(f"linear-field: {name} is {got}: expected {' x '.join(map(str, size))}, as the target")
    return found
