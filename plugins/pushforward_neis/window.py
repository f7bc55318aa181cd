"""The times of a trajectory that a weight looks at."""

from __future__ import annotations

from dataclasses import dataclass

from pushforward import UserError


@dataclass(frozen=True)
class Window:
    """A uniform grid of times that contains 0.

    Args:
        steps: N, how many steps it has.
        start: where it begins, as a share of its length: from -1 to 0 and a multiple of 1 / N.
        length: how long it is, in the time of the velocity.

    Raises:
        UserError: if it has no length or no step, does not contain time 0, or has time 0 between two of its points.
    """

    steps: int = 50
    start: float = -0.5
    length: float = 1.0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise UserError(f"steps is {self.steps}: a window needs at least 1")
        if not self.length > 0:
            raise UserError(
                f"length is {self.length}: a window of no length weighs starting points alone, which is importance"
                " sampling; give it a length above 0, and turn the velocity round to go the other way"
            )
        if not -1 <= self.start <= 0:
            raise UserError(
                f"start is {self.start}: the window contains time 0, so take -1 to 0, a share of its length"
            )
        if abs(self.first - self.start * self.steps) > 1e-6:
            fits = self.first / self.steps
            raise UserError(f"start {self.start} is no multiple of 1/{self.steps}: change steps, or take start={fits}")

    @property
    def first(self) -> int:
        """The index of its first time, between -N and 0."""
        return round(self.start * self.steps)

    @property
    def step(self) -> float:
        """The time between two points."""
        return self.length / self.steps

    @property
    def points(self) -> int:
        """N + 1: how often the weight of one walker evaluates U."""
        return self.steps + 1
