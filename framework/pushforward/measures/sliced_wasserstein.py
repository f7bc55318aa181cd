"""The sliced 2-Wasserstein distance: optimal transport made cheap by looking along lines."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward.measures.standard_errors import batch_error
from pushforward.measures.two_samples import TwoSamples
from pushforward.problem import UserError
from pushforward.randomness import Draw


class SlicedWasserstein(TwoSamples):
    r"""Sliced 2-Wasserstein distance between samples and held-out data.

    .. math:: \Big( \mathbb{E}_{\theta}\, W_2^2(\theta^\top x, \theta^\top y) \Big)^{1/2}

    Cheap in any dimension and never fooled by density tricks; finite samples of one law are still of the order of
    n^{-1/2} apart. A shift by d shows as \|d\| / sqrt(D). The directions are the same in every look, so that their
    choice is no noise between rounds; the standard error is over samples, by ten disjoint batches.

    Reference: Bonneel, Rabin, Peyré, Pfister, "Sliced and Radon Wasserstein Barycenters of Measures", 2015.

    Args:
        samples: how many samples of the model and at most how many held-out rows are compared; the numbers may differ.
        projections: how many directions the mean is taken over.

    Raises:
        UserError: if there is no direction, or `samples` is below 2.
    """

    def __init__(self, samples: int = 2000, projections: int = 256) -> None:
        super().__init__(samples)
        if projections < 1:
            raise UserError(f"sliced-wasserstein: projections is {projections}, but at least one is needed")
        self.projections = projections

    def compare(self, x: Tensor, y: Tensor) -> dict[str, float]:
        """The distance of order 2."""
        draw = Draw(0, ("sliced-wasserstein",), self.projections, dtype=torch.float64)
        directions = torch.nn.functional.normalize(draw.normal("directions", x.shape[1]), dim=1).T
        x, y = x @ directions, y @ directions  # (n, projections)

        def distance(a: Tensor, b: Tensor) -> float:
            return math.sqrt(float(squared_distances_on_lines(a, b).mean()))

        return {"value": distance(x, y), "standard_error": batch_error(distance, x, y), "n": min(len(x), len(y))}


def squared_distances_on_lines(x: Tensor, y: Tensor) -> Tensor:
    """W_2^2 between the columns of x, (n, P), and of y, (m, P): exact, by their quantile functions; (P,)."""
    n, m = len(x), len(y)
    x, y = x.sort(0).values, y.sort(0).values
    if n == m:
        return (x - y).square().mean(0)
    # both quantile functions are constant between neighbouring multiples of 1/n or 1/m; count in units of 1/(n m)
    steps = torch.cat([torch.arange(n + 1) * m, torch.arange(m + 1) * n]).unique()
    widths = steps.diff().double() / (n * m)
    gaps = x[steps[:-1] // m] - y[steps[:-1] // n]
    return (widths[:, None] * gaps.square()).sum(0)
