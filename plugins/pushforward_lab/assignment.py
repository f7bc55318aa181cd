"""How much work is left: the exact cost of carrying a game's points to its data, one to one."""

from __future__ import annotations

import math
from typing import Any

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from pushforward import Look, Measure, UserError

MOST = 2000  # points; the assignment takes time of the order of their cube


class AssignmentDistance(Measure):
    r"""Half the squared 2-Wasserstein distance, exactly, by optimal assignment.

    .. math:: \tfrac12 W_2^2 = \min_\pi \frac{1}{2N} \sum_i \|x_i - y_{\pi(i)}\|^2

    For a game of free points (`tangent-gan`) between all of its points and all of its data, where it is no estimate:
    its error is zero. For any other model between samples and held-out data. Where one set is smaller each of its
    points is taken several times, until both are as many, so that every point has its fair mass.

    Reference: Crouse, "On Implementing 2D Rectangular Assignment Algorithms", 2016.

    Args:
        samples: how many samples and held-out rows of any other model are matched.

    Raises:
        UserError: if `samples` is below 1, or both sets brought to one size are more than 2000 points.
    """

    def __init__(self, samples: int = 500) -> None:
        super().__init__(sync_on_compute=False)
        if not 1 <= samples <= MOST:
            raise UserError(f"assignment-distance: samples {samples}: expected 1 to {MOST}")
        self.samples = samples
        self._found: dict[str, float] = {}

    @torch.no_grad()
    def measure(self, look: Look) -> dict[str, float]:
        """Look at a game's own points where it has them, else at samples."""
        self.reset()
        game: Any = look.game
        if hasattr(game, "particles") and hasattr(game, "real"):
            self.update(game.generator.value, game.real)
            return {**self.compute(), "standard_error": 0.0}
        y = look.real(self.samples).x
        self.update(look.fake(len(y)), y)
        return self.compute()

    def update(self, x: Tensor, y: Tensor) -> None:
        """Take the points x, (m, *shape), in place of any before, and y, (n, *shape)."""
        x, y = (points.detach().flatten(1).double().cpu() for points in (x, y))
        finite = bool(x.isfinite().all() and y.isfinite().all())
        value = half_squared_distance(x, y) if finite else math.nan
        self._found = {"value": value, "n": min(len(x), len(y))}

    def compute(self) -> dict[str, float]:
        """The distance; NaN where a point is not finite."""
        if not self._found:
            raise UserError("assignment-distance has seen no points yet: call measure or update first")
        return dict(self._found)


def half_squared_distance(x: Tensor, y: Tensor) -> float:
    """W_2^2 / 2 between points x, (m, D), and y, (n, D).

    Raises:
        UserError: if the two sets brought to one size are more than 2000 points.
    """
    x, y = matched(x, y)
    return float((x - y).square().sum(1).mean()) / 2


def matched(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Both sets brought to one size, (N, D) each, the second in the order that fits the first best.

    Raises:
        UserError: if they are more than 2000 points then.
    """
    size = math.lcm(len(x), len(y))
    if size > MOST:
        raise UserError(
            f"assignment-distance matches at most {MOST} points, and {len(x)} against {len(y)} are {size} brought to "
            "one size: take equal numbers, or fewer"
        )
    x, y = x.repeat_interleave(size // len(x), 0), y.repeat_interleave(size // len(y), 0)
    squares = torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist").square()
    _, columns = linear_sum_assignment(squares.numpy())
    return x, y[torch.as_tensor(columns)]
