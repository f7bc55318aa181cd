"""The Dirac-GAN: every row of the paper's table, exact growth, invariants, and thresholds of steps."""

from __future__ import annotations

import cmath
import math

import pytest
import torch
from lab_games import TURN, close, field_of, flow_spectrum, named_spectrum, play, round_radius, swept
from torch.func import jacfwd

from pushforward import UserError
from pushforward.rules import Alternating, Consensus, Simultaneous
from pushforward_lab.dirac import DiracGAN

GENERATOR_FIRST = ["generator", "discriminator"]
OBJECTIVES = {"minimax": 0.5, "non-saturating": 0.5, "wasserstein": 1.0, "hinge": 1.0, "relativistic-paired": 0.5}


def pair(real: float, imaginary: float) -> torch.Tensor:
    return torch.tensor([complex(real, imaginary), complex(real, -imaginary)], dtype=torch.complex128)


@pytest.mark.parametrize(("objective", "turning"), OBJECTIVES.items())
def test_without_damping_every_objective_only_rotates(objective: str, turning: float) -> None:
    game = DiracGAN(objective)  # type: ignore[arg-type]
    assert close(flow_spectrum(game), pair(0, turning))
    assert close(named_spectrum(game.answers()), pair(0, turning))
    assert game.answers()["largest-step-simultaneous"] == game.answers()["largest-step-alternating"] == 0


@pytest.mark.parametrize("gamma", [0.1, 0.3, 0.99, 1.01, 10.0])
@pytest.mark.parametrize("penalty", ["r1", "r2"])
def test_r1_and_r2_damp_by_half_their_strength(penalty: str, gamma: float) -> None:
    game = DiracGAN(**{penalty: gamma})  # type: ignore[arg-type]
    root = torch.tensor(gamma**2 / 4 - 1 / 4, dtype=torch.complex128).sqrt()
    assert close(flow_spectrum(game), torch.stack([-gamma / 2 + root, -gamma / 2 - root]))
    assert close(named_spectrum(game.answers()), flow_spectrum(game))
    assert bool((flow_spectrum(game).imag == 0).all()) == (gamma > game.answers()["critical-damping"])


def test_both_penalties_add_under_the_relativistic_objective() -> None:
    game = DiracGAN("relativistic-paired", r1=0.3, r2=0.3)
    assert close(flow_spectrum(game), pair(-0.3, 0.4))
    assert close(named_spectrum(game.answers()), pair(-0.3, 0.4))


@pytest.mark.parametrize("objective", ["minimax", "non-saturating", "relativistic-paired"])
@pytest.mark.parametrize("sigma", [0.7, 1.0, 2.0])
def test_instance_noise_damps_as_r1_of_half_its_variance(objective: str, sigma: float) -> None:
    noisy, damped = DiracGAN(objective, noise=sigma), DiracGAN(objective, r1=sigma**2 / 2)  # type: ignore[arg-type]
    assert close(flow_spectrum(noisy), flow_spectrum(damped))
    assert close(flow_spectrum(noisy), named_spectrum(noisy.answers()))


def test_instance_noise_has_the_eigenvalues_of_the_notes() -> None:
    assert close(flow_spectrum(DiracGAN(noise=0.7)), pair(-0.1225, 0.48476), 1e-5)
    assert close(flow_spectrum(DiracGAN(noise=1.0)), pair(-0.25, 0.43301), 1e-5)
    assert flow_spectrum(DiracGAN(noise=2.0)).real.tolist() == pytest.approx([-0.13397, -1.86603], abs=1e-5)
    assert DiracGAN().answers()["critical-noise"] == pytest.approx(math.sqrt(2), abs=1e-15)


def test_noise_does_nothing_for_a_wasserstein_critic() -> None:
    assert close(flow_spectrum(DiracGAN("wasserstein", noise=1.0)), pair(0, 1))


