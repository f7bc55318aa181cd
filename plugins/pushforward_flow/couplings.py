"""Which noise goes with which datum: independent pairs, or those of least total squared distance."""

from __future__ import annotations

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
