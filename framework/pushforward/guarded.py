"""A round that remembers where costs or gradients first were no numbers: the guard of copies played at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pushforward.field import Direction, State
from pushforward.functional import FunctionalPlay
from pushforward.ledger import Ledger, NonFinite
from pushforward.play import Play
from pushforward.randomness import Draw

# beside the game's buffers: 0 or the number of what broke, its value, and the rounds up to there
WHICH, VALUE, ROUNDS = "guard/which", "guard/value", "guard/rounds"


class Guarded(FunctionalPlay):
    """A play as a pure function, whose state also holds the first cost or gradient's norm that was not finite.

    Args:
        play: the play; its game's costs must be pure functions.
    """

    def __init__(self, play: Play) -> None:
        super().__init__(
            play.game,
            play.rule,
            play.players_optimizers,
            play.field.accumulate,
            play.clip,
            project=play.project,
            pure=True,
        )
        self.names: dict[tuple[str, str], int] = {}  # player and term, or "" for its gradient -> number
        self._seen: dict[int, Tensor] = {}

    def start(self) -> State:
        """The play's own, with nothing broken."""
        state = super().start()
        none = torch.zeros((), dtype=torch.int64)
        return _with(state, none, torch.zeros((), dtype=torch.float64), none.clone())

    def round(self, state: State, turns: Sequence[Draw]) -> State:
        """One round of the play, and a look at all that its moves followed."""
        buffers = dict(state.buffers)
        which, value, rounds = (buffers.pop(name) for name in (WHICH, VALUE, ROUNDS))
        rounds = torch.where(which == 0, rounds + 1, rounds)
        self._seen = {}
        after = super().round(state._replace(buffers=buffers), turns)
        for number, seen in self._seen.items():
            new = (which == 0) & ~torch.isfinite(seen)
            which, value = torch.where(new, number, which), torch.where(new, seen, value)
        self._seen = {}
        return _with(after, which, value, rounds)

    def refusal(self, state: State) -> NonFinite | None:
        """What the ledger of a single play says to the state of a copy; None where all was finite."""
        which, value = int(state.buffers[WHICH]), float(state.buffers[VALUE])
        if not which:
            return None
        player, term = next(name for name, number in self.names.items() if number == which)
        told, fine = torch.tensor(value), torch.tensor(0.0)
        ledger = Ledger()
        ledger.note(player, {term: told} if term else {}, fine if term else told)
        try:
            ledger.close_round(int(state.buffers[ROUNDS]))
        except NonFinite as error:
            return error
        raise ValueError(f"{value} is finite")

    def _step(self, direction: Direction, state: State) -> State:
        for player, terms in direction.terms.items():
            gradient = [direction.gradients[key] for key in self.field.own[player]]
            norm = torch.nn.utils.get_total_norm(gradient, foreach=False)
            for term, seen in {**terms, "": norm}.items():
                number = self.names.setdefault((player, term), len(self.names) + 1)
                # of several moves of a round a broken one stays
                self._seen[number] = self._seen.get(number, 0.0) + seen.to(torch.float64)
        return super()._step(direction, state)


def _with(state: State, which: Tensor, value: Tensor, rounds: Tensor) -> State:
    return state._replace(buffers={**state.buffers, WHICH: which, VALUE: value, ROUNDS: rounds})
