"""Diffeomorphisms of the interval, of layers whose displacement is a sum of sines."""

from __future__ import annotations

import math

import torch
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor

from pushforward import UserError
from pushforward_shapes.residual import Moved, ResidualDiffeomorphism


class IntervalDiffeomorphism(ResidualDiffeomorphism):
    r"""A growing map of [0, 1] onto itself, composed of layers of sines.

    .. math:: \psi = \varphi_L \circ \dots \circ \varphi_1, \qquad
        \varphi(x) = x + \sum_{j=1}^{M} w_j \frac{\sin(\pi j x)}{\pi j}, \qquad \sum_j |w_j| < 1

    To go through a curve in another time, and to learn densities on an interval. Both ends stay where they are, the
    derivative is a formula and positive wherever the weights are allowed. Depth buys more than width: one layer moves
    no point by more than it can take back. Data are psi of uniform noise, so that it is also a density.

    Reference: Celledoni, Glöckner, Riseth, Schmeding, "Deep neural networks on diffeomorphism groups for optimal shape
    reparameterization", 2022, arXiv:2207.11141, section 4.

    Args:
        shape: the shape of one datum, (1,); it follows from the data.
        layers: the number L of layers.
        width: the number M of sines of a layer.
        spread: standard deviation of the weights at the beginning; 0 begins with the identity.
        tolerance: how far a layer's value at its inverse may be from the point that was asked, in units of x.

    Raises:
        UserError: if data are no single numbers, or an argument is out of range; RunFailed if an inverse is not found.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        layers: PositiveInt = 10,
        width: PositiveInt = 10,
        spread: NonNegativeFloat = 1e-3,
        tolerance: PositiveFloat = 1e-12,
    ) -> None:
        if tuple(shape) != (1,):
            raise UserError(f"interval-diffeomorphism moves single numbers of an interval: the data are {tuple(shape)}")
        if layers < 1 or width < 1:
            raise UserError(f"interval-diffeomorphism: {layers} layers of {width} sines: expected at least 1 of each")
        super().__init__(torch.ones(width, dtype=torch.float64), layers, spread, tolerance)
        self.shape, self.width = (1,), width

    def layer(self, weights: Tensor, x: Tensor) -> Moved:
        """x + f(x), (n, 1), and 1 + f'(x), (n, 1, 1)."""
        waves = math.pi * torch.arange(1, self.width + 1, dtype=x.dtype, device=x.device)
        angle = x * waves
        f = angle.sin() @ (weights / waves)
        slope = angle.cos() @ weights
        return x + f[:, None], 1 + slope[:, None, None]
