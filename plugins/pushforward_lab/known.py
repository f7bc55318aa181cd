"""What is known of a game in closed form, reported next to what was measured."""

from __future__ import annotations

from typing import Any

from pushforward import Look, Measure, UserError


class KnownAnswers(Measure):
    """The game's own answers: eigenvalues, thresholds, rates, each under its name.

    For the laboratory's games: so that prediction and measurement stand in one table. The `value` is how many answers
    there are.

    Raises:
        UserError: if the game has no answers in closed form.
    """

    better = None

    def __init__(self) -> None:
        super().__init__(sync_on_compute=False)
        self._answers: dict[str, float] = {}

    def measure(self, look: Look) -> dict[str, float]:
        """Ask the game."""
        self.reset()
        answers: Any = getattr(look.game, "answers", None)
        if answers is None:
            raise UserError(f"known-answers: {type(look.game).__name__} knows none; it is for games of the laboratory")
        self.update(answers())
        return self.compute()

    def update(self, answers: dict[str, float]) -> None:
        """Take in a game's answers."""
        self._answers = dict(answers)

    def compute(self) -> dict[str, float]:
        """Their number, and all of them."""
        return {"value": float(len(self._answers)), "standard_error": 0.0, **self._answers}