@pytest.mark.parametrize("gamma", [0.3, 1.0])
def test_consensus_damps_by_the_square_of_the_turning(gamma: float) -> None:
    game = DiracGAN()
    field = field_of(game)

    def adjusted(z: torch.Tensor) -> torch.Tensor:
        return field(z) + gamma * jacfwd(field)(z).T @ field(z)

    found = torch.linalg.eigvals(-jacfwd(adjusted)(torch.zeros(2, dtype=torch.float64)))
    assert close(found[found.imag.argsort(descending=True)], pair(-gamma / 4, 0.5))
    step = 2 * gamma / (1 + gamma**2 / 4)
    assert round_radius(game, Consensus(gamma), 0.99 * step) < 1 < round_radius(game, Consensus(gamma), 1.01 * step)


@pytest.mark.parametrize("step", [0.05, 0.2])
def test_simultaneous_descent_grows_exactly_by_the_slope(step: float) -> None:
    path = play(DiracGAN(), Simultaneous(), step, 200)
    squares = (path**2).sum(1)
    slope = torch.sigmoid(path.prod(1))[:-1]
    assert torch.allclose(squares[1:] / squares[:-1], 1 + step**2 * slope**2, rtol=1e-14, atol=0)


def test_simultaneous_descent_grows_at_a_constant_rate_on_the_bilinear_one() -> None:
    radius = play(DiracGAN("wasserstein"), Simultaneous(), 0.1, 100).norm(dim=1)
    assert torch.allclose(radius[1:] / radius[:-1], torch.tensor(math.sqrt(1.01), dtype=torch.float64), rtol=1e-14)


@pytest.mark.parametrize(("order", "sign"), [(None, -1), (GENERATOR_FIRST, 1)])
@pytest.mark.parametrize("moves", [1, 5])
def test_alternating_descent_conserves_an_ellipse_whose_sign_tells_who_moves_first(
    order: list[str] | None, sign: int, moves: int
) -> None:
    # The paper's psi is minus ours, so there the signs are exchanged.
    step = 0.2
    path = play(DiracGAN("wasserstein"), Alternating(order, {"discriminator": moves}), step, 500)
    psi, theta = path.unbind(1)
    kept = moves * theta**2 + psi**2 + sign * moves * step * theta * psi
    assert float((kept - kept[0]).abs().max()) < 1e-12
    wrong = moves * theta**2 + psi**2 - sign * moves * step * theta * psi
    assert float((wrong - wrong[0]).abs().max()) > 0.1


@pytest.mark.parametrize(("moves", "step"), [(1, 0.2), (1, 4.5), (5, 0.2), (5, 3.0)])
def test_alternating_eigenvalues_leave_the_unit_circle_at_two(moves: int, step: float) -> None:
    half = 1 - moves * step**2 / 8  # 1 - alpha^2 / 2 with alpha = sqrt(moves) h / 2
    root = cmath.sqrt(half**2 - 1)
    known = max(abs(half + root), abs(half - root))
    assert (known > 1 + 1e-9) == (math.sqrt(moves) * step / 2 > 2)
    assert round_radius(DiracGAN(), Alternating(None, {"discriminator": moves}), step) == pytest.approx(known, rel=1e-7)


@pytest.mark.parametrize(
    ("gamma", "simultaneous", "alternating"),
    [(0.1, 0.4, 3.620), (0.3, 1.2, 2.976), (1.0, 4.0, 1.657), (2.0, 1.072, 0.9443), (10.0, 0.2005, 0.1995)],
)
def test_r1_is_stable_up_to_the_known_step(gamma: float, simultaneous: float, alternating: float) -> None:
    game = DiracGAN(r1=gamma)
    answers = game.answers()
    assert answers["largest-step-simultaneous"] == pytest.approx(simultaneous, rel=4e-4)
    assert answers["largest-step-alternating"] == pytest.approx(alternating, rel=4e-4)
    for rule, name in ((Simultaneous(), "simultaneous"), (Alternating(), "alternating")):
        step = answers[f"largest-step-{name}"]
        assert round_radius(game, rule, 0.99 * step) < 1 < round_radius(game, rule, 1.01 * step)


def test_r1_contracts_at_the_known_rates() -> None:
    game = DiracGAN(r1=0.3)
    assert round_radius(game, Simultaneous(), 0.2) == pytest.approx(math.sqrt(1 - 0.06 + 0.01), abs=1e-12)
    assert round_radius(game, Alternating(), 0.2) == pytest.approx(math.sqrt(1 - 0.06), abs=1e-12)


