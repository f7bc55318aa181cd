"""A closed form of isolated points, and what they did: two numbers that should be one."""

from __future__ import annotations

from typing import Literal

from pushforward import Look, Measure, UserError
from pushforward_lab.phases import known_answer, numbers_of

SEEN = {"collapse-radius": "pair", "runaway-speed": "speed"}  # which number of a phase shows it


class PointsLaw(Measure):
    r"""The radius of a collapsed pair, or the speed of a point that runs away: in closed form and as it was.

    The value is the closed form, `measured` what was seen, `error` how much more that is. The radius is
    :math:`s \sqrt{\tfrac23 \ln (2 q / p)}` for two points of mass q at a true one of mass p; the speed v solves

    .. math:: 1 = \mu q^2 \gamma \int_0^\infty s\, e^{-\lambda s - \gamma v^2 s^2 / 2}\, ds

    with the integral over the critic's discrete past. For the model `isolated-points` under an alternating rule.

    Reference: Becker, Pandit, Rangan, Fletcher, "Instability and Local Minima in GAN Training with Kernel
    Discriminators", 2022, arXiv:2208.09938. The formulas are derived from their model.

    Args:
        law: which.

    Raises:
        UserError: if the model (when looking) is not one of isolated points, or does not know it as it stands.
    """

    better = None

    def __init__(self, law: Literal["runaway-speed", "collapse-radius"] = "runaway-speed") -> None:
        super().__init__(sync_on_compute=False)
        self.law = law
        self._numbers: dict[str, float] = {}

    def measure(self, look: Look) -> dict[str, float]:
        """Compare."""
        self.reset()
        self.update(known_answer(look, self.law), float(numbers_of(look, "points-law")[SEEN[self.law]]))
        return self.compute()

    def update(self, expected: float, seen: float) -> None:
        """Take in the closed form and what was seen."""
        numbers = {"value": expected, "standard_error": 0.0, "measured": seen, "error": seen - expected}
        self._numbers = numbers | ({"relative": seen / expected - 1} if expected else {})

    def compute(self) -> dict[str, float]:
        """Both, and their difference; `relative` where the closed form is not zero."""
        if not self._numbers:
            raise UserError("points-law has seen no points yet: call measure or update first")
        return dict(self._numbers)
