"""Whether a run ended as its closed form says: the share of a grid that did not is one number."""

from __future__ import annotations

import math

from pushforward import Look, Measure, UserError
from pushforward_lab.orbits import orbit_of
from pushforward_lab.rate import factor_a_round, log_excess, positive_distance


class Fate(Measure):
    r"""1 where play nears an equilibrium although its step is too large, or leaves it although it is not; else 0.

    To hold a step-size diagram to its closed form: over a grid its mean is the share of cells that are wrong. Cells
    whose step is within `aside` of the largest stable one are not judged and count as 0; `aside` tells them.

    Args:
        boundary: what the game calls its largest stable step.
        aside: the relative distance from that step below which a run is too short to tell.
        within: judge by what comes before play is first farther than this from the equilibrium; None takes all.

    Raises:
        UserError: if `aside` is negative or `within` not above 0; or, when looking, the game knows no equilibrium or
            no such step, its orbit is not kept, or its players have different steps.
    """

    def __init__(
        self, boundary: str = "largest-step-simultaneous", aside: float = 0.02, within: float | None = None
    ) -> None:
        super().__init__(sync_on_compute=False)
        if not 0 <= aside < math.inf:
            raise UserError(f"aside is {aside}: expected a relative distance of 0 or more")
        self.boundary, self.aside, self.within = boundary, aside, positive_distance(within)
        self._numbers: dict[str, float] = {}

    def measure(self, look: Look) -> dict[str, float]:
        """Compare the orbit with the closed form."""
        self.reset()
        orbit = orbit_of(look, "fate")
        factor = factor_a_round(orbit.rounds, orbit.gaps.norm(dim=1), self.within)
        self.update(factor, log_excess(look, self.boundary))
        return self.compute()

    def update(self, factor: float, excess: float) -> None:
        """Take in the factor a round, and log of the step over the largest stable one."""
        aside = abs(excess) <= math.log1p(self.aside)
        wrong = not aside and (factor < 1) != (excess < 0)
        self._numbers = {"value": float(wrong), "standard_error": 0.0, "aside": float(aside)}

    def compute(self) -> dict[str, float]:
        """Whether it was wrong, and whether it was judged."""
        if not self._numbers:
            raise UserError("fate has seen no orbit yet: call measure or update first")
        return dict(self._numbers)
