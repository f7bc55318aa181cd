"""Mixtures of Gaussian or Student laws of any covariance, and three that samplers are compared on."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward import Draw
from pushforward_targets import density_metadata
from pushforward_targets.endless import Endless


class EllipticalMixture(Endless):
    r"""Abstract: equal shares of Gaussian or Student laws, each of its own covariance; normalised.

    Args:
        means: centres, (modes, D).
        factors: L, with L L' the covariance, or scale matrix, of each mode, (modes, D, D), lower triangular.
        freedom: degrees of freedom nu of the Student law; None means Gaussians.
    """

    def __init__(self, means: Tensor, factors: Tensor, freedom: int | None = None) -> None:
        self._means, self._factors, self._freedom = means.double(), factors.double(), freedom
        self._inverses = torch.linalg.inv(self._factors)
        self.shape, self.modes, self.log_z = (means.shape[1],), means.float(), 0.0
        self.mode_scale = float(torch.linalg.matrix_norm(self._factors, 2).max())

    def _points(self, draw: Draw) -> Tensor:
        noise = draw.normal("noise", *self.shape)
        if self._freedom is not None:
            squares = draw.normal("width", self._freedom).square().sum(1, keepdim=True)
            noise = noise * (self._freedom / squares).sqrt()
        mode = draw.integers("mode", len(self._means)).to(noise.device)
        return self._means.to(noise)[mode] + (self._factors.to(noise)[mode] @ noise[:, :, None])[:, :, 0]

    def log_density(self, x: Tensor) -> Tensor:
        """log p(x), (n,)."""
        away = x[:, None] - self._means.to(x)  # (n, modes, D)
        squares = torch.einsum("kde,nke->nkd", self._inverses.to(x), away).square().sum(2)
        dimension = self.shape[0]
        volume = -self._factors.diagonal(dim1=1, dim2=2).log().sum(1).to(x) - math.log(len(self._means))
        if self._freedom is None:
            each = -0.5 * (squares + dimension * math.log(2 * math.pi))
        else:
            half, nu = (self._freedom + dimension) / 2, self._freedom
            constant = math.lgamma(half) - math.lgamma(nu / 2) - 0.5 * dimension * math.log(nu * math.pi)
            each = constant - half * torch.log1p(squares / nu)
        return (each + volume).logsumexp(1)


class FortyGaussians(EllipticalMixture):
    r"""Forty equal round Gaussians at random places; the `gmm40` of the literature, with its scale and seed said.

    .. math:: p(x) = \tfrac{1}{40} \sum_{k=1}^{40} \mathcal{N}(x; \mu_k, \sigma^2 I), \qquad
        \mu_k \sim U[-s, s]^D

    Published numbers under this name are of several mixtures: of other seeds, generators and scales (1, 1.3133, .7444),
    and are comparable neither with each other nor with this one. Here the places are `Draw(seed, ("gmm40",), 40)`'s,
    so that they are the same on every machine.

    Reference: after Midgley, Stimper, Simm, Schölkopf, Hernández-Lobato, "Flow Annealed Importance Sampling Bootstrap",
    2023, arXiv:2208.01893.

    Args:
        dimension: D, the numbers of a point.
        scale: standard deviation sigma of each mode.
        spread: s, half the side of the cube of their centres.
        seed: another seed gives other centres.

    Raises:
        UserError: if there is no dimension, or scale or spread is not above 0.
    """

    def __init__(self, dimension: int = 2, scale: float = 1.0, spread: float = 40.0, seed: int = 0) -> None:
        density_metadata.gmm40(dimension, scale, spread, seed)
        self.dimension, self.scale, self.spread, self.seed = dimension, scale, spread, seed
        super().__init__(places("gmm40", 40, dimension, spread, seed), _round(40, dimension, scale))


class StudentMixture(EllipticalMixture):
    r"""Equal round Student laws at random places: modes with heavy tails.

    .. math:: p(x) = \frac1K \sum_{k=1}^K t_\nu(x; \mu_k, \sigma^2 I), \qquad \mu_k \sim U[-s, s]^D

    For estimators whose weights must bear tails that no Gaussian covers: at two degrees of freedom the law has no
    variance. The places are `Draw(seed, ("student-mixture",), K)`'s.

    Reference: after Blessing, Jia, Esslinger, Vargas, Neumann, "Beyond ELBOs: A Large-Scale Evaluation of Variational
    Methods for Sampling", 2024, arXiv:2406.07423.

    Args:
        dimension: D, the numbers of a point.
        components: K.
        freedom: degrees of freedom nu, a whole number; 1 is a Cauchy law.
        scale: sigma, of each mode; the standard deviation is larger, or infinite.
        spread: s, half the side of the cube of their centres.
        seed: another seed gives other centres.

    Raises:
        UserError: if a count is below 1, or scale or spread is not above 0.
    """

    def __init__(
        self,
        dimension: int = 2,
        components: int = 10,
        freedom: int = 2,
        scale: float = 1.0,
        spread: float = 10.0,
        seed: int = 0,
    ) -> None:
        density_metadata.student_mixture(dimension, components, freedom, scale, spread, seed)
        self.dimension, self.components, self.freedom = dimension, components, freedom
        self.scale, self.spread, self.seed = scale, spread, seed
        centres = places("student-mixture", components, dimension, spread, seed)
        super().__init__(centres, _round(components, dimension, scale), freedom)


class CrossedGaussians(EllipticalMixture):
    r"""Six thin Gaussians in the plane, three and their mirror images in the diagonal: some lie across each other.

    .. math:: p(x) = \tfrac12 q(x_1, x_2) + \tfrac12 q(x_2, x_1), \qquad q = \tfrac13 \sum_k \mathcal{N}(\mu_k, C_k)

    The challenging mixture of annealed flow transport: means (3, 0), (-2.5, 0) and (2, 3), two covariances
    diag(.7, .05) and one of correlation .95.

    Reference: Arbel, Matthews, Doucet, "Annealed Flow Transport Monte Carlo", 2021, arXiv:2102.07501.
    """

    def __init__(self) -> None:
        means = torch.tensor([[3.0, 0.0], [-2.5, 0.0], [2.0, 3.0]], dtype=torch.float64)
        flat, tilted = [[0.7, 0.0], [0.0, 0.05]], [[1.0, 0.95], [0.95, 1.0]]
        covariances = torch.tensor([flat, flat, tilted], dtype=torch.float64)
        both = torch.cat([covariances, covariances.flip(1, 2)])
        super().__init__(torch.cat([means, means.flip(1)]), torch.linalg.cholesky(both))


def places(name: str, count: int, dimension: int, spread: float, seed: int) -> Tensor:
    """Centres in a cube, from a draw of their own, (count, D)."""
    uniform = Draw(seed, (name,), count, dtype=torch.float64).uniform("places", dimension)
    return spread * (2 * uniform - 1)


def _round(count: int, dimension: int, scale: float) -> Tensor:
    return scale * torch.eye(dimension, dtype=torch.float64).expand(count, dimension, dimension)
