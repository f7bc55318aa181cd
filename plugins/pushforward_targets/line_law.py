"""A law on a line that is known up to its constant: its log Z by quadrature, its samples by inversion."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

POINTS = 2**17 + 1
LEAST = 2.0**-25  # half of the step between float32 uniforms: no sample lies at the very end of the interval


class LineLaw:
    r"""A density on an interval, tabulated finely enough that its integral is exact to eight digits.

    .. math:: \log Z = \log \int_a^b e^{f(x)}\, dx, \qquad x = F^{-1}(u)

    Args:
        log_density: f, from (m,) to (m,) in float64; it may have steps and kinks.
        low: a, below which there is no mass to speak of.
        high: b, above which there is none.

    Attributes:
        log_z: log of the integral.
    """

    def __init__(self, log_density: Callable[[Tensor], Tensor], low: float, high: float) -> None:
        self._x = torch.linspace(low, high, POINTS, dtype=torch.float64)
        values = log_density(self._x)
        top = values.max()
        heights = (values - top).exp()
        masses = 0.5 * (heights[1:] + heights[:-1]) * ((high - low) / (POINTS - 1))
        self.log_z = float(top) + math.log(float(masses.sum()))
        cumulated = torch.cat([masses.new_zeros(1), masses.cumsum(0)])
        self._below = cumulated / cumulated[-1]  # the law's distribution function at x

    def share(self, x: Tensor) -> Tensor:
        """The mass of the law below each point, from 0 to 1, in float64."""
        x = x.double().clamp(self._x[0], self._x[-1])
        right = torch.searchsorted(self._x, x).clamp(1, len(self._x) - 1)
        part = (x - self._x[right - 1]) / (self._x[right] - self._x[right - 1])
        return torch.lerp(self._below[right - 1], self._below[right], part)

    def quantile(self, uniform: Tensor) -> Tensor:
        """The points below which the given shares of the law lie, in their shape and dtype."""
        share = uniform.double().clamp(LEAST, 1 - LEAST)
        below, x = self._below.to(share.device), self._x.to(share.device)
        right = torch.searchsorted(below, share).clamp(1, len(x) - 1)
        part = (share - below[right - 1]) / (below[right] - below[right - 1])
        return torch.lerp(x[right - 1], x[right], part.clamp(0, 1)).to(uniform)
