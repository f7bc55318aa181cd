"""Maximum mean discrepancy: how far apart two laws are in the eyes of a kernel, without bias."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pushforward.measures.two_samples import TwoSamples
from pushforward.problem import UserError


class MMD(TwoSamples):
    r"""Unbiased squared maximum mean discrepancy with a Gaussian kernel.

    .. math:: \mathbb{E}\, k(x, x') + \mathbb{E}\, k(y, y') - 2\, \mathbb{E}\, k(x, y), \quad
        k(x, y) = e^{-\|x - y\|^2 / 2 h^2}

    The diagonals are dropped, so that equal laws give zero in the mean and negative numbers half of the time. Blind
    to what is much finer or coarser than the bandwidth. The standard error is in closed form: both orders of the
    Hoeffding decomposition, so that it holds for equal laws too.

    Reference: Gretton, Borgwardt, Rasch, Schölkopf, Smola, "A Kernel Two-Sample Test", 2012.

    Args:
        samples: how many samples of the model and at most how many held-out rows are compared; the numbers may differ.
        bandwidth: h, in units of the data; None takes the median distance between the first 1000 held-out rows, which
            does not depend on the model.

    Raises:
        UserError: if the bandwidth is not above zero, or `samples` is below 2.
    """

    def __init__(self, samples: int = 2000, bandwidth: float | None = None) -> None:
        super().__init__(samples)
        if bandwidth is not None and not bandwidth > 0:
            raise UserError(f"mmd: bandwidth is {bandwidth}, but it must be above zero; leave it out for the median")
        self.bandwidth = bandwidth

    def compare(self, x: Tensor, y: Tensor) -> dict[str, float]:
        """The squared discrepancy, and the bandwidth that was used."""
        bandwidth = self.bandwidth or median_distance(y[:1000])
        value, error = squared_discrepancy(x, y, lambda a, b: gaussian_kernel(a, b, bandwidth))
        return {"value": value, "standard_error": error, "n": min(len(x), len(y)), "bandwidth": bandwidth}


def median_distance(y: Tensor) -> float:
    """The median distance between different rows of y, (n, D); 1 where at least half of them coincide."""
    return float(torch.pdist(y).median()) or 1.0


def squared_discrepancy(x: Tensor, y: Tensor, kernel: Callable[[Tensor, Tensor], Tensor]) -> tuple[float, float]:
    """The unbiased estimate of MMD^2, and its standard error, for x, (n, D), and y, (m, D), under k(x, y), (n, m)."""
    n, m = len(x), len(y)
    kxx, kyy, kxy = kernel(x, x), kernel(y, y), kernel(x, y)
    kxx.fill_diagonal_(0), kyy.fill_diagonal_(0)
    mean_xx, mean_yy, mean_xy = kxx.sum(1) / (n - 1), kyy.sum(1) / (m - 1), kxy.mean(1)
    mean_yx = kxy.mean(0)
    value = mean_xx.mean() + mean_yy.mean() - 2 * mean_xy.mean()

    # squares of the kernel without its means in either argument: what a double sum varies by on its own
    pure_xx = _pure(kxx, mean_xx, mean_xx).fill_diagonal_(0).square().sum() / (n * (n - 1))
    pure_yy = _pure(kyy, mean_yy, mean_yy).fill_diagonal_(0).square().sum() / (m * (m - 1))
    pure_xy = _pure(kxy, mean_xy, mean_yx).square().mean()
    # first order: the witness function at x and at y, less what its own estimation adds to its variance
    witness_x = ((mean_xx - mean_xy).var() - pure_xx / n - pure_xy / m).clamp(min=0)
    witness_y = ((mean_yy - mean_yx).var() - pure_yy / m - pure_xy / n).clamp(min=0)
    variance = 4 * witness_x / n + 4 * witness_y / m
    variance += 2 * pure_xx / (n * (n - 1)) + 2 * pure_yy / (m * (m - 1)) + 4 * pure_xy / (n * m)
    return float(value), math.sqrt(float(variance))


def gaussian_kernel(x: Tensor, y: Tensor, bandwidth: float) -> Tensor:
    """exp(-|x - y|^2 / 2 h^2), (n, m)."""
    return torch.cdist(x, y).square_().mul_(-0.5 / bandwidth**2).exp_()


def _pure(kernel: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    return kernel - rows[:, None] - columns + rows.mean()
