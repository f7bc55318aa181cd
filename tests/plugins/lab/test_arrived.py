"""Whether play has arrived: 1 within the tolerance of an equilibrium, and 0 elsewhere."""

from __future__ import annotations

import math

import pytest

from pushforward import Look, UserError
from pushforward.testing.games import Duel
from pushforward.testing.stand_ins import Blobs
from pushforward_lab.arrived import Arrived
from pushforward_lab.pennies import MatchingPennies


@pytest.mark.parametrize(("off", "expected"), [(0.0, 1.0), (0.009, 1.0), (0.011, 0.0), (0.5, 0.0)])
def test_play_has_arrived_within_the_tolerance_of_the_equilibrium(off: float, expected: float) -> None:
    game = MatchingPennies(start=[0.5 + off, 0.5, 0.5, 0.5])
    assert Arrived(tolerance=0.01).measure(Look(game, Blobs()))["value"] == expected


def test_what_is_not_finite_has_not_arrived() -> None:
    measure = Arrived()
    measure.update(math.nan)
    assert measure.compute()["value"] == 0.0


@pytest.mark.parametrize("tolerance", [0.0, -1.0, math.inf, math.nan])
def test_a_tolerance_must_be_positive(tolerance: float) -> None:
    with pytest.raises(UserError, match="tolerance"):
        Arrived(tolerance)


def test_a_game_without_equilibrium_is_refused_with_its_name() -> None:
    with pytest.raises(UserError, match="Duel"):
        Arrived().measure(Look(Duel(), Blobs()))
    with pytest.raises(UserError, match="no game yet"):
        Arrived().compute()
