"""A checkerboard: a density with edges and corners, that is exactly known."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward import Draw
from pushforward_targets import metadata
from pushforward_targets.endless import Endless


class Checkerboard(Endless):
    r"""Uniform on every second square of a board of four by four.

    .. math:: p(x) = \tfrac{1}{8 s^2} \text{ where } x \in [-2s, 2s]^2 \text{ and }
        \lfloor x_1 / s \rfloor + \lfloor x_2 / s \rfloor \text{ is even}

    Sharp edges between mass and none: what splines do well and affine maps do not. Its entropy is log 8 s^2.

    Args:
        side: s, of a square.

    Raises:
        UserError: if the side is not above 0.
    """

    domain = "bounded"

    def __init__(self, side: float = 1.0) -> None:
        self.shape = metadata.checkerboard(side).shape
        self.side, self.log_z = side, 0.0

    def _points(self, draw: Draw) -> Tensor:
        square = draw.integers("square", 8)
        row, pair = square // 2, square % 2
        column = 2 * pair + row % 2
        corner = torch.stack([column, row], 1) - 2
        return self.side * (corner + draw.uniform("place", 2))

    def log_density(self, x: Tensor) -> Tensor:
        """log p(x), (n,): minus infinity on the other squares."""
        square = (x.detach() / self.side).floor()
        inside = ((square >= -2) & (square < 2)).all(1) & (square.sum(1) % 2 == 0)
        level = 0 * x.sum(1) - math.log(8 * self.side**2)
        return level.masked_fill(~inside, -math.inf)
