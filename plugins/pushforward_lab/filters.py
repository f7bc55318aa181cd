"""Finite filters and their autocovariances: which filters give one law, and which moments belong to a filter at all."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from numpy.polynomial import chebyshev
from torch import Tensor

EDGE = 1e-12  # spectral densities relative to lag 0 that are 0 up to rounding
REAL = 1e-6  # a root whose imaginary part is relatively smaller is real: a double real root splits by rounding


def autocovariance(theta: Tensor, lags: int) -> Tensor:
    """r_l = sum_j theta_j theta_{j+l} for lags 0 to `lags`, (lags + 1,)."""
    q = len(theta) - 1
    products = [(theta[: q + 1 - lag] * theta[lag:]).sum() for lag in range(min(lags, q) + 1)]
    return torch.stack(products + [torch.zeros_like(products[0])] * (lags - q))


def empirical_autocovariance(theta: Tensor, lags: int, white: Tensor) -> Tensor:
    """Mean autocovariance at lags 0 to `lags` of realisations of the process, (lags + 1,).

    Args:
        theta: the filter, (q + 1,).
        lags: the largest lag.
        white: normal noise, (n, d): each row is filtered around a circle of length d.
    """
    length = white.shape[1]
    spectrum = torch.fft.rfft(theta, n=length).abs().square() * torch.fft.rfft(white).abs().square().mean(0)
    return torch.fft.irfft(spectrum, n=length)[: lags + 1] / length


def smallest_density(moments: Tensor) -> float:
    r"""The smallest value over all frequencies of the spectral density that the moments would have.

    .. math:: \min_w\; r_0 + 2 \sum_l r_l \cos(l w)

    It is a polynomial in cos(w): its extrema are roots of the derivative, found exactly. By Fejer and Riesz, a filter
    with these moments exists if and only if it is not negative.
    """
    r = moments.detach().cpu().double().numpy()
    series = np.concatenate([r[:1], 2 * r[1:]])
    slope = chebyshev.chebtrim(chebyshev.chebder(series)) if len(series) > 1 else np.zeros(1)
    critical = chebyshev.chebroots(slope) if len(slope) > 1 else np.zeros(0)
    inside = np.clip(critical.real[np.abs(critical.imag) < 1e-6], -1, 1)
    return float(chebyshev.chebval(np.concatenate([inside, [-1.0, 1.0]]), series).min())


def solvable(moments: Tensor, order: int, tolerance: float = EDGE) -> bool:
    """Whether some filter of that order has these moments.

    Args:
        moments: autocovariances at lags 0, 1, ...
        order: the largest lag q of the filter; it has q + 1 numbers, and no covariance beyond lag q.
        tolerance: what a spectral density, relative to lag 0, may lie below 0 by rounding.
    """
    if bool((moments[order + 1 :].abs() > tolerance * moments[0].abs()).any()):
        return False
    return smallest_density(moments[: order + 1]) >= -tolerance * float(moments[0])


def spectral_factor(moments: Tensor) -> Tensor | None:
    """The filter of minimal phase with these moments at lags 0 to q, (q + 1,); None where there is none.

    Moments whose spectral density is 0 at some frequency, up to rounding, are on the edge and count as having none:
    the factor's roots on the unit circle are double in the density, and lost to half the digits.
    """
    if smallest_density(moments) <= EDGE * float(moments[0]):
        return None
    r = moments.detach().cpu().double().numpy()
    found = np.roots(np.concatenate([r[:0:-1], r]))  # in pairs (z, 1/z)
    inside = found[np.abs(found) < 1]
    factor = np.zeros(len(r))
    factor[: len(inside) + 1] = np.poly(inside).real
    return torch.from_numpy(factor * np.sqrt(r[0] / np.square(factor).sum()))


def equivalent_filters(theta: Tensor) -> Tensor:
    """All real filters of the same length with the autocovariance of `theta`, (K, q + 1).

    They differ by sign and by root flips: a real root, or a pair of complex ones, may change place with its inverse.
    Reversal flips them all. A filter of q real roots has up to 2^(q+1) equivalents.
    """
    coefficients = theta.detach().cpu().double().numpy()
    if not coefficients.any():
        return theta.detach().cpu().double()[None]
    gain, factors = _factors(coefficients)
    flipped = [[np.array(factor), np.array(factor[::-1])] for factor in factors]
    found: list[np.ndarray] = []
    for choice in itertools.product(*flipped):
        product = np.array([gain])
        for factor in choice:
            product = np.convolve(product, factor)
        for candidate in (product, -product):
            if not any(np.abs(candidate - other).max() < 1e-7 * np.abs(candidate).max() for other in found):
                found.append(candidate)
    return torch.from_numpy(np.stack(found))


def _factors(coefficients: np.ndarray) -> tuple[float, list[list[float]]]:
    """Real factors of degree one and two, whose product times the gain is the polynomial: zeros at 0 and infinity too.

    A factor's reversal has the same modulus on the unit circle: that is what a root flip is.
    """
    used = np.flatnonzero(coefficients)
    first, last = used[0], used[-1]
    factors: list[list[float]] = [[0.0, 1.0]] * int(first) + [[1.0, 0.0]] * int(len(coefficients) - 1 - last)
    for root in np.roots(coefficients[first : last + 1]):
        if abs(root.imag) <= REAL * max(1.0, abs(root)):
            factors.append([1.0, -root.real])
        elif root.imag > 0:
            factors.append([1.0, -2 * root.real, abs(root) ** 2])
    return float(coefficients[first]), factors
