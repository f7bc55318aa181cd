"""Thousands of copies of one game played at once: a round is mapped over starts, numbers and seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from pushforward.field import State
from pushforward.functional import FunctionalPlay
from pushforward.problem import RunFailed
from pushforward.randomness import Draw

Number = tuple[Any, str]  # a component and the name of one of its arguments


class Ensemble:
    """Plays copies of a game that differ in where they start, in numbers, and in the seed.

    The game's costs must be pure functions of its numbers: no branch on a value, gradients by `torch.func`.

    Args:
        play: a functional play of one copy, made with `pure`.
        numbers: arguments of the game, its rule or its optimizers, and their value in each copy, (copies,).
    """

    def __init__(self, play: FunctionalPlay, numbers: Mapping[Number, Tensor] | None = None) -> None:
        self.play, self.numbers = play, dict(numbers or {})
        self._asked: list[dict[tuple[Any, ...], Callable[[Draw], Tensor]]] = []

    @property
    def draws(self) -> bool:
        """Whether rounds ask their turns for numbers: known once copies have had turns of their own."""
        return any(self._asked)

    @staticmethod
    def stack(states: Sequence[State]) -> State:
        """The states of single copies as one, with the copies in front."""
        return torch.utils._pytree.tree_map(lambda *each: torch.stack(each), *states)

    @staticmethod
    def copy(state: State, index: int) -> State:
        """The state of one copy."""
        return torch.utils._pytree.tree_map(lambda value: value[index], state)

    def round(self, state: State, turns: Sequence[Draw] | Sequence[Sequence[Draw]]) -> State:
        """The state of all copies after one round.

        Args:
            state: stacked.
            turns: the round's turns, the same for all copies; or for every copy its own.
        """
        values = list(self.numbers.values())
        if turns and isinstance(turns[0], Draw):

            def same(state: State, values: list[Tensor]) -> State:
                with self._set(values):
                    return self.play.round(state, turns)  # type: ignore[arg-type]

            return torch.func.vmap(same, randomness="same")(state, values)
        return self._own_turns(state, values, turns)  # type: ignore[arg-type]

    def _own_turns(self, state: State, values: list[Tensor], turns: Sequence[Sequence[Draw]]) -> State:
        """Every copy's numbers are drawn before the round is mapped: a generator has no batch dimension."""
        if not self._asked:
            recorders = [_Recorder(turn) for turn in turns[0]]
            with self._set([value[0] for value in values]):
                self.play.round(self.copy(state, 0), recorders)
            self._asked = [recorder.asked for recorder in recorders]
        drawn = [
            {key: _stacked(ask, [copy[index] for copy in turns]) for key, ask in asked.items()}
            for index, asked in enumerate(self._asked)
        ]

        def own(state: State, values: list[Tensor], drawn: list[dict[tuple[Any, ...], Tensor]]) -> State:
            given = [_Given(turn, numbers) for turn, numbers in zip(turns[0], drawn, strict=True)]
            with self._set(values):
                return self.play.round(state, given)

        return torch.func.vmap(own)(state, values, drawn)

    @contextmanager
    def _set(self, values: Sequence[Tensor]) -> Iterator[None]:
        kept = [getattr(component, name) for component, name in self.numbers]
        try:
            for (component, name), value in zip(self.numbers, values, strict=True):
                setattr(component, name, value)
            yield
        finally:
            for (component, name), value in zip(self.numbers, kept, strict=True):
                setattr(component, name, value)


def _stacked(ask: Callable[[Draw], Tensor], turns: Sequence[Draw]) -> Tensor:
    """What each copy's turn answers; copies that share a turn share the answer."""
    found = {key: ask(turn) for key, turn in {id(turn): turn for turn in turns}.items()}
    return torch.stack([found[id(turn)] for turn in turns])


class _Turn(Draw):
    """A draw whose numbers come from elsewhere."""

    def __init__(self, turn: Draw) -> None:
        super().__init__(
            turn.seed, turn.key, turn.total, turn.rows, turn.position, turn.x, turn.labels, turn.device, turn.dtype
        )
        self.turn = turn

    def take(self, key: tuple[Any, ...], ask: Callable[[Draw], Tensor]) -> Tensor:
        raise NotImplementedError

    def normal(self, name: str, *shape: int) -> Tensor:
        return self.take(("normal", name, shape), lambda turn: turn.normal(name, *shape))

    def uniform(self, name: str, *shape: int) -> Tensor:
        return self.take(("uniform", name, shape), lambda turn: turn.uniform(name, *shape))

    def integers(self, name: str, high: int, *shape: int) -> Tensor:
        return self.take(("integers", name, high, shape), lambda turn: turn.integers(name, high, *shape))

    def generator(self, name: str) -> torch.Generator:
        raise RunFailed(f"the game draws {name!r} from a generator: copies with different seeds cannot share one")

    def parts(self, count: int) -> list[Draw]:
        if count > 1:
            raise RunFailed("an ensemble with different seeds plays no parts of a turn: leave budget.accumulate at 1")
        return [self]


class _Recorder(_Turn):
    """Notes what a round asks for."""

    def __init__(self, turn: Draw) -> None:
        super().__init__(turn)
        self.asked: dict[tuple[Any, ...], Callable[[Draw], Tensor]] = {}

    def take(self, key: tuple[Any, ...], ask: Callable[[Draw], Tensor]) -> Tensor:
        self.asked[key] = ask
        return ask(self.turn)


class _Given(_Turn):
    """Hands out what was drawn before."""

    def __init__(self, turn: Draw, drawn: dict[tuple[Any, ...], Tensor]) -> None:
        super().__init__(turn)
        self.drawn = drawn

    def take(self, key: tuple[Any, ...], ask: Callable[[Draw], Tensor]) -> Tensor:
        if key not in self.drawn:
            raise RunFailed(f"the game asks for {key[1]!r} only in some rounds: its copies cannot be played at once")
        return self.drawn[key]
