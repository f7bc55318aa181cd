"""Gaussian mixtures: everything about them is known, so a model's modes, density and log Z can be held against them."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from pushforward import Draw
from pushforward_targets import density_metadata, metadata
from pushforward_targets.endless import Endless


class Mixture(Endless):
    r"""Abstract: a weighted sum of Gaussians, each with its own variance along every axis.

    .. math:: e^{-U(x)} = \sum_i w_i\, \mathcal{N}(x; \mu_i, \mathrm{diag}(v_i)), \qquad \log Z = \log \sum_i w_i

    Args:
        means: centres, (modes, D).
        variances: along each axis, (modes, D).
        masses: the integral of each summand, (modes,); they need not sum to 1.
    """

    def __init__(self, means: Tensor, variances: Tensor, masses: Tensor) -> None:
        self._means, self._variances, self._masses = means.double(), variances.double(), masses.double()
        self.shape = (means.shape[1],)
        self.modes = means.float()
        self.mode_scale = float(self._variances.max().sqrt())
        self.mode_weights = (self._masses / self._masses.sum()).float()
        self.log_z = math.log(float(self._masses.sum()))
        self._peaks = self._masses.log() - 0.5 * (2 * math.pi * self._variances).log().sum(1)  # of each summand

    def _points(self, draw: Draw) -> Tensor:
        noise = draw.normal("noise", *self.shape)
        shares = (self._masses / self._masses.sum()).to(draw.device)
        uniform = draw.uniform("mode").double()
        mode = torch.searchsorted(shares.cumsum(0), uniform, right=True).clamp(max=len(shares) - 1)
        return self._means.to(noise)[mode] + self._variances.sqrt().to(noise)[mode] * noise

    def log_density(self, x: Tensor) -> Tensor:
        """-U(x), (n,): the integral of its exponential is exp(log_z)."""
        return self._logs(x).logsumexp(0)

    def score(self, x: Tensor) -> Tensor:
        """-grad U(x), (n, D): the pulls of the summands, each as strong as its share of the density at x."""
        pulls = torch.cat([self._means / self._variances, 1 / self._variances], 1).to(x)
        towards, away = (self._logs(x).softmax(0).T @ pulls).chunk(2, 1)
        return towards - x * away

    def _logs(self, x: Tensor) -> Tensor:
        """log of every summand, (modes, n): points lie side by side, which is several times faster for few modes."""
        off, weights = x.T - self._means.to(x)[..., None], (-0.5 / self._variances).to(x)
        return torch.baddbmm(self._peaks.to(x)[:, None, None], weights[:, None], off.square()).squeeze(1)


class GaussianMixture(Mixture):
    r"""Any mixture of Gaussians with diagonal covariances, normalised or not.

    .. math:: e^{-U(x)} = \sum_i w_i\, \mathcal{N}(x; \mu_i, \mathrm{diag}(v_i)), \qquad \log Z = \log \sum_i w_i

    Every summand is a normalised Gaussian times its weight; so `log_z` is the logarithm of the sum of the weights,
    and 0 where they sum to 1. For summands written as w exp(-|x - mu|^2 / 2v), give w (2 pi v)^(D/2) as the weight.

    Args:
        means: centres of the modes, (modes, D).
        scale: standard deviation of every mode along every axis.
        variances: variances along each axis, (modes, D), or one row (1, D) for all modes; None means scale squared.
        weights: the integral of each summand, above 0, (modes,); None means 1 / modes each.

    Raises:
        UserError: if lengths do not fit each other, or a scale, variance or weight is not above 0.
    """

    def __init__(
        self,
        means: list[list[float]] = [[-2.0, 0.0], [2.0, 0.0]],  # noqa: B006
        scale: float = 0.5,
        variances: list[list[float]] | None = None,
        weights: list[float] | None = None,
    ) -> None:
        metadata.gaussian_mixture(means, scale, variances, weights)
        self.means, self.scale, self.variances, self.weights = means, scale, variances, weights
        centres = torch.tensor(means, dtype=torch.float64)
        rows = variances if variances is not None else [[scale**2] * centres.shape[1]]
        masses = weights if weights is not None else [1 / len(means)] * len(means)
        super().__init__(
            centres,
            torch.tensor(rows, dtype=torch.float64).expand_as(centres),
            torch.tensor(masses, dtype=torch.float64),
        )


class EightGaussians(Mixture):
    r"""Eight narrow Gaussians, equally likely, on a circle.

    .. math:: p(x) = \tfrac18 \sum_{k=0}^{7} \mathcal{N}(x; r (\cos \tfrac{k\pi}{4}, \sin \tfrac{k\pi}{4}), \sigma^2 I)

    The standard picture of mode collapse: a GAN that cycles from mode to mode is seen at once.

    Reference: Metz, Poole, Pfau, Sohl-Dickstein, "Unrolled Generative Adversarial Networks", 2017, arXiv:1611.02163.

    Args:
        radius: radius of the circle.
        scale: standard deviation sigma of each mode.

    Raises:
        UserError: if the radius or the scale is not above 0.
    """

    def __init__(self, radius: float = 2.0, scale: float = 0.02) -> None:
        metadata.eight_gaussians(radius, scale)
        self.radius, self.scale = radius, scale
        angle = torch.arange(8, dtype=torch.float64) * (math.pi / 4)
        means = radius * torch.stack([angle.cos(), angle.sin()], 1)
        super().__init__(means, torch.full_like(means, scale**2), torch.full_like(angle, 1 / 8))


class TwentyFiveGaussians(Mixture):
    r"""Twenty-five narrow Gaussians, equally likely, on a grid of five by five around the origin.

    .. math:: p(x) = \tfrac{1}{25} \sum_{i,j=-2}^{2} \mathcal{N}(x; s\,(i, j), \sigma^2 I)

    More modes than eight, and inner ones: counts how many a model covers.

    Reference: Srivastava, Valkov, Russell, Gutmann, Sutton, "VEEGAN: Reducing Mode Collapse in GANs using Implicit
    Variational Learning", 2017, arXiv:1705.07761.

    Args:
        spacing: distance s between neighbours of the grid.
        scale: standard deviation sigma of each mode.

    Raises:
        UserError: if the spacing or the scale is not above 0.
    """

    def __init__(self, spacing: float = 2.0, scale: float = 0.05) -> None:
        metadata.twenty_five_gaussians(spacing, scale)
        self.spacing, self.scale = spacing, scale
        grid = list(itertools.product(range(-2, 3), repeat=2))
        means = spacing * torch.tensor(grid, dtype=torch.float64)
        super().__init__(means, torch.full_like(means, scale**2), torch.full_like(means[:, 0], 1 / 25))


class NineGaussians(Mixture):
    r"""Nine Gaussians, equally likely, on a grid of three by three: the `gmm9` of samplers.

    .. math:: p(x) = \tfrac19 \sum_{i,j=-1}^{1} \mathcal{N}(x; s\,(i, j), v I)

    A first mixture for samplers that start at the middle one. `log_z` is 0.

    Reference: Zhang, Chen, "Path Integral Sampler", 2022, arXiv:2111.15141.

    Args:
        spacing: distance s between neighbours of the grid.
        variance: v, of each mode along each axis.

    Raises:
        UserError: if the spacing or the variance is not above 0.
    """

    def __init__(self, spacing: float = 5.0, variance: float = 0.3) -> None:
        density_metadata.gmm9(spacing, variance)
        self.spacing, self.variance = spacing, variance
        grid = list(itertools.product(range(-1, 2), repeat=2))
        means = spacing * torch.tensor(grid, dtype=torch.float64)
        super().__init__(means, torch.full_like(means, variance), torch.full_like(means[:, 0], 1 / 9))


class ThousandModes(Mixture):
    r"""A thousand narrow Gaussians, equally likely: three blocks of ten coordinates, of which one is 1 in each.

    .. math:: p(x) = \tfrac{1}{1000} \sum_{i,j,k=1}^{10} \mathcal{N}(x; (e_i, e_j, e_k), \sigma^2 I), \qquad
        x \in \mathbb{R}^{30}

    The toy form of stacked MNIST: counts how many of a thousand a model finds, with no classifier in between. Almost
    all of a mode's samples lie about :math:`\sigma \sqrt{30}` from its centre.

    Args:
        scale: standard deviation sigma of each mode.

    Raises:
        UserError: if the scale is not above 0.
    """

    def __init__(self, scale: float = 0.05) -> None:
        metadata.thousand_modes(scale)
        self.scale = scale
        one = torch.eye(10, dtype=torch.float64)
        means = torch.stack([torch.cat(block) for block in itertools.product(one, repeat=3)])
        super().__init__(means, torch.full_like(means, scale**2), torch.full_like(means[:, 0], 1 / 1000))


class TwoNorm(Mixture):
    r"""Two overlapping Gaussians of unit covariance in twenty dimensions.

    .. math:: p(x) = \tfrac12 \mathcal{N}(x; a \mathbf{1}, I) + \tfrac12 \mathcal{N}(x; -a \mathbf{1}, I),
        \qquad a = 2 / \sqrt{20}

    A table whose entropy is known, 29.0115 nats: no model can have a larger mean log-density than minus that.

    Reference: Breiman, "Bias, Variance, and Arcing Classifiers", 1996.
    """

    def __init__(self) -> None:
        centre = torch.full((1, 20), 2 / math.sqrt(20), dtype=torch.float64)
        means = torch.cat([centre, -centre])
        super().__init__(means, torch.ones_like(means), torch.full((2,), 0.5, dtype=torch.float64))


class TwoModes(Mixture):
    r"""Two modes of unequal weight, far from the origin and from each other: the first example of the NEIS paper.

    .. math:: e^{-U(x)} = \tfrac15 e^{-|x - (5, 0)|^2 / 0.2} + \tfrac45 e^{-|x - (0, -5)|^2 / 0.2},
        \qquad \log Z = \log(0.1 \cdot 2\pi) = -0.464708

    For estimators of log Z: importance sampling from N(0, I) has a relative variance of 1.85 million here.

    Reference: Cao, Vanden-Eijnden, "Learning Optimal Flows for Non-Equilibrium Importance Sampling", 2022,
    arXiv:2206.09908.
    """

    def __init__(self) -> None:
        means = torch.tensor([[5.0, 0.0], [0.0, -5.0]], dtype=torch.float64)
        weights = torch.tensor([0.2, 0.8], dtype=torch.float64)
        super().__init__(means, torch.full_like(means, 0.1), weights * (2 * math.pi * 0.1))


class FourModes(Mixture):
    r"""Four modes on a circle of two of ten coordinates: the second example of the NEIS paper.

    .. math:: e^{-U(x)} = 40 \sum_{i=1}^4 e^{-(x - \mu_i)^\top \Sigma^{-1} (x - \mu_i) / 2}, \qquad
        \mu_i = 5\, (\cos \tfrac{i \pi}{2}, \sin \tfrac{i \pi}{2}, 0, \dots), \quad
        \Sigma = \mathrm{diag}(.1, .1, .5, \dots, .5)

    For estimators of log Z, which is that of N(0, I) unnormalised, 5 log 2 pi = 9.189385: importance sampling from
    N(0, I) has a relative variance of 2.15 million here.

    Reference: Cao, Vanden-Eijnden, "Learning Optimal Flows for Non-Equilibrium Importance Sampling", 2022,
    arXiv:2206.09908.
    """

    def __init__(self) -> None:
        means = torch.zeros(4, 10, dtype=torch.float64)
        means[:, :2] = 5 * torch.tensor([[0.0, 1.0], [-1.0, 0.0], [0.0, -1.0], [1.0, 0.0]])
        variances = torch.tensor([0.1] * 2 + [0.5] * 8, dtype=torch.float64).expand_as(means)
        super().__init__(means, variances, 40 * (2 * math.pi * variances).prod(1).sqrt())
