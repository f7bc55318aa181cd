"""The phase of isolated points is read off their last rounds, and the picture shows where they stand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import vmap

from pushforward import Draw, Look, UserError
from pushforward.ensemble import Ensemble
from pushforward.functional import FunctionalPlay
from pushforward.optimizers import SGD
from pushforward.rules.turns import Alternating
from pushforward.testing.stand_ins import Blobs, Looked
from pushforward_lab.isolated_points import IsolatedPoints
from pushforward_lab.phases import PointsPhase, phase_numbers, phase_of
from pushforward_lab.point_thresholds import critical_damping
from pushforward_lab.points_picture import PointsField

TURNS = [Draw(0, (0, 0), 1), Draw(0, (0, 1), 1)]


def after(game: IsolatedPoints, generator_step: float, rounds: int) -> Look:
    """A look at the game after so many rounds, the generator first."""
    play = FunctionalPlay(game, Alternating(), {"generator": SGD(generator_step)})
    state = play.start()
    for _ in range(rounds):
        state = play.round(state, TURNS)
    game.load_state_dict({**state.point, **state.buffers}, strict=False)
    return Look(game, Blobs(), round=rounds)


def measured(game: IsolatedPoints, generator_step: float, rounds: int) -> dict[str, float]:
    found = PointsPhase().measure(after(game, generator_step, rounds))
    return {**found, "distance": found["value"]}


def test_a_pair_that_meets_has_converged_without_overshoot_above_the_critical_damping() -> None:
    game = IsolatedPoints(start=[[0.1]], damping=3.0, critic_step=0.1, tolerance=1e-8)
    found = measured(game, 0.1, 200)
    assert phase_of(found, damping=3.0) == "converged"
    assert found["value"] < 1e-2 and found["overshoot"] == 0 and found["growth"] < 0


def test_a_pair_that_meets_overshoots_below_the_critical_damping() -> None:
    game = IsolatedPoints(start=[[0.1]], damping=1.0, critic_step=0.1, window=300)
    found = measured(game, 0.1, 200)
    assert phase_of(found) == "converged"
    damped = math.exp(-0.5 * math.pi / math.sqrt(0.75))  # half a turn of x'' + x' + x = 0
    assert found["overshoot"] == pytest.approx(damped, rel=0.1)  # first order in the step of .1


def test_a_point_too_heavy_for_its_true_one_swings() -> None:
    game = IsolatedPoints(
        masses=[0.5], start=[[0.5]], generated_masses=[1.0], damping=0.5, critic_step=0.1, tolerance=1e-9
    )
    found = measured(game, 0.1, 600)
    assert phase_of(found, damping=0.5) == "swinging"
    assert found["growth"] == pytest.approx(0, abs=0.01) and found["overshoot"] > 0.5


def test_a_collapsed_pair_is_told_with_its_radius_and_the_mode_it_misses() -> None:
    game = IsolatedPoints([[0.0], [6.0]], start=[[0.2], [-0.1]], damping=2.0, critic_step=0.2, tolerance=1e-9)
    found = measured(game, 0.8, 500)
    assert phase_of(found, damping=2.0) == "collapsed"
    assert found["pair"] == pytest.approx(game.answers()["collapse-radius/0"], abs=1e-4)
    assert found["missed"] == 1 and found["n"] == 2


def test_a_point_that_runs_away_is_told_with_its_speed() -> None:
    game = IsolatedPoints(masses=[1e-3], start=[[1.0]], generated_masses=[1.0], damping=0.5, critic_step=0.1,
                          tolerance=1e-6)  # fmt: skip
    found = measured(game, 0.1, 600)
    assert phase_of(found, damping=0.5) == "running away"
    assert found["speed"] == pytest.approx(game.answers(0.1)["runaway-speed"], rel=1e-6)


def test_a_far_point_under_a_heavy_damping_is_stranded() -> None:
    game = IsolatedPoints(start=[[12.0]], damping=3.0, critic_step=0.1)
    found = measured(game, 0.1, 100)
    assert phase_of(found, damping=3.0) == "stranded"


def test_before_the_first_round_nothing_has_moved() -> None:
    found = PointsPhase().measure(Look(IsolatedPoints(start=[[0.25]]), Blobs()))
    assert found == {"value": 0.25, "n": 1, "pair": 0, "missed": 0, "speed": 0, "swing": 0, "growth": 0, "overshoot": 0}


def test_many_copies_are_told_apart_at_once() -> None:
    games = [after(IsolatedPoints(start=[[x], [0.1]], damping=1.0, critic_step=0.2), 0.2, k).game
             for x, k in ((0.3, 30), (-0.2, 5), (2.0, 0))]  # fmt: skip
    alone = [phase_numbers(g.generator.value.detach(), g.critic.past, g.critic.weights, g.critic.true, 0.2)
             for g in games]  # fmt: skip
    stacked = [torch.stack(each) for each in zip(*((g.generator.value.detach(), g.critic.past, g.critic.weights)
                                                   for g in games), strict=True)]  # fmt: skip
    together = vmap(phase_numbers, in_dims=(0, 0, 0, None, None))(*stacked, games[0].critic.true, 0.2)
    for name, values in together.items():
        assert torch.allclose(values, torch.stack([numbers[name] for numbers in alone]), atol=1e-14)


def test_a_phase_diagram_over_damping_and_steps_has_its_border_at_the_critical_damping() -> None:
    factors, mus = (0.8, 1.2), (0.25, 1.0, 4.0)
    grid = [(f * critical_damping(mu, 1.0), mu) for f in factors for mu in mus]
    game, sgd = IsolatedPoints(start=[[0.1]], critic_step=0.05, window=500), SGD(0.05)
    play = FunctionalPlay(game, Alternating(), {"generator": sgd}, pure=True)
    damping, mu = torch.tensor(grid, dtype=torch.float64).T
    ensemble = Ensemble(play, {(game, "damping"): damping, (sgd, "lr"): 0.05 * mu})
    state = Ensemble.stack([play.start()] * len(grid))
    for _ in range(500):  # half a turn of the slowest takes a time of 10
        state = ensemble.round(state, TURNS)
    at = (state.point["generator.value"], state.buffers["critic.past"], state.buffers["critic.weights"])
    found = vmap(phase_numbers, in_dims=(0, 0, 0, None, None))(*at, game.critic.true, 0.05)
    assert (found["overshoot"] > 1e-6).tolist() == [True] * 3 + [False] * 3


def test_the_measure_refuses_a_game_of_another_kind() -> None:
    with pytest.raises(UserError, match="isolated-points"):
        PointsPhase().measure(Look(Looked(Blobs()), Blobs()))


@pytest.mark.parametrize("dimension", [1, 2])
def test_the_picture_shows_points_and_critic_and_touches_nothing(dimension: int) -> None:
    game = IsolatedPoints([[0.0] * dimension, [4.0] * dimension], count=4, critic_step=0.2)
    look = after(game, 1.0, 20)
    before = {key: value.clone() for key, value in game.state_dict().items()}
    picture = PointsField(cells=40).picture(look)
    assert picture.mode == "RGB" and picture.tobytes() == PointsField(cells=40).picture(look).tobytes()
    orange = np.abs(np.asarray(picture, int) - np.array([0xD5, 0x5E, 0x00])).sum(-1) < 150
    assert orange.any()
    assert all(torch.equal(value, before[key]) for key, value in game.state_dict().items())


def test_a_picture_is_refused_for_other_games_and_for_space() -> None:
    with pytest.raises(UserError, match="isolated-points"):
        PointsField().picture(Look(Looked(Blobs()), Blobs()))
    with pytest.raises(UserError, match="1 or 2 coordinates, these have 3"):
        PointsField().picture(Look(IsolatedPoints([[0.0, 0.0, 0.0]]), Blobs()))
    with pytest.raises(UserError, match="cells 1"):
        PointsField(cells=1)
