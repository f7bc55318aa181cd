"""Isolated points: a round against the recursion written out, and every threshold from both of its sides."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from pushforward import Draw, Rule, UserError
from pushforward.ensemble import Ensemble
from pushforward.field import State
from pushforward.functional import FunctionalPlay
from pushforward.optimizers import SGD
from pushforward.rules.turns import Alternating, Simultaneous
from pushforward_lab import point_thresholds
from pushforward_lab.isolated_points import IsolatedPoints
from pushforward_lab.point_kernels import GaussianKernel

TURNS = [Draw(0, (0, 0), 1), Draw(0, (0, 1), 1)]  # the game takes nothing from them
Order = Literal["simultaneous", "generator-first"]
RULES: dict[Order, Rule] = {"simultaneous": Simultaneous(), "generator-first": Alternating()}
POINTS = "generator.value"


def played(game: IsolatedPoints, generator_step: float, rounds: int, order: Order = "generator-first") -> list[State]:
    """The start, and the state after every round."""
    play = FunctionalPlay(game, RULES[order], {"generator": SGD(generator_step)})
    states = [play.start()]
    for _ in range(rounds):
        states.append(play.round(states[-1], TURNS))
    return states


def trajectories(
    game: IsolatedPoints, dampings: list[float], generator_step: float, rounds: int, order: Order = "generator-first"
) -> Tensor:
    """The points of a copy for every damping, all at once, (rounds, copies, n, d)."""
    play = FunctionalPlay(game, RULES[order], {"generator": SGD(generator_step)}, pure=True)
    ensemble = Ensemble(play, {(game, "damping"): torch.tensor(dampings, dtype=torch.float64)})
    state, found = Ensemble.stack([play.start()] * len(dampings)), []
    for _ in range(rounds):
        state = ensemble.round(state, TURNS)
        found.append(state.point[POINTS])
    return torch.stack(found)


def pair(start: float, q: float = 1.0, p: float = 1.0, window: int | None = None, **more: float) -> IsolatedPoints:
    """One true point of mass p at the origin and one generated point of mass q."""
    return IsolatedPoints([[0.0]], [p], [[start]], generated_masses=[q], window=window, **more)  # type: ignore[arg-type]


def reference(
    game: IsolatedPoints, generator_step: float, rounds: int, order: Order
) -> tuple[np.ndarray, list[tuple[float, np.ndarray]]]:
    """The recursion written out in numpy, with all the past and a Gaussian kernel of width 1."""
    x = game.generator.value.detach().numpy().copy()
    true, p = game.critic.true.numpy(), game.critic.true_masses.numpy()
    q, keep = game.critic.masses.numpy(), 1 - game.critic_step * game.damping
    true_weight, past = 0.0, []  # f as the weight of the true points, and (weight, points) of the past

    def slope(at: np.ndarray) -> np.ndarray:
        total = np.zeros_like(at)
        for weight, centres, masses in [(true_weight, true, p), *((-w, c, q) for w, c in past)]:
            apart = at - centres
            total -= weight * (masses * np.exp(-(apart**2).sum(1) / 2)) @ apart
        return total

    for _ in range(rounds):
        old = x
        x = np.stack([row + generator_step * mass * slope(row) for row, mass in zip(x, q, strict=True)])
        seen = old if order == "simultaneous" else x
        past = [(keep * w, c) for w, c in past] + [(game.critic_step, seen)]
        true_weight = keep * true_weight + game.critic_step
    return x, past


@pytest.mark.parametrize("order", ["simultaneous", "generator-first"])
def test_a_round_is_the_recursion_of_the_model_in_either_order(order: Order) -> None:
    game = IsolatedPoints(
        [[0.0, 0.0], [1.5, 0.5]],
        [0.3, 0.7],
        [[0.4, 0.1], [-0.3, 0.5], [1.2, 0.9]],
        generated_masses=[0.2, 0.5, 0.3],
        damping=0.7,
        critic_step=0.2,
    )
    state = played(game, 0.5, 40, order)[-1]
    expected, past = reference(game, 0.5, 40, order)
    assert np.abs(state.point[POINTS].numpy() - expected).max() < 1e-13
    remembered = state.buffers["critic.past"][:40].flip(0).numpy()
    assert np.abs(remembered - np.stack([centres for _, centres in past])).max() < 1e-13
    assert np.allclose(state.buffers["critic.weights"][:40].flip(0).numpy(), [w for w, _ in past], rtol=1e-13)


def test_the_orders_differ() -> None:
    ends = [played(pair(0.3), 0.5, 20, order)[-1].point[POINTS] for order in RULES]
    assert float((ends[0] - ends[1]).abs()) > 1e-3


@pytest.mark.parametrize("order", ["simultaneous", "generator-first"])
@pytest.mark.parametrize(("p", "q"), [(1.0, 1.0), (0.8, 0.5), (0.5, 0.7)])
def test_near_its_true_point_a_round_is_its_two_by_two_matrix(order: Order, p: float, q: float) -> None:
    """In (distance, slope of the critic), once the critic has settled; the cubic that is left out is (1e-3)^2."""
    game = pair(0.0, q, p, damping=1.5, critic_step=0.1, head_start=250)
    game.generator.value.data.fill_(1e-3)
    first, last = played(game, 0.2, 12, order)[::12]
    matrix = point_thresholds.round_matrix(order, 1.5, 0.1, 0.2, 1.0, p, q)
    slope = game.critic.slope(torch.zeros(1, 1, dtype=torch.float64)).item()
    expected = np.linalg.matrix_power(matrix, 12) @ [first.point[POINTS].item(), slope]
    assert last.point[POINTS].item() == pytest.approx(expected[0], rel=1e-5)


def test_a_lone_pair_swings_below_the_critical_damping_and_only_there() -> None:
    critical = point_thresholds.critical_damping(mu=0.5, curvature=1.0)
    assert critical == pytest.approx(2 * math.sqrt(0.5))
    x = trajectories(pair(0.01, critic_step=0.05, window=600), [0.8 * critical, 1.2 * critical], 0.025, 400)
    below, above = x[:, 0].flatten(), x[:, 1].flatten()
    assert float(below.min()) < -1e-5
    assert float(above.min()) > 0


@pytest.mark.parametrize(("p", "q"), [(1.0, 0.4), (0.5, 0.8)])
def test_the_critical_damping_of_unequal_masses_is_where_the_matrix_ceases_to_rotate(p: float, q: float) -> None:
    critical = point_thresholds.critical_damping(0.5, 1.0, p, q)
    for factor, rotates in ((0.98, True), (1.02, False)):
        step = 1e-4  # the thresholds are those of small steps
        matrix = point_thresholds.round_matrix("generator-first", factor * critical, step, 0.5 * step, 1.0, p, q)
        assert bool(np.iscomplex(np.linalg.eigvals(matrix)).any()) is rotates


def test_the_exact_dynamics_of_a_small_swing_is_that_of_a_damped_spring() -> None:
    damping, mu, step, start = 1.0, 1.0, 0.01, 0.01
    x = trajectories(pair(start, critic_step=step, window=700), [damping], mu * step, 700)[:, 0, 0, 0].numpy()
    t = step * np.arange(700)
    omega = math.sqrt(mu - damping**2 / 4)
    spring = start * np.exp(-damping * t / 2) * (np.cos(omega * t) + damping / (2 * omega) * np.sin(omega * t))
    assert np.abs(x - spring).max() / start < 0.01  # first order in the step


def test_simultaneous_play_diverges_below_its_damping_and_alternating_play_does_not() -> None:
    """The published check: threshold 10, at 20 per cent to both sides; what diverges ends in a cycle of order s."""
    assert point_thresholds.simultaneous_damping(10.0, 1.0) == 10.0
    game = pair(0.01, damping=8.0, critic_step=0.02, window=120)
    simultaneous = trajectories(game, [8.0, 12.0], 10.0, 800, "simultaneous").abs()[-50:].amax((0, 2, 3))
    alternating = trajectories(game, [8.0, 12.0], 10.0, 800).abs()[-50:].amax((0, 2, 3))
    assert 0.1 < float(simultaneous[0]) < 10
    assert float(simultaneous[1]) < 1e-6
    assert float(alternating.max()) < 1e-12


@pytest.mark.parametrize(
    ("order", "damping", "radius"),
    [("simultaneous", 9.9, 1.0010), ("simultaneous", 10.2, 0.9980), ("generator-first", 9.9, 0.8955)],
)
def test_the_radius_of_a_round_is_the_published_one(order: Order, damping: float, radius: float) -> None:
    matrix = point_thresholds.round_matrix(order, damping, 0.02, 10.0, 1.0)
    assert np.abs(np.linalg.eigvals(matrix)).max() == pytest.approx(radius, abs=5e-5)


def test_the_largest_critic_step_is_where_an_eigenvalue_of_the_round_passes_minus_one() -> None:
    largest = point_thresholds.largest_critic_step(3.0, 2.0, 1.0)
    matrix = point_thresholds.round_matrix("generator-first", 3.0, largest, 2.0, 1.0)
    assert np.linalg.eigvals(matrix).min() == pytest.approx(-1, abs=1e-12)


def test_a_point_too_heavy_for_its_true_one_rests_only_above_the_damping_of_its_excess() -> None:
    threshold = point_thresholds.imbalance_damping(mu=1.0, curvature=1.0, p=0.5, q=1.0)
    assert threshold == pytest.approx(math.sqrt(0.5))
    game = pair(0.05, 1.0, 0.5, critic_step=0.1, window=260)
    end = trajectories(game, [0.8 * threshold, 1.2 * threshold], 0.1, 1200).abs()[-150:].amax((0, 2, 3))
    assert 0.4 < float(end[0]) < 0.8  # a cycle: the notes measured .60 at a smaller step
    assert float(end[1]) < 1e-5


@pytest.mark.parametrize(("share", "settles"), [(0.8, True), (1.2, False)])
def test_points_that_share_a_true_one_separate_if_and_only_if_they_are_too_heavy(share: float, settles: bool) -> None:
    """The difference of two points grows at the rate mu q (Q - p) gamma / lambda."""
    q, damping, mu, step = share / 2, 2.0, 1.0, 0.05
    game = IsolatedPoints([[0.0]], [1.0], [[1e-3], [-1e-3]], generated_masses=[q, q], damping=damping,
                          critic_step=step, head_start=500)  # fmt: skip
    states = played(game, mu * step, 200)
    growth = math.log(states[-1].point[POINTS][0].item() / states[100].point[POINTS][0].item()) / (100 * step)
    assert (growth < 0) is settles
    assert growth == pytest.approx(mu * q * (share - 1) / damping, rel=0.15)  # for rates small beside the damping


@pytest.mark.parametrize(("p", "q", "radius"), [(0.5, 0.5, 0.679778), (0.5, 0.4, 0.559764), (0.5, 1.0, 0.961351)])
def test_a_collapsed_pair_sits_at_the_predicted_radius(p: float, q: float, radius: float) -> None:
    game = IsolatedPoints([[0.0], [6.0]], [p, p], [[0.2], [-0.1]], generated_masses=[q, q], damping=2.0,
                          critic_step=0.2, tolerance=1e-9)  # fmt: skip
    x = played(game, 0.4, 700)[-1].point[POINTS]
    assert game.answers()["collapse-radius/0"] == pytest.approx(radius, abs=1e-6)
    assert float((x[0] - x[1]).abs() / 2) == pytest.approx(radius, abs=1e-4)
    assert float((x[0] + x[1]).abs() / 2) < 1e-3  # on both sides of the true point; their middle settles last


def test_in_the_plane_a_pair_collapses_and_the_mode_it_left_is_never_found() -> None:
    modes = [[0.0, 0.0], [6.0, 0.0], [3.0, 5.0]]
    game = IsolatedPoints(modes, None, [[0.3, 0.1], [-0.2, 0.2], [3.1, 4.8]], damping=2.0, critic_step=0.2,
                          tolerance=1e-9)  # fmt: skip
    x = played(game, 2.0, 500)[-1].point[POINTS]
    radius = math.sqrt(2 / 3 * math.log(2))
    assert x[:2].norm(dim=1).tolist() == pytest.approx([radius, radius], abs=1e-4)
    assert x[2].tolist() == pytest.approx(modes[2], abs=1e-6)
    assert float((x - torch.tensor(modes[1])).norm(dim=1).min()) > 5


def test_one_point_for_each_mode_finds_it() -> None:
    modes = [[0.0, 0.0], [6.0, 0.0], [3.0, 5.0]]
    game = IsolatedPoints(modes, None, [[0.3, 0.1], [5.8, 0.2], [3.1, 4.8]], damping=2.0, critic_step=0.2,
                          tolerance=1e-9)  # fmt: skip
    x = played(game, 2.0, 500)[-1].point[POINTS]
    assert torch.allclose(x, torch.tensor(modes, dtype=torch.float64), atol=1e-6)  # the others are felt as 6 e^-18


def far(damping: float, step: float) -> IsolatedPoints:
    """A point that only a true one of hardly any mass disturbs: it breaks the tie between left and right."""
    return pair(1.0, 1.0, 1e-3, damping=damping, critic_step=step, tolerance=1e-9)


def speed_at_last(damping: float, step: float, time: float) -> float:
    states = played(far(damping, step), step, round(time / step))
    last = round(4 / step)
    return float((states[-1].point[POINTS] - states[-1 - last].point[POINTS]).abs()) / (last * step)


@pytest.mark.parametrize(("damping", "step", "time"), [(0.5, 0.05, 20.0), (0.8, 0.02, 36.0)])
def test_a_point_far_from_all_data_runs_away_at_the_predicted_speed(damping: float, step: float, time: float) -> None:
    speed = speed_at_last(damping, step, time)
    assert speed == pytest.approx(point_thresholds.runaway_speed(damping, 1.0, 1.0), rel=0.02)


def test_at_a_finite_step_the_speed_is_exactly_that_of_the_sum_over_the_past() -> None:
    predicted = point_thresholds.runaway_speed(0.5, 1.0, 1.0, critic_step=0.1)
    assert predicted < 0.99 * point_thresholds.runaway_speed(0.5, 1.0, 1.0)
    assert speed_at_last(0.5, 0.1, 50.0) == pytest.approx(predicted, rel=1e-8)


def test_above_the_runaway_damping_a_point_stays() -> None:
    assert point_thresholds.runaway_damping(1.0, 1.0) == 1.0
    x = played(far(1.2, 0.05), 0.05, 800)[-1].point[POINTS]
    assert abs(float(x)) < 1.0
    assert point_thresholds.runaway_speed(1.2, 1.0, 1.0) == 0.0


@pytest.mark.parametrize(("damping", "speed"), [(0.5, 0.656), (0.8, 0.389), (0.95, 0.186), (1.05, 0.0)])
def test_the_runaway_speed_is_the_published_prediction(damping: float, speed: float) -> None:
    assert point_thresholds.runaway_speed(damping, 1.0, 1.0) == pytest.approx(speed, abs=5e-4)
    finite = point_thresholds.runaway_speed(damping, 1.0, 1.0, critic_step=1e-4)
    assert finite == pytest.approx(point_thresholds.runaway_speed(damping, 1.0, 1.0), abs=2e-3)


def test_lengths_in_units_of_the_width_and_steps_of_its_square_are_the_same_game() -> None:
    ends = []
    for width in (1.0, 3.0):
        game = IsolatedPoints([[0.0]], start=[[0.2 * width]], kernel=GaussianKernel(width), damping=0.5)
        ends.append(played(game, 0.05 * width**2, 100)[-1].point[POINTS] / width)
    assert torch.allclose(ends[0], ends[1], atol=1e-13)


def test_the_equilibrium_is_the_true_points_unless_more_mass_gathers_than_they_have() -> None:
    modes = [[0.0], [6.0]]
    known = IsolatedPoints(modes, start=[[5.0], [0.5]]).equilibrium()
    assert known is not None and known[POINTS].flatten().tolist() == [6.0, 0.0]
    assert IsolatedPoints(modes, start=[[0.1], [0.5]]).equilibrium() is None


def test_answers_name_every_threshold_of_a_lone_pair() -> None:
    found = pair(0.1, damping=0.5, critic_step=0.1).answers(generator_step=0.2)
    assert found["critical-damping/0"] == pytest.approx(2 * math.sqrt(2))
    assert found["simultaneous-damping/0"] == pytest.approx(0.2)
    assert found["imbalance-damping/0"] == 0
    assert found["runaway-damping"] == pytest.approx(math.sqrt(2))
    assert found["forgotten"] <= 1e-12
    assert set(pair(0.1).answers()) == {"curvature", "forgotten"}


def test_random_starts_lie_about_true_points_and_follow_the_global_seed() -> None:
    def made() -> Tensor:
        torch.manual_seed(3)
        return IsolatedPoints([[0.0], [50.0]], count=20, spread=0.1).generator.value.detach()

    assert torch.equal(made(), made())
    assert float(torch.minimum(made().abs(), (made() - 50).abs()).max()) < 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"damping": -0.1}, "damping -0.1"),
        ({"critic_step": 0.0}, "critic_step 0.0"),
        ({"critic_step": 3.0}, "below 2 / damping"),
        ({"damping": 0.0}, "never forgets"),
        ({"window": 0}, "window 0"),
        ({"tolerance": 1.0}, "tolerance 1.0"),
        ({"points": []}, "points: expected at least one point"),
        ({"points": [[0.0], [1.0, 2.0]]}, "all of the same length"),
        ({"points": [[math.nan]]}, "not finite"),
        ({"start": [[0.0, 1.0]]}, "start: expected points of 1 numbers"),
        ({"masses": [0.5, 0.5]}, "masses: expected 1 positive"),
        ({"generated_masses": [0.0]}, "generated_masses: expected 1 positive"),
        ({"count": 0}, "count 0"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=words):
        IsolatedPoints(**arguments)  # type: ignore[arg-type]
