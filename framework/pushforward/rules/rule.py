"""What a rule of play is: a round, written once against the field and played in place or as a pure function."""

from __future__ import annotations

import abc
from collections.abc import Callable

from pushforward.field import Direction, Field, Point, State


class Move:
    """How a rule moves players: by their own optimizers.

    Args:
        step: the optimizers' steps along a direction, after which the game remembers.
        settle: makes the point of a state the present one, every parameter where it must stay.
        lr: the step size of the player that owns a parameter.
        place: settles a state whose point the rule has found by itself from a direction, after which the game remembers
            the move; no optimizer takes part.
    """

    def __init__(
        self,
        step: Callable[[Direction, State], State],
        settle: Callable[[State], State],
        lr: Callable[[str], float],
        place: Callable[[Direction, State], State],
    ) -> None:
        self.step, self.settle, self.lr, self.place = step, settle, lr, place

    def __call__(self, direction: Direction, state: State) -> State:
        """Step, and stay where players must: `step` alone is for rules that go on from there."""
        return self.settle(self.step(direction, state))


class Rule(abc.ABC):
    """Abstract: one full turn of play.

    A rule may ask the field as often as it likes, at any point, and moves players through `move`. It never tells
    whether it is played in place or as a pure function, so it copies what it wants to keep. A point that it sets is
    projected where players must stay.

    Attributes:
        extrapolates: whether it looks ahead of the point, which momentum spoils: Adam's beta1 is then 0 by default.
    """

    extrapolates: bool = False

    @abc.abstractmethod
    def round(self, field: Field, move: Move, state: State) -> State:
        """Play one round from `state` and give the new one."""

    @abc.abstractmethod
    def turns(self, field: Field) -> int:
        """How many turns (batches of data with their noise) a round takes."""

    def start(self, field: Field) -> Point:
        """What the rule remembers at the beginning."""
        return {}


def copied(point: Point) -> Point:
    """A point that no later move changes."""
    return {key: value.clone() for key, value in point.items()}
