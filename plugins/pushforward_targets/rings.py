"""Concentric rings: modes that are curves, with an exact density all the same."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward import Draw
from pushforward_targets import metadata
from pushforward_targets.endless import Endless


class Rings(Endless):
    r"""Concentric circles, each equally likely, blurred by Gaussian noise in both coordinates.

    .. math:: p(x) = \frac{1}{K} \sum_k \frac{1}{2\pi\sigma^2}
        \exp\Bigl(-\frac{|x|^2 + r_k^2}{2\sigma^2}\Bigr) I_0\Bigl(\frac{|x|\, r_k}{\sigma^2}\Bigr)

    A first target for any family: a model that drops a ring, or bridges two of them, is seen at a glance. The density
    is normalised, so `log_z` is 0. Its modes are curves: each ring is one.

    Args:
        radii: radius of each ring, above 0.
        noise: standard deviation sigma of the noise in each coordinate.

    Raises:
        UserError: if there is no ring, or a radius or the noise is not above 0.
    """

    def __init__(self, radii: list[float] = [1.0, 2.0, 3.0], noise: float = 0.05) -> None:  # noqa: B006
        self.shape = metadata.rings(radii, noise).shape
        self.radii, self.noise = list(radii), noise
        self.log_z, self.mode_scale = 0.0, noise

    def _points(self, draw: Draw) -> Tensor:
        noise = draw.normal("noise", 2)
        radius = noise.new_tensor(self.radii)[draw.integers("ring", len(self.radii))]
        angle = 2 * math.pi * draw.uniform("angle")
        return torch.stack([angle.cos(), angle.sin()], 1) * radius[:, None] + self.noise * noise

    def distance_to_modes(self, x: Tensor) -> Tensor:
        """How far each row of x is from each ring, (n, rings)."""
        return (torch.linalg.vector_norm(x, dim=1, keepdim=True) - x.new_tensor(self.radii)).abs()

    def log_density(self, x: Tensor) -> Tensor:
        """log p(x), (n,)."""
        r = torch.linalg.vector_norm(x, dim=1, keepdim=True)  # (n, 1)
        radii = x.new_tensor(self.radii)  # (rings,)
        variance = self.noise**2
        bessel = torch.special.i0e(r * radii / variance).log()  # i0e(y) = exp(-y) I_0(y)
        each = bessel - (r - radii).square() / (2 * variance)
        return each.logsumexp(1) - math.log(2 * math.pi * variance * len(self.radii))
