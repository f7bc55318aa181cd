"""What is known of a game in closed form, reported next to what was measured."""

from __future__ import annotations

from typing import Any

from pushforward import Look, Measure, UserError


class KnownAnswers(Measure):
    """The game's own answers: eigenvalues, thresholds, rates, each under its name.

    For the laboratory's games: so that prediction and measurement stand in one table. The `value` is how many answers
    there are, or the one that is asked for, which then reports as ``known-answers/<answer>``.

    Args:
        answer: the answer that becomes the value, so that a grid draws it; None means how many there are.

    Raises:
        UserError: if the game has no answers in closed form, or not this one.
    """

    better = None

    def __init__(self, answer: str | None = None) -> None:
        super().__init__(sync_on_compute=False)
        self.answer = answer
        self._answers: dict[str, float] = {}

    def label(self, name: str) -> str:
        """The registered name, with the answer where one is asked for."""
        return name if self.answer is None else f"{name}/{self.answer}"

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
        """Their number, or the one that is asked for, and all the others."""
        if self.answer is None:
            return {"value": float(len(self._answers)), "standard_error": 0.0, **self._answers}
        if self.answer not in self._answers:
            known = ", ".join(self._answers) or "none"
            raise UserError(f"known-answers: this game has no answer {self.answer!r} at its arguments; it has {known}")
        others = {name: number for name, number in self._answers.items() if name != self.answer}
        return {"value": self._answers[self.answer], "standard_error": 0.0, **others}
