"""One Gaussian, unnormalised: the density for which every estimator has an answer in closed form."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward import Draw
from pushforward_targets import density_metadata
from pushforward_targets.endless import Endless


class Gaussian(Endless):
    r"""An unnormalised Gaussian of any mean and covariance.

    .. math:: e^{-U(x)} = e^{-(x - m)^\top \Sigma^{-1} (x - m) / 2}, \qquad
        \log Z = \tfrac12 \log \det (2 \pi \Sigma)

    For known answers: from N(0, I) a linear velocity field takes the variance of an estimate of Z to zero.

    Args:
        mean: m, (D,).
        covariance: Sigma, (D, D), symmetric and positive definite; None means the identity.

    Raises:
        UserError: if there is no mean, or Sigma is no covariance of as many coordinates.
    """

    def __init__(
        self,
        mean: list[float] = [1.0, -1.0],  # noqa: B006
        covariance: list[list[float]] | None = None,
    ) -> None:
        self.shape = density_metadata.gaussian(mean, covariance).shape
        self.mean, self.covariance = mean, covariance
        self._centre = torch.tensor(mean, dtype=torch.float64)
        dense = torch.eye(len(mean)) if covariance is None else torch.tensor(covariance, dtype=torch.float64)
        self._factor = torch.linalg.cholesky(dense.double())
        self._precision = torch.cholesky_inverse(self._factor)
        self.log_z = float(self._factor.diagonal().log().sum()) + 0.5 * len(mean) * math.log(2 * math.pi)
        self.modes = self._centre.float()[None]
        self.mode_scale = math.sqrt(float(torch.linalg.eigvalsh(dense.double()).max()))

    def _points(self, draw: Draw) -> Tensor:
        noise = draw.normal("noise", *self.shape)
        return self._centre.to(noise) + noise @ self._factor.to(noise).T

    def log_density(self, x: Tensor) -> Tensor:
        """-U(x), (n,)."""
        away = x - self._centre.to(x)
        return -0.5 * (away @ self._precision.to(x) * away).sum(1)

    def score(self, x: Tensor) -> Tensor:
        """-Sigma^-1 (x - m), (n, D)."""
        return (self._centre.to(x) - x) @ self._precision.to(x)
