"""The GAN of an exponential law: equilibrium, rates, the slope at which rotation ends, and learning from samples."""

from __future__ import annotations

import math

import pytest
import torch
from lab_games import close, field_of, flow_spectrum, named_spectrum, play, round_radius, swept

from pushforward import Draw, UserError
from pushforward.functional import FunctionalPlay
from pushforward.optimizers import SGD
from pushforward.rules import Alternating, Rule, RungeKutta, Simultaneous
from pushforward_lab.exponential import ExponentialGAN


def test_the_value_at_every_equilibrium_is_minus_two_ln_two() -> None:
    game = ExponentialGAN()
    for theta, omega in game.equilibria():
        assert float(game.value(theta, omega)) == pytest.approx(-2 * math.log(2), abs=1e-14)
        assert float(torch.stack(game.flow(theta, omega)).norm()) < 1e-13
        assert float(1 + 0.9 * omega.sin()) == pytest.approx(1.2)


@pytest.mark.parametrize("arguments", [(1.2, 0.9, 0.25, 1.0), (0.6, 0.5, 1.5, -0.3), (1.0, 0.9, 1.79, 1.0)])
def test_eigenvalues_are_those_of_the_closed_form(arguments: tuple[float, float, float, float]) -> None:
    game = ExponentialGAN(*arguments, start=[0.1, 0.1])
    assert close(flow_spectrum(game), named_spectrum(game.answers()), 1e-9)
    for point in game.equilibria():
        assert close(flow_spectrum(game, point), named_spectrum(game.answers()), 1e-9)


def test_the_rates_are_those_of_the_notes() -> None:
    answers = ExponentialGAN().answers()
    assert answers["eigenvalue-1-real"] == pytest.approx(-0.02312, abs=1e-5)
    assert answers["eigenvalue-1-imaginary"] == pytest.approx(0.10722, abs=1e-5)
    assert answers["period"] == pytest.approx(58.60, abs=5e-3)
    assert answers["contraction-a-turn"] == pytest.approx(0.25792, abs=5e-6)


def test_the_flow_contracts_as_predicted_in_every_turn() -> None:
    game = ExponentialGAN(start=[0.02, 0.224])
    known = game.equilibrium()
    assert known is not None
    path = play(game, RungeKutta(), game.answers()["period"] / 100, 200)
    distance = (path - torch.tensor([0.0, float(known["generator.value"])], dtype=torch.float64)).norm(dim=1)
    assert float(distance[200] / distance[100]) == pytest.approx(0.2579, rel=0.01)


def test_play_ends_at_the_mean_of_the_data() -> None:
    game = ExponentialGAN(start=[1.0, -0.6])
    path = play(game, RungeKutta(), 1.5, 600)
    assert 1 + 0.9 * math.sin(float(path[-1, 1])) == pytest.approx(1.2, abs=1e-7)


@pytest.mark.parametrize(("mean", "amplitude", "centre"), [(1.0, 0.9, 1.0), (1.2, 0.9, 1.0), (0.7, 0.5, 0.2)])
def test_rotation_ends_at_the_critical_slope(mean: float, amplitude: float, centre: float) -> None:
    critical = ExponentialGAN(mean, amplitude, 0.1, centre).answers()["critical-slope"]
    below, above = (ExponentialGAN(mean, amplitude, critical * scale, centre) for scale in (0.99, 1.01))
    assert bool((flow_spectrum(below).imag != 0).all())
    assert bool((flow_spectrum(above).imag == 0).all())
    assert "period" in below.answers() and "period" not in above.answers()


def test_the_critical_slope_of_the_notes_is_one_point_eight() -> None:
    assert ExponentialGAN(1.0).answers()["critical-slope"] == pytest.approx(1.8)
    at = flow_spectrum(ExponentialGAN(1.0, slope=1.79))
    assert (float(at[0].real), float(at[0].imag)) == pytest.approx((-0.801, 0.085), abs=1e-3)


@pytest.mark.parametrize("rule", [Simultaneous(), Alternating()])
def test_the_largest_stable_step_of_descent_is_a_threshold(rule: Rule) -> None:
    game = ExponentialGAN(start=[1e-4, 0.224])
    name = "simultaneous" if isinstance(rule, Simultaneous) else "alternating"
    largest = game.answers()[f"largest-step-{name}"]
    assert round_radius(game, rule, 0.99 * largest) < 1 < round_radius(game, rule, 1.01 * largest)


def test_learning_from_batches_recovers_the_mean_within_three_standard_errors() -> None:
    game = ExponentialGAN(slope=1.0, expectations="batch", start=[0.0, 0.0])
    executor = FunctionalPlay(game, Simultaneous(), {name: SGD(0.2) for name in game.players})
    state, means = executor.start(), []
    for number in range(1200):
        state = executor.round(state, [Draw(3, (number, 0), 512)])
        means.append(1 + 0.9 * float(state.point["generator.value"].sin()))
    blocks = torch.tensor(means[200:]).view(10, 100).mean(1)  # 100 rounds forget: a round contracts by 0.93
    error = float(blocks.std() / math.sqrt(10))
    assert error < 0.02
    assert abs(float(blocks.mean()) - 1.2) < 3 * error


def test_a_batch_gives_the_exact_costs_in_the_mean() -> None:
    exact, batch = ExponentialGAN(start=[0.8, -0.4]), ExponentialGAN(start=[0.8, -0.4], expectations="batch")
    n = 100_000
    found = batch.costs(("generator",), Draw(0, (0, 0), n))["generator"]["value"].detach()
    known = exact.costs(("generator",), Draw(0, (0, 0), 1))["generator"]["value"].detach()
    assert abs(float(found - known)) < 4 * 0.2 / math.sqrt(n)  # the logit's spread is 0.18 times below 1.5


def test_many_games_are_asked_at_once() -> None:
    game, z = ExponentialGAN(), torch.tensor([0.3, -0.2], dtype=torch.float64)
    slopes = torch.tensor([0.1, 0.5, 2.0], dtype=torch.float64)
    single = torch.stack([field_of(ExponentialGAN(slope=float(slope)))(z) for slope in slopes])
    assert torch.allclose(swept(game, "slope", slopes, z), single, atol=1e-14)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"mean": 2.0}, "amplitude above 1"),
        ({"slope": 0.0}, "slope"),
        ({"centre": math.inf}, "centre"),
        ({"mean": -0.1, "amplitude": 2.0}, "positive"),
        ({"start": [1.0, math.nan]}, "start"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, object], word: str) -> None:
    with pytest.raises(UserError, match=word):
        ExponentialGAN(**arguments)  # type: ignore[arg-type]
