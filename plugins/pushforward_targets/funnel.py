"""Funnels: a coordinate sets the scale of all the others, so that no single step size fits."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward import Draw
from pushforward_targets import density_metadata
from pushforward_targets.endless import Endless

TRIES = 1000  # of a rejection sampler; what is left after them is less than any float
POINTS = 20_001  # of the quadrature along the funnel; the trapezoid rule is exact to rounding for what is smooth


class Funnel(Endless):
    r"""Neal's funnel: its first coordinate is the log-variance of all the others; normalised.

    .. math:: p(x) = \mathcal{N}(x_1; 0, \sigma^2) \prod_{i \ge 2} \mathcal{N}(x_i; 0, e^{x_1})

    For estimators and samplers: at sigma = 3 the widths of the neck and of the mouth differ by a factor of thousands.
    The easy funnel of path integral samplers has sigma = 1. `log_z` is 0.

    Reference: Neal, "Slice Sampling", 2003; with sigma = 1 Zhang, Chen, "Path Integral Sampler", 2022,
    arXiv:2111.15141.

    Args:
        dimension: D, the numbers of a point, at least 2.
        scale: standard deviation sigma of the first coordinate.

    Raises:
        UserError: if there are fewer than two dimensions, or the scale is not above 0.
    """

    def __init__(self, dimension: int = 10, scale: float = 3.0) -> None:
        self.shape = density_metadata.funnel(dimension, scale).shape
        self.dimension, self.scale = dimension, scale
        self.log_z = 0.0

    def _points(self, draw: Draw) -> Tensor:
        return self._opened(draw.normal("noise", *self.shape))

    def _opened(self, noise: Tensor) -> Tensor:
        """Points of the funnel from standard normal numbers, (n, D)."""
        first = self.scale * noise[:, :1]
        return torch.cat([first, (first / 2).exp() * noise[:, 1:]], 1)

    def log_density(self, x: Tensor) -> Tensor:
        """log p(x), (n,)."""
        constant = math.log(self.scale) + 0.5 * self.dimension * math.log(2 * math.pi)
        return _log_funnel(x, self.scale) - constant

    def score(self, x: Tensor) -> Tensor:
        """grad log p(x), (n, D)."""
        return _slope(x, self.scale)


class FunnelBall(Funnel):
    r"""Neal's funnel inside a ball, unnormalised: the third example of the NEIS paper.

    .. math:: e^{-U(x)} = 1_{|x| \le R}\; e^{-x_1^2 / 2 \sigma^2 - (D - 1) x_1 / 2 - e^{-x_1} \sum_{i \ge 2} x_i^2 / 2},
        \qquad Z = (2 \pi)^{D/2} \sigma P

    P is the probability that a point of the funnel lies in the ball, an integral over the first coordinate of the
    chi-squared law of the others. In ten dimensions P = .922638 and log Z = 10.207479; in two P = .985950.

    Reference: Cao, Vanden-Eijnden, "Learning Optimal Flows for Non-Equilibrium Importance Sampling", 2022,
    arXiv:2206.09908.

    Args:
        dimension: D, the numbers of a point, at least 2.
        scale: standard deviation sigma of the first coordinate, outside of the ball, too.
        radius: the radius R of the ball, centred at 0.

    Attributes:
        share: P.

    Raises:
        UserError: if there are fewer than two dimensions, or scale or radius is not above 0.
    """

    domain = "bounded"

    def __init__(self, dimension: int = 10, scale: float = 3.0, radius: float = 25.0) -> None:
        density_metadata.funnel_ball(dimension, scale, radius)
        super().__init__(dimension, scale)
        self.radius = radius
        self.share = _share(dimension, scale, radius)
        self.log_z = 0.5 * dimension * math.log(2 * math.pi) + math.log(scale) + math.log(self.share)

    def _points(self, draw: Draw) -> Tensor:
        x = super()._points(draw)
        for attempt in range(TRIES):
            outside = self._outside(x)
            if not bool(outside.any()):
                break
            again = self._opened(draw.normal(f"noise-{attempt}", *self.shape))
            x = torch.where(outside[:, None], again, x)
        return x

    def log_density(self, x: Tensor) -> Tensor:
        """-U(x), (n,): minus infinity outside of the ball."""
        outside = self._outside(x)
        inside = torch.where(outside[:, None], torch.zeros_like(x), x)
        return _log_funnel(inside, self.scale).masked_fill(outside, -math.inf)

    def score(self, x: Tensor) -> Tensor:
        """-grad U(x), (n, D): 0 outside of the ball."""
        outside = self._outside(x)[:, None]
        return _slope(torch.where(outside, torch.zeros_like(x), x), self.scale).masked_fill(outside, 0.0)

    def _outside(self, x: Tensor) -> Tensor:
        return torch.linalg.vector_norm(x, dim=1) > self.radius


def _log_funnel(x: Tensor, scale: float) -> Tensor:
    first, others = x[:, 0], x[:, 1:]
    squares = (others.square() * (-first).exp()[:, None]).sum(1)
    return -0.5 * ((first / scale).square() + others.shape[1] * first + squares)


def _slope(x: Tensor, scale: float) -> Tensor:
    first, others = x[:, :1], x[:, 1:]
    along = -others * (-first).exp()
    opening = -first / scale**2 - 0.5 * (others.shape[1] + (others * along).sum(1, keepdim=True))
    return torch.cat([opening, along], 1)


def _share(dimension: int, scale: float, radius: float) -> float:
    """P: the probability that |x| <= R in the funnel."""
    edge = min(radius, 40 * scale)
    first = torch.linspace(-edge, edge, POINTS, dtype=torch.float64)
    density = (-0.5 * (first / scale).square()).exp() / (scale * math.sqrt(2 * math.pi))
    reach = (radius**2 - first.square()).clamp_min(0) * (-first).exp()  # of the sum of squared normals
    inside = torch.special.gammainc(torch.full_like(first, (dimension - 1) / 2), reach / 2)
    return float(torch.trapezoid(density * inside, first))
