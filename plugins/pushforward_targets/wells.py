"""Products of double wells: exponentially many modes, and still exact samples and an exact log Z."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward import Draw
from pushforward_targets import density_metadata
from pushforward_targets.endless import Endless
from pushforward_targets.line_law import LineLaw

COUNTED = 10  # wells, at most, whose 2^m modes are listed
EDGE = 6.0  # beyond it a well holds less than exp(-1000) of its mass


class ManyWell(Endless):
    r"""Pairs of a tilted double well and a Gaussian; n pairs have 2^n modes.

    .. math:: \log p(x) + \log Z = \sum_{k=1}^n \bigl(-x_{2k-1}^4 + 6 x_{2k-1}^2 + \tfrac12 x_{2k-1}
        - \tfrac12 x_{2k}^2\bigr)

    For samplers: log Z is n times 10.2934797, and each right well holds .844307 of its pair, so that a sampler that
    misses the left ones is off by .169 nats a pair. Sixteen pairs are the many-well-32 of the literature.

    Reference: Midgley, Stimper, Simm, Schölkopf, Hernández-Lobato, "Flow Annealed Importance Sampling Bootstrap", 2023,
    arXiv:2208.01893; the well of Noé, Olsson, Köhler, Wu, "Boltzmann Generators", 2019, arXiv:1812.01729.

    Args:
        pairs: n; a point has 2n numbers.

    Raises:
        UserError: if there is no pair.
    """

    def __init__(self, pairs: int = 16) -> None:
        self.shape = density_metadata.many_well(pairs).shape
        self.pairs = pairs
        self._well = LineLaw(_tilted_well, -EDGE, EDGE)
        powers = [[0.5, 0.0], [12.0, -1.0], [-4.0, 0.0]]  # of 1, x and x^3 in the slope, for a well and its neighbour
        self._slope = torch.tensor(powers, dtype=torch.float64).repeat(1, pairs)
        self.log_z = pairs * (self._well.log_z + 0.5 * math.log(2 * math.pi))

    def _points(self, draw: Draw) -> Tensor:
        wells = self._well.quantile(draw.uniform("wells", self.pairs))
        return torch.stack([wells, draw.normal("noise", self.pairs)], 2).flatten(1)

    def log_density(self, x: Tensor) -> Tensor:
        """log of the unnormalised density, (n,)."""
        return (_tilted_well(x[:, ::2]) - 0.5 * x[:, 1::2].square()).sum(1)

    def score(self, x: Tensor) -> Tensor:
        """Its gradient, (n, D)."""
        constant, linear, cubic = self._slope.to(x)
        return torch.addcmul(constant, x, torch.addcmul(linear, x.square(), cubic))


class MultiWell(Endless):
    r"""Symmetric double wells beside Gaussian coordinates; 2^m equal modes.

    .. math:: \log p(x) + \log Z = -\sum_{i \le m} (x_i^2 - \delta)^2 - \tfrac12 \sum_{i > m} x_i^2

    For samplers: with the defaults log Z = -.5410555; with fifty dimensions, five of them wells at delta = 2, it is
    42.817243. Up to ten wells its modes are known, for measures that count them.

    Reference: Richter, Berner, "Improved Sampling via Learned Diffusions", 2024, arXiv:2307.01198.

    Args:
        dimension: D, the numbers of a point.
        wells: m, how many of the coordinates are double wells.
        separation: delta, above 0; the minima are at plus and minus its square root.

    Raises:
        UserError: if there are more wells than dimensions or none, or the separation is not above 0.
    """

    def __init__(self, dimension: int = 5, wells: int = 5, separation: float = 4.0) -> None:
        self.shape = density_metadata.multi_well(dimension, wells, separation).shape
        self.dimension, self.wells, self.separation = dimension, wells, separation
        edge = math.sqrt(separation + 30)  # exp(-30^2) is no float
        self._well = LineLaw(lambda x: -(x.square() - separation).square(), -edge, edge)
        self.log_z = wells * self._well.log_z + 0.5 * (dimension - wells) * math.log(2 * math.pi)
        if wells <= COUNTED:
            sides = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * wells).view(-1, wells)
            self.modes = torch.cat([math.sqrt(separation) * sides, torch.zeros(2**wells, dimension - wells)], 1)
            across = 1 / math.sqrt(8 * separation)  # the well's curvature is 8 delta
            self.mode_scale = across if dimension == wells else max(across, 1.0)

    def _points(self, draw: Draw) -> Tensor:
        wells = self._well.quantile(draw.uniform("wells", self.wells))
        return torch.cat([wells, draw.normal("noise", self.dimension - self.wells)], 1)

    def log_density(self, x: Tensor) -> Tensor:
        """log of the unnormalised density, (n,)."""
        wells, others = x[:, : self.wells], x[:, self.wells :]
        return -(wells.square() - self.separation).square().sum(1) - 0.5 * others.square().sum(1)

    def score(self, x: Tensor) -> Tensor:
        """Its gradient, (n, D)."""
        wells = x[:, : self.wells]
        return torch.cat([-4 * wells * (wells.square() - self.separation), -x[:, self.wells :]], 1)


def _tilted_well(x: Tensor) -> Tensor:
    square = x.square()
    return square * (6 - square) + 0.5 * x
