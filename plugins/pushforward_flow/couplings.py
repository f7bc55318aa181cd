"""Which noise goes with which datum: those of least total squared distance, or those of a Brownian bridge."""

from __future__ import annotations

import math

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor


def cheapest_pairs(noise: Tensor, data: Tensor) -> Tensor:
    r"""The permutation of noise whose pairs with data are nearest: each row is used once, (n,).

    .. math:: \min_\pi \sum_i |z_{\pi(i)} - x_i|^2

    For equal weights and equally many rows the optimal plan is a permutation. The data, and so their labels, keep
    their order.

    Reference: Tong et al., "Improving and Generalizing Flow-Based Generative Models with Minibatch Optimal Transport",
    2023, arXiv:2302.00482.

    Args:
        noise: (n, *shape).
        data: (n, *shape).
    """
    far = torch.cdist(data.flatten(1).double(), noise.flatten(1).double()).square()
    _, chosen = linear_sum_assignment(far.cpu().numpy())
    return torch.from_numpy(chosen).to(noise.device)


def bridged_pairs(noise: Tensor, data: Tensor, sigma: float, luck: Tensor, rounds: int = 200) -> Tensor:
    r"""For every datum one row of noise, drawn from the entropic plan between the two batches, (n,).

    .. math:: \min_P \sum_{ij} P_{ij} |z_j - x_i|^2 + 2 \sigma^2 \sum_{ij} P_{ij} \log P_{ij}

    Those are the ends of Brownian paths of width sigma from noise to data: with the path `bridge` between them they
    make the Schrodinger bridge. Each datum is used once and keeps its label; a row of noise may be used twice.
    Between N(0, 1) and N(0, s^2) their covariance is :math:`(\sqrt{\sigma^4 + 4 s^2} - \sigma^2) / 2`.

    Reference: De Bortoli, Thornton, Heng, Doucet, "Diffusion Schrodinger Bridge", 2021, arXiv:2106.01357; Tong et al.,
    "Simulation-Free Schrodinger Bridges via Score and Flow Matching", 2023, arXiv:2307.03672.

    Args:
        noise: (n, *shape).
        data: (n, *shape).
        sigma: the width of the paths.
        luck: uniform numbers in [0, 1), (n,).
        rounds: Sinkhorn iterations at most; they end where the plan's marginals are right to a thousandth.
    """
    far = torch.cdist(data.flatten(1).double(), noise.flatten(1).double()).square() / (2 * sigma**2)
    n = len(data)
    level, f, g = -math.log(n), far.new_zeros(n), far.new_zeros(n)
    for _ in range(rounds):
        f = level - torch.logsumexp(g - far, 1)
        marginal = torch.logsumexp(f[:, None] - far, 0) + g
        g = g + level - marginal
        if float((n * marginal.exp() - 1).abs().max()) < 1e-3:
            break
    shares = torch.softmax(g - far, 1).cumsum(1)
    chosen = torch.searchsorted(shares, luck.to(shares)[:, None]).squeeze(1)
    return chosen.clamp(max=n - 1)
