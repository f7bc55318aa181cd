"""What is read off an orbit: its rate, whether that is the known fate, and how far it still swings."""

from __future__ import annotations

import math

import pytest
import torch

from pushforward import Draw, Look, UserError
from pushforward.optimizers import SGD
from pushforward.play import Play
from pushforward.rules import Alternating, Simultaneous
from pushforward.testing.games import Duel
from pushforward.testing.stand_ins import Blobs
from pushforward_lab.dirac import DiracGAN
from pushforward_lab.fate import Fate
from pushforward_lab.orbits import orbit_of
from pushforward_lab.quadratic import Bilinear, StronglyMonotone
from pushforward_lab.rate import Shrinkage, factor_a_round
from pushforward_lab.reach import Reach


def played(game, rule=None, lr=0.2, rounds=500):
    play = Play(game, rule or Simultaneous(), SGD(lr))
    play.configure_optimizers()
    for k in range(rounds):
        play.training_step([Draw(0, (k, i), 1) for i in range(play.turns)], 0)
    return Look(game, Blobs(), round=rounds, play=play)


def test_the_rate_of_a_geometric_series_is_its_ratio() -> None:
    rounds = torch.arange(1, 101, dtype=torch.float64)
    assert factor_a_round(rounds, 3 * 0.9**rounds) == pytest.approx(0.9, rel=1e-12)


def test_a_thinned_orbit_has_the_same_rate_a_round() -> None:
    rounds = torch.arange(8, 801, 8, dtype=torch.float64)
    assert factor_a_round(rounds, 3 * 0.99**rounds) == pytest.approx(0.99, rel=1e-12)


def test_the_swing_of_a_spiral_averages_out() -> None:
    rounds = torch.arange(1, 501, dtype=torch.float64)
    swinging = 0.97**rounds * (1 + 0.3 * (0.37 * rounds).sin())
    assert factor_a_round(rounds, swinging) == pytest.approx(0.97, abs=1e-5)


def test_what_leaves_or_arrives_at_once_has_no_finite_rate() -> None:
    rounds = torch.arange(1, 11, dtype=torch.float64)
    assert factor_a_round(rounds, torch.zeros(10, dtype=torch.float64)) == 0
    assert factor_a_round(rounds, 100.0**rounds, within=1.0) == math.inf
    assert math.isnan(factor_a_round(rounds[:2], rounds[:2]))


def test_what_comes_after_a_far_distance_is_left_out() -> None:
    rounds = torch.arange(1, 201, dtype=torch.float64)
    saturated = (1e-9 * 1.5**rounds).clamp(max=3.0)
    assert factor_a_round(rounds, saturated, within=1.0) == pytest.approx(1.5, rel=1e-12)
    assert factor_a_round(rounds, saturated) < 1.2


@pytest.mark.parametrize(
    ("rule", "known"), [(Simultaneous(), math.sqrt(1 - 0.06 + 0.01)), (Alternating(), math.sqrt(1 - 0.06))]
)
def test_the_rate_of_r1_is_its_closed_form(rule: Simultaneous | Alternating, known: float) -> None:
    look = played(DiracGAN(r1=0.3, start=[1e-6, 1e-6]), rule)
    assert Shrinkage().measure(look)["value"] == pytest.approx(known, abs=1e-5)


def test_the_rate_of_play_that_leaves_is_its_closed_form_while_it_is_near() -> None:
    game = DiracGAN(r1=4.0, start=[1e-12, 1e-12])  # at h = 1 psi overshoots
    largest = abs(1 - 4.0 / 2 - math.sqrt(4 - 0.25))  # 1 + h lambda at h = 1
    assert Shrinkage(within=0.01).measure(played(game, lr=1.0, rounds=60))["value"] == pytest.approx(largest, rel=1e-3)


def test_skipping_leaves_out_the_way_to_the_equilibrium() -> None:
    look = played(DiracGAN(r1=0.3, start=[-1.0, 1.0]))
    known = math.sqrt(0.95)
    whole, late = Shrinkage().measure(look)["value"], Shrinkage(skip=0.5).measure(look)["value"]
    assert abs(late - known) < 2e-6 < abs(whole - known)


