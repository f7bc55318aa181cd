"""A heavy-tailed prior and a likelihood off its centre: a path of temperings that is not symmetric."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward import Draw
from pushforward_targets import density_metadata
from pushforward_targets.endless import Endless
from pushforward_targets.line_law import LineLaw


class CauchyPrior(Endless):
    r"""The posterior of a number under a standard Cauchy prior, given one Gaussian measurement of it.

    .. math:: e^{-U(x)} = \frac{1}{\pi (1 + x^2)}\, e^{-(x - a)^2 / 2 s^2}

    For estimators that temper: wrong signs and wrong temperatures cancel where all is Gaussian and centred, and do not
    here. With the defaults log Z = -2.414897.

    Args:
        measured: a, what was measured.
        scale: s, the standard deviation of the measurement.

    Raises:
        UserError: if the scale is not above 0.
    """

    def __init__(self, measured: float = 2.0, scale: float = 0.5) -> None:
        self.shape = density_metadata.cauchy_prior(measured, scale).shape
        self.measured, self.scale = measured, scale
        self._line = LineLaw(self._along, measured - 38 * scale, measured + 38 * scale)  # exp(-38^2 / 2) is no float
        self.log_z = self._line.log_z

    def _points(self, draw: Draw) -> Tensor:
        return self._line.quantile(draw.uniform("place", 1))

    def log_density(self, x: Tensor) -> Tensor:
        """-U(x), (n,)."""
        return self._along(x[:, 0])

    def _along(self, x: Tensor) -> Tensor:
        return -torch.log1p(x.square()) - math.log(math.pi) - 0.5 * ((x - self.measured) / self.scale).square()
