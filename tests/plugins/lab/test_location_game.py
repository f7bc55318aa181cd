"""The location family: the spread of data damps a logistic GAN as R1 would, and a Wasserstein one not at all."""

from __future__ import annotations

import math

import pytest
import torch
from lab_games import close, field_of, flow_spectrum, named_spectrum, play, round_radius, swept
from scipy.integrate import quad

from pushforward import UserError
from pushforward.rules import Alternating, Simultaneous
from pushforward_lab.location import LocationGAN


@pytest.mark.parametrize("objective", ["minimax", "non-saturating", "relativistic-paired"])
@pytest.mark.parametrize("spread", [0.7, 1.0, 2.0])
def test_the_logistic_game_is_damped_by_half_the_variance(objective: str, spread: float) -> None:
    game = LocationGAN(objective, spread)  # type: ignore[arg-type]
    damping = spread**2 / 2
    root = torch.tensor(damping**2 / 4 - 1 / 4, dtype=torch.complex128).sqrt()
    assert close(flow_spectrum(game), torch.stack([-damping / 2 + root, -damping / 2 - root]))
    assert close(flow_spectrum(game), named_spectrum(game.answers()))


@pytest.mark.parametrize("spread", [0.7, 2.0])
def test_the_wasserstein_game_rotates_whatever_the_spread(spread: float) -> None:
    game = LocationGAN("wasserstein", spread)
    assert close(flow_spectrum(game), torch.tensor([1j, -1j], dtype=torch.complex128))
    assert close(named_spectrum(game.answers()), flow_spectrum(game))


def test_rotation_ends_at_a_spread_of_root_two() -> None:
    critical = LocationGAN().answers()["critical-spread"]
    assert critical == pytest.approx(math.sqrt(2), abs=1e-15)
    assert float(flow_spectrum(LocationGAN(spread=0.99 * critical)).imag[0]) > 0
    assert float(flow_spectrum(LocationGAN(spread=1.01 * critical)).imag.abs().max()) == 0


@pytest.mark.parametrize("objective", ["minimax", "non-saturating"])
def test_the_logistic_game_converges_and_the_wasserstein_one_leaves(objective: str) -> None:
    logistic = play(LocationGAN(objective), Simultaneous(), 0.2, 300).norm(dim=1)  # type: ignore[arg-type]
    wasserstein = play(LocationGAN("wasserstein"), Simultaneous(), 0.2, 300).norm(dim=1)
    assert float(logistic[-1]) < 1e-5 and float(wasserstein[-1]) > 100


@pytest.mark.parametrize("spread", [0.7, 1.0, 2.0])
def test_plain_descent_is_stable_up_to_the_known_step(spread: float) -> None:
    game = LocationGAN(spread=spread)
    for rule, name in ((Simultaneous(), "simultaneous"), (Alternating(), "alternating")):
        step = game.answers()[f"largest-step-{name}"]
        assert round_radius(game, rule, 0.99 * step) < 1 < round_radius(game, rule, 1.01 * step)


@pytest.mark.parametrize(("psi", "theta"), [(1.0, 0.5), (-2.0, 1.0)])
def test_the_quadrature_agrees_with_the_integral(psi: float, theta: float) -> None:
    def law(z: float) -> float:
        return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    def sigmoid(t: float) -> float:
        return 1 / (1 + math.exp(-t))

    # d/dpsi of E sp(-psi x) + E sp(psi (theta + z)), and d/dtheta of -E sp(psi (theta + z))
    of_psi = quad(lambda z: law(z) * ((theta + z) * sigmoid(psi * (theta + z)) - z * sigmoid(-psi * z)), -12, 12)[0]
    of_theta = quad(lambda z: -law(z) * psi * sigmoid(psi * (theta + z)), -12, 12)[0]
    found = field_of(LocationGAN())(torch.tensor([psi, theta], dtype=torch.float64))
    assert found.tolist() == pytest.approx([of_psi, of_theta], abs=1e-5)
    exact = field_of(LocationGAN(nodes=100))(torch.tensor([psi, theta], dtype=torch.float64))
    assert exact.tolist() == pytest.approx([of_psi, of_theta], abs=1e-8)


def test_many_spreads_at_once_are_the_same_as_one_by_one() -> None:
    z = torch.tensor([0.4, -0.7], dtype=torch.float64)
    spreads = torch.linspace(0.2, 2, 5, dtype=torch.float64)
    alone = torch.stack([field_of(LocationGAN(spread=s))(z) for s in spreads.tolist()])
    assert torch.allclose(swept(LocationGAN(), "spread", spreads, z), alone, atol=1e-14)


@pytest.mark.parametrize("arguments", [{"spread": 0.0}, {"spread": math.inf}, {"objective": "kale"}, {"nodes": 1000}])
def test_wrong_arguments_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(UserError):
        LocationGAN(**arguments)  # type: ignore[arg-type]