def test_the_boundary_is_the_logarithm_of_the_step_over_the_largest_stable_one() -> None:
    look = played(DiracGAN(r1=0.3, start=[1e-6, 1e-6]), lr=0.6, rounds=10)
    assert Shrinkage(boundary="largest-step-simultaneous").measure(look)["boundary"] == pytest.approx(math.log(0.5))


def test_no_boundary_is_told_where_no_step_is_stable() -> None:
    assert "boundary" not in Shrinkage(boundary="largest-step-simultaneous").measure(played(Bilinear(), rounds=10))


@pytest.mark.parametrize("step", [0.9, 1.1])
def test_play_has_its_known_fate_on_both_sides_of_the_largest_step(step: float) -> None:
    game = StronglyMonotone(m=1, c=2, start=[1e-30, 1e-30])  # largest steps 2 / 5 at once, 2 / 3 in turn
    look = played(game, lr=0.4 * step, rounds=200)
    assert Fate().measure(look) == {"value": 0.0, "standard_error": 0.0, "aside": 0.0}
    wrong = Fate("largest-step-alternating").measure(look)["value"]
    assert wrong == float(step > 1)


def test_a_step_beside_the_boundary_is_not_judged() -> None:
    fate = Fate(aside=0.02)
    fate.update(factor=1.1, excess=-0.01)
    assert fate.compute() == {"value": 0.0, "standard_error": 0.0, "aside": 1.0}
    fate.update(factor=1.1, excess=-0.03)
    assert fate.compute() == {"value": 1.0, "standard_error": 0.0, "aside": 0.0}


def test_the_reach_of_a_circle_is_its_radius() -> None:
    turn = torch.linspace(0, 2 * math.pi, 401, dtype=torch.float64)[:-1]
    reach = Reach()
    reach.update(2 * torch.stack([turn.cos(), turn.sin()], 1), {"one": [0], "two": [1]})
    known = {"value": 2.0, "standard_error": 0.0, "mean_square": 4.0, "one": 2.0, "two": 2.0}
    assert reach.compute() == pytest.approx(known, rel=1e-12)


def test_two_non_saturating_players_reach_a_mean_square_of_twice_the_step() -> None:
    look = played(DiracGAN("non-saturating", start=[0.6, 0.6]), rounds=1500)
    assert Reach(last=1000).measure(look)["mean_square"] == pytest.approx(2 * 0.2, rel=0.01)


def test_players_are_told_apart() -> None:
    look = played(Bilinear(n=2, start=[1.0, 2.0, 3.0, 4.0]), rounds=3)
    assert orbit_of(look, "test").players == {"first": [0, 1], "second": [2, 3]}


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
@pytest.mark.parametrize("measure", [Shrinkage(), Fate(), Reach()])
def test_what_cannot_be_looked_at_is_refused_in_words(measure: Shrinkage | Fate | Reach) -> None:
    with pytest.raises(UserError, match="DiracGAN"):
        measure.measure(Look(DiracGAN(), Blobs()))
    with pytest.raises(UserError, match="Duel"):
        measure.measure(Look(Duel(), Blobs()))
    with pytest.raises(UserError, match="yet"):
        measure.compute()


def test_an_unknown_boundary_and_unequal_steps_are_refused() -> None:
    with pytest.raises(UserError, match="largest-step-simultaneous"):
        Fate("largest").measure(played(DiracGAN(r1=0.3), rounds=10))
    look = played(DiracGAN(r1=0.3), rounds=10)
    look.play.players_optimizers = {"discriminator": SGD(0.1), "generator": SGD(0.2)}
    with pytest.raises(UserError, match=r"\[0\.1, 0\.2\]"):
        Fate().measure(look)


@pytest.mark.parametrize(
    "make", [lambda: Shrinkage(skip=1.0), lambda: Shrinkage(within=0.0), lambda: Fate(aside=-1), lambda: Reach(last=0)]
)
def test_numbers_that_make_no_measure_are_refused(make) -> None:
    with pytest.raises(UserError, match="expected"):
        make()
