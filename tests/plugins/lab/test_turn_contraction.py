"""The contraction of a turn on orbits whose eigenvalue is chosen."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from pushforward import Look, UserError
from pushforward.testing.stand_ins import Blobs, Looked
from pushforward_lab.turns import TurnContraction


def numbers(values: list[Any]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def spiral(shrink: float, angle: float, rounds: int = 200) -> Tensor:
    """Displacements that turn by an angle and shrink by a factor each round, seen in skew coordinates."""
    turn = shrink * torch.linalg.matrix_exp(angle * numbers([[0.0, -1.0], [1.0, 0.0]]))
    skew = numbers([[1.0, 0.7], [0.0, 0.4]])
    now, seen = numbers([1.0, 0.3]), []
    for _ in range(rounds):
        seen.append(skew @ now)
        now = turn @ now
    return torch.stack(seen)


def test_a_turn_of_a_skew_spiral_shrinks_by_the_power_of_its_modulus() -> None:
    measure = TurnContraction()
    measure.update(spiral(0.99, 0.1))
    found = measure.compute()
    assert found["value"] == pytest.approx(0.99 ** (2 * math.pi / 0.1), rel=1e-9)
    assert found["rounds"] == pytest.approx(2 * math.pi / 0.1, rel=1e-9)


def test_a_thinned_orbit_tells_the_same_turn_in_rounds() -> None:
    whole, thinned = TurnContraction(), TurnContraction()
    whole.update(spiral(0.99, 0.1))
    thinned.update(spiral(0.99, 0.1)[::4], every=4)
    assert thinned.compute()["value"] == pytest.approx(whole.compute()["value"], rel=1e-9)
    assert thinned.compute()["rounds"] == pytest.approx(whole.compute()["rounds"], rel=1e-9)


def test_a_closed_orbit_keeps_its_distance() -> None:
    measure = TurnContraction()
    measure.update(spiral(1.0, 0.1))
    assert measure.compute()["value"] == pytest.approx(1.0, abs=1e-9)


def test_what_creeps_in_without_turning_has_no_turn() -> None:
    measure = TurnContraction()
    measure.update(torch.stack([numbers([0.9, 0.5]) ** k for k in range(60)]))
    assert measure.compute()["value"] == measure.compute()["rounds"] == 0


def test_without_an_orbit_it_says_so() -> None:
    with pytest.raises(UserError, match="no orbit"):
        TurnContraction().measure(Look(Looked(Blobs()), Blobs()))
