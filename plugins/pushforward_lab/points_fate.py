"""Whether isolated points do what their damping allows: the share of a phase diagram that does not is one number."""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor

from pushforward import Look, Measure, UserError
from pushforward_lab.phases import damping_excess, numbers_of, points_game

SMALL = 0.01  # of the kernel's reach: a swing that is seen
OVERSHOT = 1e-6  # of the first distance: more than rounding


class PointsFate(Measure):
    r"""1 where points do below a damping what they should do only above it, or the other way round; else 0.

    .. math:: \text{it happens} \iff \lambda < \lambda_{\text{boundary}}

    To hold a phase diagram to its closed form: over a grid its mean is the share of cells that are wrong. What happens
    below each damping: `critical-damping`, a lone point overshoots its true one; `simultaneous-damping` and
    `imbalance-damping`, it swings without end; `runaway-damping`, it is driven away by its own past. Cells near the
    boundary are not judged and count as 0; `aside` tells them.

    Args:
        boundary: the damping in closed form.
        aside: the relative distance from it below which a run is too short to tell.

    Raises:
        UserError: if `aside` is negative; or, when looking, the model is not one of isolated points, or does not know
            that damping as it stands.
    """

    def __init__(
        self,
        boundary: Literal[
            "critical-damping", "simultaneous-damping", "imbalance-damping", "runaway-damping"
        ] = "critical-damping",
        aside: float = 0.1,
    ) -> None:
        super().__init__(sync_on_compute=False)
        if not 0 <= aside < math.inf:
            raise UserError(f"aside is {aside}: expected a relative distance of 0 or more")
        self.boundary, self.aside = boundary, aside
        self._numbers: dict[str, float] = {}

    def measure(self, look: Look) -> dict[str, float]:
        """Compare the points with the closed form."""
        self.reset()
        reach = points_game(look, "points-fate").kernel.reach
        happens = happened(self.boundary, numbers_of(look, "points-fate"), reach)
        self.update(happens, damping_excess(look, self.boundary))
        return self.compute()

    def update(self, happens: bool, excess: float) -> None:
        """Take in whether it happened, and log of the damping over the one of the boundary."""
        aside = abs(excess) <= math.log1p(self.aside)
        wrong = not aside and happens != (excess < 0)
        self._numbers = {"value": float(wrong), "standard_error": 0.0, "aside": float(aside)}

    def compute(self) -> dict[str, float]:
        """Whether it was wrong, and whether it was judged."""
        if not self._numbers:
            raise UserError("points-fate has seen no points yet: call measure or update first")
        return dict(self._numbers)


def happened(boundary: str, numbers: dict[str, Tensor], reach: float) -> bool:
    """Whether the numbers of a phase show what should happen below a boundary.

    Args:
        boundary: which.
        numbers: of `phase_numbers`.
        reach: the kernel's.
    """
    if boundary == "critical-damping":
        return float(numbers["overshoot"]) > OVERSHOT
    if boundary == "runaway-damping":
        return float(numbers["distance"]) > 2 * reach and float(numbers["speed"]) > SMALL * reach
    return float(numbers["swing"]) > SMALL * reach or float(numbers["growth"]) > 0
