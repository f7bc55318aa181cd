"""How measures without a closed-form error find one: means of batches, and the multinomial bootstrap."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pushforward.randomness import Draw


def batch_error(distance: Callable[[Tensor, Tensor], float], x: Tensor, y: Tensor, batches: int = 10) -> float:
    """Standard error of a distance between two sets: its spread over disjoint batches, over the root of their number.

    Sound for distances whose spread falls as the root of the sample size, as those of Wasserstein do both for equal
    and for different laws. Batches are strided, so that rows sorted by class do no harm. NaN below four points.
    """
    batches = min(batches, len(x) // 2, len(y) // 2)
    if batches < 2:
        return math.nan
    values = [distance(x[i::batches], y[i::batches]) for i in range(batches)]
    return float(torch.tensor(values, dtype=torch.float64).std()) / math.sqrt(batches)


def resampled_counts(counts: Tensor, name: str, repeats: int = 200) -> Tensor:
    """The bootstrap for counts of categories, (K,): counts of as many draws from their shares, (repeats, K)."""
    draws = int(counts.sum())
    chosen = torch.multinomial(
        counts.double().expand(repeats, -1),
        draws,
        replacement=True,
        generator=Draw(0, ("bootstrap",), 1).generator(name),
    )
    zeros = torch.zeros(repeats, len(counts), dtype=torch.float64)
    return zeros.scatter_add_(1, chosen, torch.ones_like(chosen, dtype=torch.float64))
