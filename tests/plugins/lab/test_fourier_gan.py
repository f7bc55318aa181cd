"""A game cut down to its first modes: one circles, two spiral, and more are hardly to be told from the full game."""

from __future__ import annotations

import math

import pytest
import torch
from lab_games import close, field_of, flow_spectrum, named_spectrum, play, swept

from pushforward import UserError
from pushforward.rules import RungeKutta
from pushforward_lab.exponential import ExponentialGAN
from pushforward_lab.fourier import FourierGAN, trigonometric_sum

START = [0.4, -0.7]
KNOWN = {  # modes: (real part, imaginary part, orbit's deviation), of the notes
    1: (0.0, 0.1095, 1.1),
    2: (-0.0221, 0.1073, 1.2e-2),
    4: (-0.0231, 0.1072, 4.9e-4),
    8: (-0.0231, 0.1072, 3.3e-6),
}


@pytest.mark.parametrize(("modes", "known"), KNOWN.items())
def test_spectrum_and_orbit_are_those_of_the_notes(modes: int, known: tuple[float, float, float]) -> None:
    answers = FourierGAN(modes, start=START).answers()
    assert answers["eigenvalue-1-real"] == pytest.approx(known[0], abs=6e-5)
    assert answers["eigenvalue-1-imaginary"] == pytest.approx(known[1], abs=6e-5)
    assert answers["orbit-deviation"] == pytest.approx(known[2], rel=0.05)


def test_the_first_mode_alone_is_a_centre_and_two_modes_spiral() -> None:
    one, two = (flow_spectrum(FourierGAN(modes, start=[0.1, 0.1])) for modes in (1, 2))
    assert float(one.real.abs().max()) < 1e-6 < float(one.imag.abs().min())
    assert float(two.real.max()) < -0.02 and float(two.imag.abs().min()) > 0.1


def test_orbits_of_the_first_mode_close() -> None:
    game = FourierGAN(1, start=START)
    path = play(game, RungeKutta(), 0.25, 1000)
    value = game.value(path[:, 0], path[:, 1])
    lowest = value[1:-1][(value[1:-1] < value[:-2]) & (value[1:-1] < value[2:])]  # twice in each turn
    assert len(lowest) >= 6
    for every in (lowest[::2], lowest[1::2]):  # on a spiral a turn would contract them by a quarter
        assert float((every - every[0]).abs().max()) < 1e-3 * float(value.max() - value.min())  # sampled every 0.25


def test_the_error_of_the_field_falls_at_least_fivefold_from_two_modes_to_four() -> None:
    errors = {modes: FourierGAN(modes).field_error() for modes in (1, 2, 4, 8)}
    assert errors[2] > 5 * errors[4] > 25 * errors[8]
    measured = {1: 0.3018, 2: 1.011e-2, 4: 9.08e-4, 8: 2.04e-5}
    assert errors == {modes: pytest.approx(error, rel=0.01) for modes, error in measured.items()}


def test_all_modes_of_a_grid_give_the_full_game() -> None:
    cut, full = FourierGAN(31), ExponentialGAN()
    z = torch.tensor([1.1, -2.3], dtype=torch.float64)
    assert torch.allclose(field_of(cut)(z), field_of(full)(z), atol=1e-12)


def test_the_sum_of_modes_is_the_product_of_waves_that_was_put_in() -> None:
    x = torch.arange(16, dtype=torch.float64) * (2 * math.pi / 16)
    theta, omega = torch.meshgrid(x, x, indexing="ij")
    keep = torch.arange(-2, 3) % 16
    c = torch.fft.fft2(theta.sin() * (2 * omega + 0.3).cos(), norm="forward")[keep][:, keep]
    t, o = torch.tensor([0.3, -1.7, 9.0]).double(), torch.tensor([1.1, 0.2, -4.0]).double()
    assert torch.allclose(trigonometric_sum(c, t, o), t.sin() * (2 * o + 0.3).cos(), atol=1e-14)


def test_answers_are_the_spectrum_at_the_equilibrium_that_newton_finds() -> None:
    game = FourierGAN(2, slope=0.8, start=[0.1, 0.1])
    assert close(flow_spectrum(game), named_spectrum(game.answers()), 1e-9)
    for point in game.equilibria():
        assert float(torch.stack(game.flow(*point)).norm()) < 1e-12


def test_many_surrogates_are_asked_at_once() -> None:
    z = torch.tensor([0.3, -0.2], dtype=torch.float64)
    slopes = torch.tensor([0.2, 0.9], dtype=torch.float64)
    single = torch.stack([field_of(FourierGAN(3, slope=float(slope)))(z) for slope in slopes])
    assert torch.allclose(swept(FourierGAN(3), "slope", slopes, z), single, atol=1e-13)


def test_a_number_set_later_counts() -> None:
    game, z = FourierGAN(3), torch.tensor([0.3, -0.2], dtype=torch.float64)
    game.slope = 0.9
    assert torch.allclose(field_of(game)(z), field_of(FourierGAN(3, slope=0.9))(z), atol=1e-15)


@pytest.mark.parametrize(
    ("arguments", "word"), [({"modes": 0}, "modes"), ({"grid": 4}, "grid is 4"), ({"amplitude": 0.1}, "amplitude")]
)
def test_a_wrong_argument_is_named(arguments: dict[str, object], word: str) -> None:
    with pytest.raises(UserError, match=word):
        FourierGAN(**arguments)  # type: ignore[arg-type]
