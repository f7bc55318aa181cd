"""Moment-matching GANs of Gaussian processes: rates, equivalent filters, and games without an equilibrium."""

from __future__ import annotations

import math

import pytest
import torch
from lab_games import TURN, close, field_of, flow_spectrum, named_spectrum, play, round_radius, swept
from torch import Tensor

from pushforward import Look, UserError
from pushforward.ensemble import Ensemble
from pushforward.functional import FunctionalPlay
from pushforward.optimizers import SGD
from pushforward.rules import Alternating, Extragradient, Optimistic, Rule, Simultaneous
from pushforward_lab.filters import autocovariance, equivalent_filters
from pushforward_lab.gaussian_process import MomentGAN
from pushforward_lab.nonexistence import Nonexistence

NEAR = [0.01, -0.02, 0.01, 1.03, 0.48, 0.21]


def tensor(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def distances(game: MomentGAN, path: Tensor) -> Tensor:
    known = game.equilibrium()
    assert known is not None
    return (path - torch.cat([known["critic.value"], known["generator.value"]])).norm(dim=1)


def test_the_singular_values_are_those_of_the_notes() -> None:
    assert MomentGAN().sensitivities() == pytest.approx([2.572, 0.972, 0.762], abs=5e-4)


@pytest.mark.parametrize("kappa", [0.0, 0.5, 4.0])
@pytest.mark.parametrize("lags", [2, 4])
def test_eigenvalues_come_from_the_singular_values(kappa: float, lags: int) -> None:
    game = MomentGAN(lags=lags, kappa=kappa, start=[0.1] * (lags + 4))
    assert close(flow_spectrum(game), named_spectrum(game.answers()), 1e-7)


@pytest.mark.parametrize(("kappa", "known"), [(0.0, 1.00824), (0.5, 0.99576), (1.0, 0.98313), (4.0, 0.99246)])
def test_simultaneous_descent_has_the_radius_of_the_notes(kappa: float, known: float) -> None:
    game = MomentGAN(kappa=kappa, step=0.05, start=NEAR)
    assert game.answers()["radius-simultaneous"] == pytest.approx(known, abs=5e-6)
    assert round_radius(game, Simultaneous(), 0.05) == pytest.approx(game.radius(0.05), abs=1e-9)


@pytest.mark.parametrize("kappa", [0.5, 4.0])
def test_measured_and_predicted_contraction_agree(kappa: float) -> None:
    game = MomentGAN(kappa=kappa, start=NEAR)
    log = distances(game, play(game, Simultaneous(), 0.05, 900)).log()[400:]
    time = torch.arange(len(log), dtype=torch.float64) - (len(log) - 1) / 2
    slope = float((time * log).sum() / time.square().sum())
    assert math.exp(slope) == pytest.approx(game.radius(0.05), abs=1e-3)


def test_the_largest_stable_step_of_simultaneous_descent_is_a_threshold() -> None:
    game = MomentGAN(kappa=0.5)
    largest = game.answers()["largest-step-simultaneous"]
    assert game.radius(0.999 * largest) < 1 < game.radius(1.001 * largest)


def test_the_largest_stable_step_of_alternating_descent_is_a_threshold() -> None:
    game = MomentGAN(kappa=4.0, start=NEAR)
    largest = game.answers()["largest-step-alternating"]
    below, above = (round_radius(game, Alternating(), scale * largest) for scale in (0.999, 1.001))
    assert below < 1 < above


def test_without_a_ridge_simultaneous_descent_diverges_and_alternating_descent_cycles() -> None:
    game = MomentGAN(kappa=0.0, start=NEAR)
    apart, around = (distances(game, play(game, rule, 0.2, 450)) for rule in (Simultaneous(), Alternating()))
    assert not float(apart[-1]) < 1.0
    size = around[-100:] / around[0]
    assert float(size.min()) > 0.3 and float(size.max()) < 3


@pytest.mark.parametrize("rule", [Extragradient(), Optimistic()])
def test_without_a_ridge_extrapolation_contracts_at_the_rate_of_the_slowest_rotation(rule: Rule) -> None:
    game = MomentGAN(kappa=0.0, start=NEAR)
    angle = 0.2 * game.sensitivities()[-1]
    root = torch.tensor((1 - 2j * angle) ** 2 + 4j * angle).sqrt()  # past extragradient: l^2 - (1 - 2ia) l - ia = 0
    optimistic = max(float(((1 - 2j * angle + sign * root) / 2).abs()) for sign in (1, -1))
    radius = math.sqrt(1 - angle**2 + angle**4) if isinstance(rule, Extragradient) else optimistic
    path = distances(game, play(game, rule, 0.2, 450))
    assert float(path[450] / path[0]) < 0.02
    assert float((path[450] / path[350]).log() / 100) == pytest.approx(math.log(radius), rel=0.05)


def test_a_symmetric_filter_converges_only_algebraically() -> None:
    symmetric, regular = MomentGAN([0.3, 1.0, 0.3]), MomentGAN()
    assert symmetric.sensitivities()[-1] < 1e-12 < 0.5 < regular.sensitivities()[-1]
    assert symmetric.answers()["eigenvalue-1-real"] == pytest.approx(0, abs=1e-12)
    starts = [MomentGAN([0.3, 1.0, 0.3], start=[0, 0, 0, 0.4, 1, 0.2]), MomentGAN(start=[0, 0, 0, 1.1, 0.5, 0.1])]
    paths = [distances(game, play(game, Alternating(), 0.1, 800)) for game in starts]
    slow, fast = (float(path[800] / path[400]) for path in paths)
    assert slow > 0.5 and fast < 1e-4


def test_a_filter_and_its_spectrum_have_one_autocovariance() -> None:
    theta = tensor(1.0, 0.5, 0.2)
    r = autocovariance(theta, 2)
    around = torch.zeros(64, dtype=torch.float64)
    around[:3], around[-2:] = r, r[1:].flip(0)
    power = torch.fft.fft(theta, n=64).abs().square()
    assert float((power - torch.fft.fft(around).real).abs().max()) < 1e-12


def test_with_a_density_above_zero_the_critic_at_rest_is_the_only_one() -> None:
    assert MomentGAN(kappa=0.0).sensitivities()[-1] > 0.7  # T(alpha) theta = 0 has no other solution


@pytest.mark.parametrize("size", [0.5, 2.0])
def test_with_a_zero_on_the_unit_circle_critics_of_any_size_are_in_equilibrium(size: float) -> None:
    game = MomentGAN([1.0, 1.0], kappa=0.0)
    alpha, theta = size * tensor(-1.0, 2.0), tensor(1.0, 1.0)
    assert float(field_of(game)(torch.cat([alpha, theta])).norm()) < 1e-12
    best = game.value(alpha, theta)
    others = [game.value(alpha, theta + tensor(math.cos(t), math.sin(t))) for t in range(12)]
    assert all(float(other) >= float(best) - 1e-12 for other in others)
    critics = [game.value(alpha + tensor(math.cos(t), math.sin(t)), theta) for t in range(12)]
    assert all(float(other) <= float(best) + 1e-12 for other in critics)


def test_squared_filters_give_no_equilibrium_while_the_generator_may_grow() -> None:
    game = MomentGAN(family="squared-filters", kappa=0.0)
    theta = tensor(0.3, -0.8, 0.1)
    for angle in range(6):
        critic = tensor(math.cos(angle), math.sin(angle), 0.5)
        costs = [float(game.value(critic, scale * theta)) for scale in (1.0, 10.0, 100.0)]
        assert costs[0] > costs[1] > costs[2]
        assert costs[2] - costs[0] == pytest.approx((costs[1] - costs[0]) * 9999 / 99)  # quadratic: no floor


def test_with_unit_norm_the_critic_of_lag_zero_leaves_all_generators_equal() -> None:
    game = MomentGAN(family="squared-filters", kappa=0.0, unit_norm=True, start=[1.3, 0.0, 0.0, 2.0, 1.0, 0.4])
    known = game.equilibrium()
    assert known is not None
    alpha, theta = known["critic.value"], known["generator.value"]
    assert alpha.tolist() == [1.3, 0.0, 0.0]
    assert theta.tolist() == pytest.approx([2.0, 1.0, 0.4])  # every length of a filter is one generator
    for angle in range(6):
        assert float(game.value(alpha, tensor(math.cos(angle), math.sin(angle), 0.5))) == pytest.approx(0, abs=1e-14)
        assert float(game.value(tensor(math.cos(angle), 0.3, math.sin(angle)), theta)) == pytest.approx(0, abs=1e-14)


def test_the_power_of_a_squared_filter_is_that_of_both_filters_together() -> None:
    game = MomentGAN(family="squared-filters", kappa=0.0)
    h, theta = tensor(0.4, -1.0, 0.3), tensor(0.2, 0.7, -0.5)
    power = [torch.fft.fft(x, n=64).abs().square() for x in (h, theta, game.true_filter())]
    assert float(game.value(h, theta)) == pytest.approx(float((power[0] * (power[2] - power[1])).mean()), abs=1e-13)


def test_play_from_data_ends_at_a_filter_with_their_moments() -> None:
    game = MomentGAN(samples=10, seed=1, start=[0.0, 0.0, 0.0, 0.2, 0.4, 0.9])
    assert float((game.moments - autocovariance(game.true_filter(), 2)).norm()) > 0.01  # data are not the truth
    path = play(game, Alternating(), 0.1, 600)
    with torch.no_grad():
        game.generator.value.copy_(path[-1, 3:])
    assert float(game.moment_error().detach()) < 1e-6
    assert float(distances(game, path)[-1]) < 1e-6  # here, of the reversed filter


def test_the_equilibrium_is_the_nearest_of_all_equivalent_filters() -> None:
    for near in equivalent_filters(tensor(1.0, 0.9, 0.2)):
        game = MomentGAN([1.0, 0.9, 0.2], start=[0.0, 0.0, 0.0, *(near + 0.01).tolist()])
        known = game.equilibrium()
        assert known is not None
        assert torch.allclose(known["generator.value"], near, atol=1e-9)


def test_without_an_equilibrium_the_critic_runs_away_on_a_ray() -> None:
    game = MomentGAN([1.0, 1.0], kappa=0.0, samples=2, seed=0, start=[0.0, 0.0, 0.8, 0.6])
    assert game.equilibrium() is None and game.answers()["solvable"] == 0  # of this data set
    path = play(game, Extragradient(), 0.2, 1500)
    first, second = path[750, :2], path[1500, :2]
    assert float(second.norm() / first.norm()) == pytest.approx(2, rel=0.1)
    assert float((first * second).sum() / first.norm() / second.norm()) > 0.999


def test_equilibria_exist_where_the_density_is_positive_and_half_the_time_at_a_zero() -> None:
    look = Look(MomentGAN(), None)  # type: ignore[arg-type]
    for samples in (10, 100):
        assert Nonexistence(samples).measure(look)["value"] < 0.02
    for samples in (2, 10, 100):
        found = Nonexistence(samples, truth=[1.0, 1.0, 0.0]).measure(look)
        assert 0.4 <= found["value"] <= 0.6
        assert found["standard_error"] == pytest.approx(0.025, abs=1e-3) and found["n"] == 400


def test_the_notes_probabilities_are_met_within_four_standard_errors() -> None:
    known = {
        (1.0, 0.9, 0.0): (0.50, 0.43, 0.40),
        (0.3, 1.0, 0.3): (0.15, 0.01, 0.0),
        (0.5, 1.0, 0.5): (0.75, 0.56, 0.51),
    }
    for truth, probabilities in known.items():
        for samples, probability in zip((2, 10, 100), probabilities, strict=True):
            found = Nonexistence(samples, truth=list(truth)).measure(Look(MomentGAN(), None))  # type: ignore[arg-type]
            assert abs(found["value"] - probability) < 4 * math.sqrt(2) * found["standard_error"]  # both have errors


def test_existence_is_asked_of_the_games_own_truth_and_samples() -> None:
    look = Look(MomentGAN([0.5, 1.0, 0.5], samples=2), None)  # type: ignore[arg-type]
    own, same = Nonexistence(datasets=50).measure(look), Nonexistence(2, 50, [0.5, 1.0, 0.5]).measure(look)
    assert own == same
    assert Nonexistence().measure(Look(MomentGAN(), None))["value"] == 0  # type: ignore[arg-type]
    assert Nonexistence(10).label("nonexistence") == "nonexistence/10"


def test_many_games_are_asked_at_once() -> None:
    z, kappas = torch.linspace(-1, 1, 6, dtype=torch.float64), tensor(0.0, 1.0, 3.0)
    single = torch.stack([field_of(MomentGAN(kappa=float(kappa)))(z) for kappa in kappas])
    assert torch.allclose(swept(MomentGAN(), "kappa", kappas, z), single, atol=1e-14)


@pytest.mark.slow
def test_three_quarters_of_random_starts_converge_in_4000_rounds_and_none_diverges() -> None:
    copies, game = 200, MomentGAN()
    executor = FunctionalPlay(game, Alternating(), {name: SGD(0.05) for name in game.players}, pure=True)
    torch.manual_seed(0)
    point = {"critic.value": torch.zeros(copies, 3).double(), "generator.value": torch.randn(copies, 3).double()}
    state = executor.start()._replace(point=point, buffers={"moments": game.moments.expand(copies, 3)})
    ensemble = Ensemble(executor)
    for _ in range(4000):
        state = ensemble.round(state, [TURN] * 2)
    errors = torch.stack([(autocovariance(x, 2) - game.moments).norm() for x in state.point["generator.value"]])
    assert bool(errors.isfinite().all()) and float(errors.max()) < 1
    assert abs(float((errors < 1e-6).double().mean()) - 0.765) < 0.13  # 3 standard errors of the difference of two 200


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"truth": [0.0, 0.0]}, "truth"),
        ({"lags": 1}, "lags is 1"),
        ({"kappa": -1.0}, "kappa"),
        ({"samples": 0}, "samples"),
        ({"length": 4}, "length is 4"),
        ({"step": 0.0}, "step"),
        ({"start": [1.0]}, "expected 6 numbers"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, object], word: str) -> None:
    with pytest.raises(UserError, match=word):
        MomentGAN(**arguments)  # type: ignore[arg-type]
