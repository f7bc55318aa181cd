"""Diffeomorphisms of the square, of layers whose displacement is a sum of products of sines and cosines."""

from __future__ import annotations

import math

import torch
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor

from pushforward import UserError
from pushforward_shapes.residual import Moved, ResidualDiffeomorphism


class SquareDiffeomorphism(ResidualDiffeomorphism):
    r"""A map of the square [0, 1]^2 onto itself that turns nothing over, composed of layers of sines.

    .. math:: \varphi(x) = x + f(x), \qquad f_1(x) = \sum_{k \le n} \frac{\sin(\pi k x_1)}{\pi k} \Big( a_k
        + \sum_{l \le n} b_{kl} \frac{\sin(2 \pi l x_2)}{l} + c_{kl} \frac{\cos(2 \pi l x_2)}{l} \Big)

    and f_2 with the coordinates exchanged. To go through a surface along other lines, and to learn densities on a
    square. Corners stay, edges stay edges; points move along them. The weights of both coordinates together satisfy

    .. math:: \sum |a_k| + \sum (|b_{kl}| + |c_{kl}|)\, \max(1/l,\, 2/k) < 1

    in every layer. The constants are the largest slopes of the functions; with smaller ones, as the published code has
    them, a layer may have a determinant of -1.

    Reference: Celledoni, Glöckner, Riseth, Schmeding, "Deep neural networks on diffeomorphism groups for optimal shape
    reparameterization", 2022, arXiv:2207.11141, section 4.

    Args:
        shape: the shape of one datum, (2,); it follows from the data.
        layers: the number L of layers.
        width: the number n of waves along each coordinate; a layer has 2 (2 n^2 + n) weights.
        spread: standard deviation of the weights at the beginning; 0 begins with the identity.
        tolerance: how far a layer's value at its inverse may be from the point that was asked, in units of x.

    Raises:
        UserError: if data are no points of the plane, or an argument is out of range; RunFailed if an inverse is not
            found.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        layers: PositiveInt = 10,
        width: PositiveInt = 5,
        spread: NonNegativeFloat = 1e-4,
        tolerance: PositiveFloat = 1e-12,
    ) -> None:
        if tuple(shape) != (2,):
            raise UserError(f"square-diffeomorphism moves points of a square: the data are {tuple(shape)}")
        if layers < 1 or width < 1:
            raise UserError(f"square-diffeomorphism: {layers} layers of {width} waves: expected at least 1 of each")
        super().__init__(lipschitz_constants(width), layers, spread, tolerance)
        self.shape, self.width = (2,), width

    def layer(self, weights: Tensor, x: Tensor) -> Moved:
        """x + f(x), (n, 2), and its Jacobian, (n, 2, 2); weights are (2, width, 2 width + 1)."""
        first, second = x.unbind(-1)
        f1, along1, across1 = self._displaced(weights[0], first, second)
        f2, along2, across2 = self._displaced(weights[1], second, first)
        rows = [torch.stack([1 + along1, across1], -1), torch.stack([across2, 1 + along2], -1)]
        return x + torch.stack([f1, f2], -1), torch.stack(rows, -2)

    def _displaced(self, weights: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The displacement along u, and its derivatives in u and in v, each (n,)."""
        numbers = torch.arange(1, self.width + 1, dtype=u.dtype, device=u.device)
        angle, across = math.pi * u[:, None] * numbers, 2 * math.pi * v[:, None] * numbers
        sine, cosine, one = across.sin(), across.cos(), torch.ones_like(u)[:, None]
        waves = torch.cat([one, sine / numbers, cosine / numbers], 1)
        slopes = 2 * math.pi * torch.cat([0 * one, cosine, -sine], 1)
        edge = angle.sin() / (math.pi * numbers) @ weights
        return (edge * waves).sum(1), (angle.cos() @ weights * waves).sum(1), (edge * slopes).sum(1)


def lipschitz_constants(width: int) -> Tensor:
    r"""The largest slope of every function of a layer, (2, width, 2 width + 1): of a_k, then b_kl, then c_kl.

    The square of the slope of sin(pi k x) / (pi k) sin(2 pi l y) / l is

    .. math:: \frac{\cos^2 \alpha\, \sin^2 \beta}{l^2} + \frac{4 \sin^2 \alpha\, \cos^2 \beta}{k^2}
        \le \max(1/l,\, 2/k)^2

    and the bound is reached, at a maximum of one of the two terms.
    """
    k = torch.arange(1, width + 1, dtype=torch.float64)[:, None]
    l = k.T  # noqa: E741
    both = torch.maximum(1 / l, 2 / k)
    return torch.cat([torch.ones_like(k), both, both], 1).expand(2, -1, -1).contiguous()
