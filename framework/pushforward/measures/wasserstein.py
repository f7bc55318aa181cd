"""The exact 2-Wasserstein distance between two small sets of points, by optimal assignment."""

from __future__ import annotations

import math

import torch
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped, unused-ignore]
from torch import Tensor

from pushforward.measures.standard_errors import batch_error
from pushforward.measures.two_samples import TwoSamples
from pushforward.problem import UserError

MOST = 2000  # points; the assignment takes time of the order of their cube


class Wasserstein(TwoSamples):
    r"""Exact 2-Wasserstein distance between samples and held-out data.

    .. math:: \min_{\pi} \Big( \tfrac{1}{n} \sum_i \|x_i - y_{\pi(i)}\|^2 \Big)^{1/2}

    The honest distance in few dimensions; in many, n points of one law lie far apart and sliced-wasserstein says more.
    Where the sets differ in size the first points of the larger are taken. The standard error is over samples, by ten
    disjoint batches; the value itself is biased upwards by finite samples, less so the more there are.

    Reference: Crouse, "On Implementing 2D Rectangular Assignment Algorithms", 2016.

    Args:
        samples: how many samples of the model and at most how many held-out rows are matched: at most 2000.

    Raises:
        UserError: if `samples`, or the points given, are more than 2000 or fewer than 2.
    """

    def __init__(self, samples: int = 1000) -> None:
        super().__init__(samples)
        _refuse_more_than_most(samples)

    def compare(self, x: Tensor, y: Tensor) -> dict[str, float]:
        """The distance of order 2."""
        n = min(len(x), len(y))
        _refuse_more_than_most(n)
        x, y = x[:n], y[:n]
        return {"value": assignment_distance(x, y), "standard_error": batch_error(assignment_distance, x, y), "n": n}


def assignment_distance(x: Tensor, y: Tensor) -> float:
    """W_2 between as many points x and y, both (n, D); where one set has a point more, that point is left out."""
    n = min(len(x), len(y))
    costs = torch.cdist(x[:n], y[:n], compute_mode="donot_use_mm_for_euclid_dist").square()
    rows, columns = linear_sum_assignment(costs.numpy())
    return math.sqrt(float(costs[torch.as_tensor(rows), torch.as_tensor(columns)].mean()))


def _refuse_more_than_most(n: int) -> None:
    if n > MOST:
        raise UserError(
            f"wasserstein matches at most {MOST} points, got {n}: take fewer samples, or sliced-wasserstein"
        )
