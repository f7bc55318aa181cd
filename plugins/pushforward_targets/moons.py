"""Two interleaved half circles: two modes that no straight line parts."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward import Draw
from pushforward_targets import metadata
from pushforward_targets.endless import Endless


class Moons(Endless):
    r"""Two interleaved half circles of radius 1, equally likely, blurred by Gaussian noise in both coordinates.

    .. math:: x = (\cos t, \sin t) \;\text{or}\; (1 - \cos t, \tfrac12 - \sin t), \qquad t \sim U(0, \pi)

    The usual test of whether a model parts two curved modes without a bridge between them.

    Reference: the half circles of scikit-learn's `make_moons`.

    Args:
        noise: standard deviation of the noise in each coordinate.

    Raises:
        UserError: if the noise is not above 0.
    """

    def __init__(self, noise: float = 0.05) -> None:
        self.shape = metadata.moons(noise).shape
        self.noise = noise

    def _points(self, draw: Draw) -> Tensor:
        t = math.pi * draw.uniform("angle")
        upper = torch.stack([t.cos(), t.sin()], 1)
        lower = torch.stack([1 - t.cos(), 0.5 - t.sin()], 1)
        first = draw.integers("moon", 2, 1) == 0  # (n, 1)
        return torch.where(first, upper, lower) + self.noise * draw.normal("noise", 2)
