"""Laws that depend on the radius alone: log Z is an integral on a line, in any dimension."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pushforward import Draw
from pushforward_targets import density_metadata
from pushforward_targets.endless import Endless
from pushforward_targets.line_law import LineLaw

EDGE = 4.5 * math.pi  # where the waves of the concentric rings end


class Radial(Endless):
    r"""Abstract: a density of the distance from the origin.

    .. math:: e^{-U(x)} = e^{f(|x|)}, \qquad Z = \frac{2 \pi^{D/2}}{\Gamma(D/2)} \int_0^\infty e^{f(r)} r^{D-1}\, dr

    The field b(x) = x takes the variance of an estimate of Z to zero, whatever f is.

    Args:
        dimension: D, at least 2.
        profile: f, from radii to log-densities.
        high: a radius beyond which there is no mass.
    """

    def __init__(self, dimension: int, profile: Callable[[Tensor], Tensor], high: float) -> None:
        self.shape, self._profile = (dimension,), profile
        self._radius = LineLaw(lambda r: profile(r) + (dimension - 1) * r.log(), 0.0, high)
        surface = math.log(2) + dimension / 2 * math.log(math.pi) - math.lgamma(dimension / 2)
        self.log_z = self._radius.log_z + surface

    def _points(self, draw: Draw) -> Tensor:
        direction = draw.normal("direction", *self.shape)
        radius = self._radius.quantile(draw.uniform("radius"))
        return direction * (radius / torch.linalg.vector_norm(direction, dim=1))[:, None]

    def log_density(self, x: Tensor) -> Tensor:
        """-U(x), (n,)."""
        return self._profile(torch.linalg.vector_norm(x, dim=1))


class NarrowRings(Radial):
    r"""Rings, or shells, of Gaussian profile and equal height, unnormalised; its modes are the rings.

    .. math:: e^{-U(x)} = \exp\bigl(-s \min_k (|x| - r_k)^2\bigr)

    With the defaults the rings of path integral samplers: log Z = 2.304881 in the plane. Unlike `rings`, the wider
    rings hold more of the mass.

    Reference: Zhang, Chen, "Path Integral Sampler", 2022, arXiv:2111.15141.

    Args:
        radii: r_k, above 0.
        sharpness: s; a ring is 1 / sqrt(2 s) wide.
        dimension: D, at least 2.

    Raises:
        UserError: if there is no ring, a radius or the sharpness is not above 0, or there are fewer than 2 dimensions.
    """

    def __init__(
        self,
        radii: list[float] = [1.0, 3.0, 5.0],  # noqa: B006
        sharpness: float = 100.0,
        dimension: int = 2,
    ) -> None:
        density_metadata.narrow_rings(radii, sharpness, dimension)
        self.radii, self.sharpness, self.dimension = list(radii), sharpness, dimension
        super().__init__(dimension, self._rings, max(radii) + math.sqrt(700 / sharpness))
        self.mode_scale = 1 / math.sqrt(2 * sharpness)
        between = [0.0, *((a + b) / 2 for a, b in zip(sorted(radii), sorted(radii)[1:], strict=False)), math.inf]
        shares = self._radius.share(torch.tensor(between, dtype=torch.float64)).diff()
        self.mode_weights = shares[torch.tensor(radii).argsort().argsort()].float()

    def distance_to_modes(self, x: Tensor) -> Tensor:
        """How far each row of x is from each ring, (n, rings)."""
        return (torch.linalg.vector_norm(x, dim=1, keepdim=True) - x.new_tensor(self.radii)).abs()

    def _rings(self, r: Tensor) -> Tensor:
        return -self.sharpness * (r[:, None] - r.new_tensor(self.radii)).square().amin(1)


class ConcentricRings(Radial):
    r"""Waves around the origin in any dimension, with an exponential tail; unnormalised.

    .. math:: e^{-U(x)} = \cos |x| + 1.001 \text{ where } |x| \le R = 4.5 \pi, \qquad e^{R - |x|} \text{ beyond}

    Between the rings the density falls to a two-thousandth of its crests, and at R it steps by a thousandth. log Z is
    6.692280 in two dimensions, 9.754138 in three, 28.561969 in ten.

    Reference: Blessing, Jia, Esslinger, Vargas, Neumann, "Beyond ELBOs: A Large-Scale Evaluation of Variational
    Methods for Sampling", 2024, arXiv:2406.07423.

    Args:
        dimension: D, at least 2.

    Raises:
        UserError: if there are fewer than two dimensions.
    """

    def __init__(self, dimension: int = 2) -> None:
        density_metadata.concentric_rings(dimension)
        self.dimension = dimension
        super().__init__(dimension, _waves, EDGE + 50 + 12 * dimension)


def _waves(r: Tensor) -> Tensor:
    wave = (2 * (r.clamp(max=EDGE) / 2).cos().square() + 0.001).log()  # cos r + 1 = 2 cos^2(r / 2)
    return torch.where(r <= EDGE, wave, EDGE - r)
