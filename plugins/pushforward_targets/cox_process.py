"""A log-Gaussian Cox process: counts of points in cells, whose log-rate is a Gaussian field."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from pushforward import Draw, Target
from pushforward_targets import density_metadata

VARIANCE, LENGTH = 1.91, 1 / 33  # of the field; its length in sides of the square
MEAN = math.log(126) - VARIANCE / 2  # so that 126 points are expected
JITTER = 1e-10


class CoxProcess(Target):
    r"""The posterior of a log-Gaussian Cox process on the cells of a square, given counts of points in them.

    .. math:: e^{-U(f)} = \mathcal{N}(f; \mu, K) \prod_i e^{y_i f_i - e^{f_i} / n}, \qquad
        K_{ij} = 1.91\, e^{-33 |c_i - c_j|}, \quad \mu = \log 126 - \tfrac{1.91}{2}

    For estimators in many dimensions: D = n = side^2 cells of area 1 / n with centres c in the unit square. As in the
    literature the constant :math:`\prod_i 1 / y_i!` is left out. With `whitened` the density is that of z, where
    f = mu + L z and K = L L': log Z is the same, and the prior is N(0, I).

    The counts are simulated: a field and points from `Draw(seed, ("cox-process",), n)`. The literature counts 126
    Finnish pines; with their places in a file, pass it as `points`, and log Z at side 40 is 501.8 by long runs of
    others.

    Reference: Møller, Syversveen, Waagepetersen, "Log Gaussian Cox Processes", 1998.

    Args:
        side: cells along an edge; 40 in the literature.
        whitened: whether the field is standardised.
        seed: of the simulated counts; without effect where `points` is given.
        points: a CSV file of two columns, places in the unit square, relative to the current folder or to
            $PUSHFORWARD_DATA; None means simulated ones.

    Attributes:
        counts: y, (n,).

    Raises:
        DataMissing: if there is no such file.
        UserError: if there is no cell, or a place lies outside of the unit square.
    """

    def __init__(self, side: int = 8, whitened: bool = False, seed: int = 0, points: Path | None = None) -> None:
        self.shape = density_metadata.cox_process(side, whitened, seed, points).shape
        self.side, self.whitened, self.seed, self.points = side, whitened, seed, points
        cells, self._area = side * side, 1 / side**2
        along = (torch.arange(side, dtype=torch.float64) + 0.5) / side
        centres = torch.cartesian_prod(along, along)
        covariance = VARIANCE * (-torch.cdist(centres, centres) / LENGTH).exp()
        self._root = torch.linalg.cholesky(covariance + JITTER * torch.eye(cells, dtype=torch.float64))
        identity = torch.eye(cells, dtype=torch.float64)
        self._inverse = torch.linalg.solve_triangular(self._root, identity, upper=False)
        self._log_det = float(self._root.diagonal().log().sum())
        self.counts = self._simulated() if points is None else self._counted(density_metadata.in_square(points))

    def log_density(self, x: Tensor) -> Tensor:
        """-U, (n,), of fields, or of standardised ones."""
        noise, field = self._both(x)
        seen = field @ self.counts.to(x) - self._area * field.exp().sum(1)
        prior = -0.5 * (noise.square().sum(1) + x.shape[1] * math.log(2 * math.pi))
        return seen + (prior if self.whitened else prior - self._log_det)

    def score(self, x: Tensor) -> Tensor:
        """-grad U, (n, D)."""
        noise, field = self._both(x)
        pull = self.counts.to(x) - self._area * field.exp()
        return pull @ self._root.to(x) - noise if self.whitened else pull - noise @ self._inverse.to(x)

    def _both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Standardised and plain fields, (n, D)."""
        if self.whitened:
            return x, MEAN + x @ self._root.to(x).T
        return (x - MEAN) @ self._inverse.to(x).T, x

    def _simulated(self) -> Tensor:
        draw = Draw(self.seed, ("cox-process",), self.side**2, dtype=torch.float64)
        rates = self._area * (MEAN + self._root @ draw.normal("field")).exp()
        return torch.poisson(rates, generator=draw.generator("counts"))

    def _counted(self, places: list[tuple[float, ...]]) -> Tensor:
        cells = (torch.tensor(places, dtype=torch.float64) * self.side).long().clamp(max=self.side - 1)
        return (self.side * cells[:, 0] + cells[:, 1]).bincount(minlength=self.side**2).double()
