"""What importance weights say, read in the log domain: log Z, its error, and when that error means nothing."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward.roles.estimator import Estimate

FEWEST = 100  # effective weights below which the delta method is not believed


def log_mean_exp(log_weights: Tensor) -> float:
    """log of the mean of exp(log_weights), without overflow."""
    return float(torch.logsumexp(log_weights.double(), 0)) - math.log(len(log_weights))


def effective_fraction(log_weights: Tensor) -> float:
    r"""Effective sample size as a fraction of N: 1 for equal weights, 1/N where one weight is everything.

    .. math:: \frac{(\sum_i w_i)^2}{N \sum_i w_i^2}
    """
    w = log_weights.double()
    return math.exp(2 * float(torch.logsumexp(w, 0)) - float(torch.logsumexp(2 * w, 0))) / len(w)


def log_mean_standard_error(log_weights: Tensor) -> float:
    r"""Standard error of log-mean-exp by the delta method.

    .. math:: \sqrt{\tfrac{1}{\mathrm{ESS}} - \tfrac{1}{N}}
    """
    n = len(log_weights)
    return math.sqrt(max(1 / (n * effective_fraction(log_weights)) - 1 / n, 0.0))


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
    n = len(log_weights)
    tail = math.ceil(min(n / 5, 3 * math.sqrt(n)))
    top = log_weights.double().topk(min(tail + 1, n)).values
    weights = (top - top[0]).exp()
    excess = (weights[:-1] - weights[-1]).flip(0)  # over the largest weight outside the tail, ascending
    excess = excess[excess > 0]
    if len(excess) == 0:
        return 0.0
    if len(excess) < 5:
        return math.inf
    shape = pareto_shape(excess)
    return (len(excess) * shape + 10 * 0.5) / (len(excess) + 10)


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
    k = torch.log1p(-theta[:, None] * excess).mean(1)
    log_likelihood = n * (torch.log(-theta / k) - k - 1)
    best = float((torch.softmax(log_likelihood, 0) * theta).sum())
    return float(torch.log1p(-best * excess).mean())


def estimate_from_log_weights(
    log_weights: Tensor,
    evaluations: int,
    gradient_evaluations: int = 0,
    seconds: float = 0.0,
    offset: float = 0.0,
) -> Estimate:
    """The estimate log Z = offset + log-mean-exp of independent log-weights, with all that tells its worth.

    A log-weight of minus infinity is a weight of zero, which is legitimate. NaN and plus infinity are counted as not
    finite and kept: the estimate is then not finite itself, with an infinite error.

    Args:
        log_weights: (N,), one for each independent weight.
        evaluations: how often U was evaluated at one point.
        gradient_evaluations: how often its gradient was.
        seconds: wall time.
        offset: added to log Z, such as the log of a normaliser that the weights leave out.

    Raises:
        ValueError: if there is no weight, or they are not one list.
    """
    if log_weights.ndim != 1 or len(log_weights) == 0:
        raise ValueError(f"log-weights of shape {tuple(log_weights.shape)}: expected (N,) with N at least 1")
    w = log_weights.detach().double().cpu()
    n = len(w)
    non_finite = int((w.isnan() | w.isposinf()).sum())
    log_z = offset + log_mean_exp(w)
    error, interval, ess, khat = math.inf, (-math.inf, math.inf), 0.0, math.inf
    if math.isfinite(log_z):
        error, ess, khat = log_mean_standard_error(w), effective_fraction(w), pareto_khat(w)
        interval = (log_z - 1.96 * error, log_z + 1.96 * error)
    warning = _warning(log_z, n, non_finite, ess, khat)
    return Estimate(
        log_z, error, interval, ess, khat, n, non_finite, evaluations, gradient_evaluations, seconds, warning
    )


def _warning(log_z: float, n: int, non_finite: int, ess: float, khat: float) -> str:
    if non_finite:
        return f"{non_finite} of {n} weights are NaN or infinite, so that the estimate is not finite"
    if log_z == -math.inf:
        return f"all {n} weights are zero: no sample fell where the target has mass"
    said = []
    limit = min(1 - 1 / math.log10(n), 0.7) if n > 1 else -math.inf
    if khat > limit:
        said.append(f"Pareto k-hat {khat:.2f} is above {limit:.2f}: the weights' tail is too heavy to trust the error")
    if ess * n < FEWEST:
        said.append(f"only {ess * n:.1f} of {n} weights are effective, fewer than {FEWEST}")
    return "; ".join(said)
