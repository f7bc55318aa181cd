"""Densities on compact sets, where a field whose divergence is their excess moves the uniform law into them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward import Draw
from pushforward_targets import density_metadata
from pushforward_targets.endless import Endless
from pushforward_targets.line_law import LineLaw


class NeumannSquare(Endless):
    r"""One product of cosines on the unit square, normalised.

    .. math:: p(x) = 1 - c \cos 2 \pi x_1 \cos 2 \pi x_2, \qquad x \in [0, 1]^2

    For estimators whose base is uniform on the square, `domain` is `unit-cube`: the gradient of
    :math:`V = c / 8 \pi^2 \cos 2 \pi x_1 \cos 2 \pi x_2` has divergence p - 1 and no flux through the edges, and takes
    the variance of an estimate of Z to zero; importance sampling has c^2 / 4.

    Reference: Cao, Vanden-Eijnden, "Learning Optimal Flows for Non-Equilibrium Importance Sampling", 2022,
    arXiv:2206.09908, appendix G.

    Args:
        strength: c, from 0 to below 1.

    Raises:
        UserError: if the strength is out of range.
    """

    domain = "unit-cube"

    def __init__(self, strength: float = 0.9) -> None:
        self.shape = density_metadata.neumann_square(strength).shape
        self.strength, self.log_z = strength, 0.0

    def _points(self, draw: Draw) -> Tensor:
        x = draw.uniform("place", 2)
        keep = draw.uniform("keep") < (1 - self.strength * _waves(x)) / 2
        moved = torch.where(x[:, 1] < 0.5, x[:, 1] + 0.5, x[:, 1] - 0.5)  # p(x1, x2) + p(x1, x2 + 1/2) = 2
        return torch.stack([x[:, 0], torch.where(keep, x[:, 1], moved)], 1)

    def log_density(self, x: Tensor) -> Tensor:
        """log p(x), (n,): minus infinity outside of the square."""
        outside = ((x < 0) | (x > 1)).any(1)
        return torch.log1p(-self.strength * _waves(x)).masked_fill(outside, -math.inf)


class TorusBumps(Endless):
    r"""Three equal bumps on the flat torus, unnormalised: products of von Mises laws.

    .. math:: e^{-U(x)} = \tfrac13 \sum_{k=1}^3 e^{\kappa \cos 2 \pi (x_1 - \mu_{k1})
        + \kappa \cos 2 \pi (x_2 - \mu_{k2})}, \qquad Z = I_0(\kappa)^2

    For estimators whose base is uniform on the torus: `domain` is `torus`, the density has period 1 in both
    coordinates, and samples lie in [0, 1)^2. The bumps are at (.7, .7), (.3, .7) and (.3, .3).

    Reference: after Cao, Vanden-Eijnden, "Learning Optimal Flows for Non-Equilibrium Importance Sampling", 2022,
    arXiv:2206.09908, appendix G.

    Args:
        concentration: kappa, above 0; a bump is about 1 / (2 pi sqrt(kappa)) wide.

    Raises:
        UserError: if the concentration is not above 0.
    """

    domain = "torus"

    def __init__(self, concentration: float = 2.0) -> None:
        self.shape = density_metadata.torus_bumps(concentration).shape
        self.concentration = concentration
        self.modes = torch.tensor([[0.7, 0.7], [0.3, 0.7], [0.3, 0.3]])
        self._bump = LineLaw(lambda x: concentration * (2 * math.pi * x).cos(), -0.5, 0.5)
        self.log_z = 2 * self._bump.log_z
        self.mode_scale = 1 / (2 * math.pi * math.sqrt(concentration))

    def _points(self, draw: Draw) -> Tensor:
        away = self._bump.quantile(draw.uniform("place", 2))
        x = self.modes.to(away)[draw.integers("bump", 3)] + away
        return x - x.floor()

    def log_density(self, x: Tensor) -> Tensor:
        """-U(x), (n,)."""
        waves = (2 * math.pi * (x[:, None] - self.modes.to(x))).cos().sum(2)
        return (self.concentration * waves).logsumexp(1) - math.log(3)

    def distance_to_modes(self, x: Tensor) -> Tensor:
        """How far each row of x is from each bump on the torus, (n, 3)."""
        away = x[:, None] - self.modes.to(x)
        return torch.linalg.vector_norm(away - away.round(), dim=2)


def _waves(x: Tensor) -> Tensor:
    return (2 * math.pi * x).cos().prod(1)
