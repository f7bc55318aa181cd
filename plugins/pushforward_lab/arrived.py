"""Whether play has arrived at an equilibrium: over repeats, the share of starts from which a rule converges."""

from __future__ import annotations

import math

from pushforward import Look, Measure, UserError
from pushforward_lab.distance import EquilibriumDistance


class Arrived(Measure):
    r"""1 where play is at the game's equilibrium, 0 where it is not.

    .. math:: \mathbf 1\{\, \|\theta - \theta^*\| < \varepsilon \,\}

    A grid over seeds averages it to the share of starts that converge. What is not finite has not arrived.

    Args:
        tolerance: the distance epsilon below which play has arrived.

    Raises:
        UserError: if the tolerance is not positive, or the game knows no equilibrium.
    """

    better = "higher"

    def __init__(self, tolerance: float = 1e-3) -> None:
        super().__init__(sync_on_compute=False)
        if not 0 < tolerance < math.inf:
            raise UserError(f"arrived: tolerance is {tolerance}, expected a positive number")
        self.tolerance = tolerance
        self._distance: float | None = None

    def measure(self, look: Look) -> dict[str, float]:
        """Look how far play is."""
        self.reset()
        self.update(EquilibriumDistance().measure(look)["value"])
        return self.compute()

    def update(self, distance: float) -> None:
        """Take in a distance from the equilibrium: a later one replaces it."""
        self._distance = distance

    def compute(self) -> dict[str, float]:
        """Whether it is below the tolerance."""
        if self._distance is None:
            raise UserError("arrived has seen no game yet: call measure or update first")
        return {"value": float(self._distance < self.tolerance), "standard_error": 0.0}
