"""The stream of rounds: what each round is dealt is a function of its number, so nothing of it is ever saved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pushforward.randomness import Draw
from pushforward.roles.target import Target

if TYPE_CHECKING:
    from pushforward.play import Play


class Rounds:
    """Deals the turns of the rounds up to the next report; iterating again goes on from there.

    Args:
        play: knows how many rounds were played and how many turns a round takes.
        target: where data come from.
        batch: samples of a turn, over all processes.
        report_every: rounds between reports.
        processes: how many share each turn.
        rank: which of them this is.
    """

    def __init__(
        self, play: Play, target: Target, batch: int, report_every: int, processes: int = 1, rank: int = 0
    ) -> None:
        self.play, self.target, self.batch, self.report_every = play, target, batch, report_every
        self.rows = (batch * rank // processes, batch * (rank + 1) // processes)

    def __iter__(self) -> Iterator[list[Draw]]:
        for number in range(self.play.played, next_report(self.play.played, self.report_every, self.play.rounds)):
            yield self.deal(number)

    def deal(self, number: int) -> list[Draw]:
        """The turns of one round; data are read when a cost asks for them."""
        turns = []
        for index in range(self.play.turns):
            position = (number * self.play.turns + index) * self.batch
            draw = Draw(self.play.seed, (number, index), self.batch, self.rows, position)
            turns.append(draw.reading(self.target.batch) if self.play.game.needs_data else draw)
        return turns


def next_report(played: int, report_every: int, rounds: int) -> int:
    """The round after which the next report is made."""
    return min((played // report_every + 1) * report_every, rounds)


def reports_left(played: int, report_every: int, rounds: int) -> int:
    """How many reports are still to come."""
    return 0 if played >= rounds else -(-rounds // report_every) - played // report_every
