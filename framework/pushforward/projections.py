"""Projections: where a player's parameters must stay, after every move."""

from __future__ import annotations

import abc

import torch
from torch import Tensor, nn

from pushforward.problem import UserError


class Projection(abc.ABC):
    """Abstract: the nearest allowed value of a parameter."""

    @abc.abstractmethod
    def __call__(self, value: Tensor) -> Tensor:
        """The nearest allowed point, in the shape of `value`."""


class Confined(nn.Module):
    """A module whose own parameters make sense only in some set, whatever game it plays in.

    After every move each of its parameters (those of its parts are their own affair) is where `projection` puts it.

    Attributes:
        projection: the nearest allowed value of a parameter, or None.
    """

    projection: Projection | None = None


class Box(Projection):
    r"""Keep every number between two bounds.

    .. math:: \theta \leftarrow \min(\max(\theta, \text{low}), \text{high})

    Weight clipping of a Wasserstein critic (low = -c, high = c), probabilities of two actions (0 and 1).

    Reference: Arjovsky, Chintala, Bottou, "Wasserstein GAN", 2017, arXiv:1701.07875, algorithm 1.

    Args:
        low: the lower bound.
        high: the upper bound.

    Raises:
        UserError: if low is not below high.
    """

    def __init__(self, low: float = -0.01, high: float = 0.01) -> None:
        if not low < high:
            raise UserError(f"a box from {low} to {high}: expected low below high")
        self.low, self.high = low, high

    def __call__(self, value: Tensor) -> Tensor:
        """Clipped, entry by entry."""
        return value.clamp(self.low, self.high)


class Simplex(Projection):
    r"""Keep the last dimension a probability vector.

    .. math:: \theta \leftarrow \max(\theta - \tau, 0), \quad \textstyle\sum_i \max(\theta_i - \tau, 0) = 1

    Mixed strategies and weights of mixtures. The Euclidean projection, exact up to rounding.

    Reference: Duchi, Shalev-Shwartz, Singer, Chandra, "Efficient Projections onto the l1-Ball for Learning in High
    Dimensions", 2008, figure 1.
    """

    def __call__(self, value: Tensor) -> Tensor:
        """The nearest probability vector.

        Raises:
            UserError: if there is one number alone, whose only probability is 1.
        """
        if value.ndim == 0:
            raise UserError("simplex is for vectors, and a parameter here is a single number: project it to a box")
        ordered = value.sort(-1, descending=True).values
        excess = ordered.cumsum(-1) - 1
        count = torch.arange(1, value.shape[-1] + 1, device=value.device, dtype=value.dtype)
        kept = (ordered - excess / count > 0).sum(-1, keepdim=True)
        threshold = excess.gather(-1, kept - 1) / kept
        return (value - threshold).clamp_min(0)


class Ball(Projection):
    r"""Keep each parameter tensor within a Euclidean ball.

    .. math:: \theta \leftarrow \theta \min(1, r / \|\theta\|)

    Filters and weights of bounded energy.

    Args:
        radius: the radius r.

    Raises:
        UserError: if the radius is not positive.
    """

    def __init__(self, radius: float = 1.0) -> None:
        if not radius > 0:
            raise UserError(f"a ball of radius {radius}: expected a radius above 0")
        self.radius = radius

    def __call__(self, value: Tensor) -> Tensor:
        """Shortened where it is too long."""
        norm = torch.linalg.vector_norm(value)
        return torch.where(
            norm > self.radius, value * (self.radius / norm.clamp_min(torch.finfo(value.dtype).tiny)), value
        )