def test_two_non_saturating_players_alternate_inwards_as_one_over_time() -> None:
    game = DiracGAN("non-saturating", start=[-1.0, 1.0])  # the paper's (1, 1)
    path = play(game, Alternating(GENERATOR_FIRST), 0.2, 2000)
    assert float((path[-1] ** 2).sum()) == pytest.approx(0.02005, abs=1e-5)  # the flow alone: 8 / (400 + 4) = .0198


def test_simultaneous_non_saturating_descent_ends_on_a_cycle_of_mean_square_twice_the_step() -> None:
    path = play(DiracGAN("non-saturating", start=[0.6, 0.6]), Simultaneous(), 0.2, 1500)
    squares = (path[500:] ** 2).sum(1)
    assert float(squares.mean()) == pytest.approx(0.39915, rel=0.01)


@pytest.mark.parametrize(("rule", "reach"), [(Simultaneous(), 1.17), (Alternating(GENERATOR_FIRST), 1.0)])
def test_a_clipped_wasserstein_critic_cycles_within_its_clip(rule: Simultaneous | Alternating, reach: float) -> None:
    psi, theta = play(DiracGAN("wasserstein", bound=1.0), rule, 0.2, 500).unbind(1)
    assert float(psi.abs().max()) <= 1
    assert float(theta[-100:].abs().max()) == pytest.approx(reach, abs=0.02)


@pytest.mark.parametrize(("rule", "reach"), [(Simultaneous(), 1.78), (Alternating(GENERATOR_FIRST), 1.29)])
def test_the_gradient_penalty_of_wgan_gp_leaves_a_cycle(rule: Simultaneous | Alternating, reach: float) -> None:
    game = DiracGAN("wasserstein", gradient_penalty=0.7, slope=1.0)
    theta = play(game, rule, 0.2, 500)[-100:, 1]
    assert float(theta.abs().max()) == pytest.approx(reach, abs=0.02)
    assert game.answers() == {}


def test_a_gradient_penalty_towards_slope_zero_is_r1() -> None:
    z = torch.tensor([0.4, -0.7], dtype=torch.float64)
    towards_zero, r1 = DiracGAN(gradient_penalty=0.7, slope=0.0), DiracGAN(r1=0.7)
    assert torch.allclose(field_of(towards_zero)(z), field_of(r1)(z), atol=1e-15)
    assert towards_zero.answers() == r1.answers()


@pytest.mark.parametrize("name", ["r1", "r2", "gradient_penalty", "slope", "noise"])
def test_many_strengths_at_once_are_the_same_as_one_by_one(name: str) -> None:
    z = torch.tensor([0.4, -0.7], dtype=torch.float64)
    values = torch.linspace(0, 2, 7, dtype=torch.float64)
    others = {"gradient_penalty": 0.5} if name == "slope" else {}
    together = swept(DiracGAN(**others), name, values, z)  # type: ignore[arg-type]
    alone = [field_of(DiracGAN(**{**others, name: v}))(z) for v in values.tolist()]  # type: ignore[arg-type]
    assert torch.allclose(together, torch.stack(alone), atol=1e-14)
    assert float((together[-1] - together[0]).abs().max()) > 1e-3


def test_only_the_asked_player_pays() -> None:
    game = DiracGAN(r1=0.1, r2=0.2, gradient_penalty=0.3)
    assert set(game.costs(["generator"], TURN)) == {"generator"}
    assert set(game.costs(["discriminator"], TURN)["discriminator"]) == {"objective", "r1", "r2", "gradient_penalty"}


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"r1": -0.1}, "r1 is -0.1"),
        ({"r2": math.nan}, "r2"),
        ({"noise": -1.0}, "noise"),
        ({"gradient_penalty": math.inf}, "gradient_penalty"),
        ({"bound": 0.0}, "bound"),
        ({"objective": "least-squares"}, "minimax"),
        ({"start": [1.0]}, "2 numbers"),
        ({"nodes": 1}, "nodes"),
    ],
)
def test_wrong_arguments_are_refused_in_words(arguments: dict[str, object], word: str) -> None:
    with pytest.raises(UserError, match=word):
        DiracGAN(**arguments)  # type: ignore[arg-type]
