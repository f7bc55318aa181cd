"""What chains say of themselves: whether they agree, and how many independent draws theirs are worth."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def split_rhat(draws: Tensor) -> float:
    r"""Rank-normalised split R-hat, the larger of that of the values and that of their distance to the median.

    .. math:: \hat R = \sqrt{\frac{\frac{n-1}{n} W + \frac1n B}{W}}

    W is the mean variance within half chains of n draws, B / n the variance of their means. Near 1 where chains agree;
    above 1.01 they have not mixed. Rank normalisation makes it mean something without a variance.

    Reference: Vehtari, Gelman, Simpson, Carpenter, Buerkner, "Rank-Normalization, Folding, and Localization: An
    Improved R-hat", 2021, arXiv:1903.08008.

    Args:
        draws: one number of each chain at each step, (steps, chains).

    Returns:
        The larger of the two; infinity where nothing ever moved or a number is not finite, which says nothing good.

    Raises:
        ValueError: if there are fewer than four steps.

    Example:
        >>> split_rhat(torch.randn(500, 4, generator=torch.Generator().manual_seed(0))) < 1.01
        True
    """
    halves = _split(draws)
    if _says_nothing(halves):
        return math.inf
    folded = (halves - halves.median()).abs()
    return max(_rhat(_normal_scores(halves)), _rhat(_normal_scores(folded)))


def bulk_effective_size(draws: Tensor) -> float:
    """Effective draws for the centre of the law: of the rank-normalised halves of chains, (steps, chains).

    Draws that never change are worth one, draws that are not finite none.
    """
    halves = _split(draws)
    return _worth_of_nothing(halves) if _says_nothing(halves) else _effective(_normal_scores(halves))


def tail_effective_size(draws: Tensor) -> float:
    """Effective draws for the tails: the smaller of those for the 5 % and the 95 % quantile, (steps, chains).

    A quantile that all draws lie on one side of, as that of a number of few values may be, is left out.
    """
    halves = _split(draws)
    if _says_nothing(halves):
        return _worth_of_nothing(halves)
    levels = torch.quantile(halves.flatten(), torch.tensor([0.05, 0.95], dtype=halves.dtype))
    below = [(halves <= level).double() for level in levels]
    sizes = [_effective(share) for share in below if not _says_nothing(share)]
    return min(sizes) if sizes else bulk_effective_size(draws)


def _says_nothing(draws: Tensor) -> bool:
    return not bool(draws.isfinite().all()) or bool((draws == draws[0, 0]).all())


def _worth_of_nothing(draws: Tensor) -> float:
    return 1.0 if bool(draws.isfinite().all()) else 0.0


def _split(draws: Tensor) -> Tensor:
    if draws.ndim != 2 or len(draws) < 4:
        raise ValueError(f"draws of shape {tuple(draws.shape)}: expected (steps, chains) with at least four steps")
    half = len(draws) // 2
    return torch.cat([draws[:half], draws[-half:]], 1).double()


def _normal_scores(draws: Tensor) -> Tensor:
    _, place, count = torch.unique(draws.flatten(), return_inverse=True, return_counts=True)
    last, count = count.cumsum(0).double(), count.double()
    rank = (last - (count - 1) / 2)[place].view(draws.shape)  # the mean rank of equal values, from 1
    return torch.special.ndtri((rank - 3 / 8) / (draws.numel() + 1 / 4))


def _rhat(draws: Tensor) -> float:
    n = len(draws)
    within = float(draws.var(0).mean())
    between = float(draws.mean(0).var())  # B / n
    if within == 0:
        return math.inf if between > 0 else 1.0  # the fold of two values may be one value
    return math.sqrt((n - 1) / n + between / within)


def _effective(draws: Tensor) -> float:
    r"""Geyer's estimate: draws over :math:`1 + 2 \sum_t \rho_t`, summed while pairs of neighbours stay above zero."""
    n, chains = draws.shape
    centred = draws - draws.mean(0)
    spectrum = torch.fft.rfft(centred, 2 * n, dim=0).abs().square()
    covariance = torch.fft.irfft(spectrum, 2 * n, dim=0)[:n].mean(1) / n
    within = float(covariance[0]) * n / (n - 1)
    total = within * (n - 1) / n + (float(draws.mean(0).var()) if chains > 1 else 0.0)
    correlation = 1 - (within - covariance * n / (n - 1)) / total
    correlation[0] = 1.0
    pairs = correlation[: n // 2 * 2].view(-1, 2).sum(1)
    below = (pairs < 0).nonzero()
    kept = pairs[: int(below[0])] if len(below) else pairs
    time = -1 + 2 * float(kept.cummin(0).values.sum()) if len(kept) else 1.0
    return draws.numel() / max(time, 1 / math.log10(draws.numel()))
