"""The spectrum as a measure: what a round is predicted to do near the equilibrium, and what it does."""

from __future__ import annotations

from typing import Literal

import torch

from pushforward.contraction import measured_contraction, state_at
from pushforward.linear import Point
from pushforward.play import Play
from pushforward.problem import RunFailed
from pushforward.randomness import Draw
from pushforward.roles.measure import Look, Measure
from pushforward.round_map import present, round_spectrum, scales_of
from pushforward.settle import find_equilibrium
from pushforward.spectrum import field_spectrum

SETTLED = 2000  # numbers of a game that is also played to see its contraction


class SpectrumMeasure(Measure):
    """How much nearer to the equilibrium one round brings the players, predicted from the Jacobian and measured.

    The value is the spectral radius of one round, the rule's own memory included; below 1 play contracts. Further
    numbers: `measured`, the factor seen when play is nudged off the equilibrium and fitted over its rounds; `real` and
    `imaginary`, the least stable eigenvalue of the field of the flow; `residual`, the worst of the eigenvalues' own
    errors; `dimension`; `rotates`, 1 where the flow turns; `flat`, the directions in which nothing moves; `settled`, 1
    where all this is of an equilibrium and 0 where it is of the point at which play happens to be.

    Args:
        at: the equilibrium, or the present point. The game's own equilibrium is taken, or for a game of at most 16
            numbers that which Newton's method finds from where play is; without either it is the present point.
        batch: samples of the turn on which games with data are linearised.
        rounds: rounds that are played for the measured factor.
    """

    neutral = 1.0

    def __init__(
        self, at: Literal["equilibrium", "present"] = "equilibrium", batch: int = 512, rounds: int = 400
    ) -> None:
        super().__init__()
        self.at, self.batch, self.rounds = at, batch, rounds

    def measure(self, look: Look) -> dict[str, float]:
        """Linearise field and round."""
        if look.play is None:
            raise RunFailed("measure spectrum: there is no play to look at, only a model")
        play = look.play
        turns = turns_for(play, look, self.batch)
        with torch.enable_grad():
            point = self._equilibrium(play, turns[0]) if self.at == "equilibrium" else None
            field = field_spectrum(play.game, turns[0], point, which="real")
            state = present(play) if point is None else state_at(play, point)._replace(memory=scales_of(play))
            after = round_spectrum(play, turns, state)
        numbers = {
            "value": abs(after.leading),
            "standard_error": 0.0,
            "real": field.leading.real,
            "imaginary": abs(field.leading.imag),
            "residual": max([*field.residuals, *after.residuals], default=0.0),
            "dimension": float(field.dimension),
            "rotates": float(field.rotates),
            "flat": float(field.flat),
            "settled": float(point is not None),
        }
        if point is not None and field.dimension <= SETTLED:
            seen = measured_contraction(play, point, turns, self.rounds, isolated=not field.flat)
            if seen is not None:
                numbers["measured"] = seen
        return numbers

    def _equilibrium(self, play: Play, turn: Draw) -> Point | None:
        return find_equilibrium(play, turn) if play.trace.small else play.game.equilibrium()

    def compute(self) -> dict[str, float]:
        """Not from samples."""
        raise RunFailed("measure spectrum looks at play, not at samples")


def turns_for(play: Play, look: Look, batch: int) -> list[Draw]:
    """The turns of one round for a look at play itself: the same in every round, so that rounds compare."""
    turns = []
    for index in range(play.turns):
        draw = Draw(look.seed, ("spectrum", index), batch, device=look.device)
        turns.append(draw.with_data(*look.target.batch(draw)) if play.game.needs_data else draw)
    return turns
