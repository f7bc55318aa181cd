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

    For estimators whose base is uniform on the square, `domain` is `box`: the gradient of
    :math:`V = c / 8 \pi^2 \cos 2 \pi x_1 \cos 2 \pi x_2` has divergence p - 1 and no flux through the edges, and takes
    the variance of an estimate of Z to zero; importance sampling has c^2 / 4.

    Reference: Cao, Vanden-Eijnden, "Learning Optimal Flows for Non-Equilibrium Importance Sampling", 2022,
    arXiv:2206.09908, appendix G.

    Args:
        strength: c, from 0 to below 1.

    Raises:
        UserError: if the strength is out of range.
    """

    domain = "box"

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

    .. math:: e^{-U(x)} = \tfrac13 \sum_{k=1}^3 e^{\kappa \cos(x_1 - \mu_{k1}) + \kappa \cos(x_2 - \mu_{k2})}, \qquad
        Z = (2 \pi I_0(\kappa))^2

    For estimators whose base is uniform on the torus: `domain` is `torus`, the coordinates are angles, and the bumps
    are at .4 pi times (1, 1), (-1, 1) and (-1, -1). In the reference the sides of the torus are 1 long, not 2 pi.

    Reference: after Cao, Vanden-Eijnden, "Learning Optimal Flows for Non-Equilibrium Importance Sampling", 2022,
    arXiv:2206.09908, appendix G.

    Args:
        concentration: kappa, above 0; a bump is about 1 / sqrt(kappa) wide.

    Raises:
        UserError: if the concentration is not above 0.
    """

    domain = "torus"

    def __init__(self, concentration: float = 2.0) -> None:
        self.shape = density_metadata.torus_bumps(concentration).shape
        self.concentration = concentration
        self.modes = 0.4 * math.pi * torch.tensor([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0]])
        self._bump = LineLaw(lambda x: concentration * x.cos(), -math.pi, math.pi)
        self.log_z = 2 * self._bump.log_z
        self.mode_scale = 1 / math.sqrt(concentration)

    def _points(self, draw: Draw) -> Tensor:
        away = self._bump.quantile(draw.uniform("place", 2))
        return _short(self.modes.to(away)[draw.integers("bump", 3)] + away)

    def log_density(self, x: Tensor) -> Tensor:
        """-U(x), (n,)."""
        waves = (x[:, None] - self.modes.to(x)).cos().sum(2)
        return (self.concentration * waves).logsumexp(1) - math.log(3)

    def distance_to_modes(self, x: Tensor) -> Tensor:
        """How far each row of x is from each bump on the torus, (n, 3)."""
        return torch.linalg.vector_norm(_short(x[:, None] - self.modes.to(x)), dim=2)


def _short(angle: Tensor) -> Tensor:
    """The same angle, from -pi to pi."""
    return angle - 2 * math.pi * (angle / (2 * math.pi)).round()


def _waves(x: Tensor) -> Tensor:
    return (2 * math.pi * x).cos().prod(1)
