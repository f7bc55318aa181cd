"""How heavy the tail of importance weights is: a generalised Pareto law fitted to the largest of them."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def pareto_khat(log_weights: Tensor) -> float:
    r"""Tail index of the weights: moments of order above 1/k do not exist, so that k > 1/2 means no variance.

    A generalised Pareto law is fitted to the largest :math:`\min(N/5, 3\sqrt N)` weights, and its index shrunk
    towards 1/2 with the weight of ten observations.

    Reference: Zhang, Stephens, "A New and Efficient Estimation Method for the Generalized Pareto Distribution", 2009;
    Vehtari, Simpson, Gelman, Yao, Gabry, "Pareto Smoothed Importance Sampling", 2024, arXiv:1507.02646.

    Args:
        log_weights: (N,); minus infinity is a weight of zero.

    Returns:
        The index; 0 where the largest weights are all equal, infinity where fewer than five can be fitted.
    """
    return khat_of_largest(log_weights.double().topk(largest_needed(len(log_weights))).values)


def largest_needed(n: int) -> int:
    """How many of the largest of n weights decide the index: the tail, and the largest outside it."""
    return min(math.ceil(min(n / 5, 3 * math.sqrt(n))) + 1, n)


def khat_of_largest(top: Tensor) -> float:
    """The index from the `largest_needed` log-weights, in descending order."""
    weights = (top.double() - top[0]).exp()
    excess = (weights[:-1] - weights[-1]).flip(0)  # over the largest weight outside the tail, ascending
    excess = excess[excess > 0]
    if len(excess) == 0:
        return 0.0
    if len(excess) < 5:
        return math.inf
    shape = pareto_shape(excess)
    return (len(excess) * shape + 10 * 0.5) / (len(excess) + 10)


def excess_of_largest(top: Tensor, log_total: float) -> float:
    """By how much the largest weights exceed the threshold of their tail, all together, as a share of all weights.

    Args:
        top: the `largest_needed` log-weights, in descending order.
        log_total: log of the sum of all weights.
    """
    weights = (top.double() - log_total).exp()
    return float((weights - weights[-1]).sum())


def pareto_shape(excess: Tensor) -> float:
    r"""Shape k of the generalised Pareto law with survival :math:`(1 + k x / \sigma)^{-1/k}`, by Zhang and Stephens.

    With :math:`\theta = -k/\sigma` the likelihood has one free parameter, since its best k is the mean of
    log(1 - theta x); theta is averaged over a grid under that profile likelihood and their prior.

    Args:
        excess: positive numbers, ascending.
    """
    n = len(excess)
    size = 30 + int(math.sqrt(n))
    quartile = excess[max(int(n / 4 + 0.5) - 1, 0)]
    j = torch.arange(1, size + 1, dtype=excess.dtype)
    theta = 1 / excess[-1] + (1 - torch.sqrt(size / (j - 0.5))) / (3 * quartile)
    theta = torch.where(theta.abs() < 1e-12 / excess[-1], 1e-12 / excess[-1], theta)  # theta = 0 is the exponential law
    k = torch.stack([torch.log1p(-t * excess).mean() for t in theta])  # one by one, for memory
    log_likelihood = n * (torch.log(-theta / k) - k - 1)
    best = float((torch.softmax(log_likelihood, 0) * theta).sum())
    return float(torch.log1p(-best * excess).mean())
