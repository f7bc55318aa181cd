"""Measures of laboratory games: the distance of the equilibrium, and what is known."""

from __future__ import annotations

import math

import pytest

from pushforward import Look, UserError
from pushforward.testing.games import Duel
from pushforward.testing.stand_ins import Blobs
from pushforward_lab.distance import EquilibriumDistance
from pushforward_lab.exponential import ExponentialGAN
from pushforward_lab.gaussian_process import MomentGAN
from pushforward_lab.known import KnownAnswers
from pushforward_lab.torus import HarmonicTorus


def test_the_distance_is_that_of_both_players_together() -> None:
    game = HarmonicTorus(start=[2 * math.pi + 0.3, math.pi - 0.4])
    found = EquilibriumDistance().measure(Look(game, Blobs()))
    assert found == pytest.approx({"value": 0.5, "standard_error": 0.0, "discriminator": 0.3, "generator": 0.4})


def test_an_equivalent_filter_is_at_no_distance() -> None:
    game = MomentGAN([1.0, 0.9, 0.2], start=[0.0, 0.0, 0.0, -0.4, -1.2, -0.5])
    assert EquilibriumDistance().measure(Look(game, Blobs()))["value"] == pytest.approx(0, abs=1e-12)


def test_known_answers_are_those_of_the_game() -> None:
    game = ExponentialGAN()
    found = KnownAnswers().measure(Look(game, Blobs()))
    assert found["value"] == len(game.answers()) > 0
    assert {key: found[key] for key in game.answers()} == game.answers()


def test_one_known_answer_is_the_value_under_its_own_name() -> None:
    game = ExponentialGAN(start=[0.0, 0.1])
    measure = KnownAnswers("critical-slope")
    assert measure.label("known-answers") == "known-answers/critical-slope"
    assert measure.measure(Look(game, Blobs()))["value"] == game.answers()["critical-slope"]
    with pytest.raises(UserError, match="no answer 'critical'.*critical-slope"):
        KnownAnswers("critical").measure(Look(game, Blobs()))


def test_a_game_without_answers_is_refused_with_its_name() -> None:
    for measure in (EquilibriumDistance(), KnownAnswers()):
        with pytest.raises(UserError, match="Duel"):
            measure.measure(Look(Duel(), Blobs()))
