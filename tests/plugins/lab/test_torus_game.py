"""Games of two angles: conservation, centres, saddles, and what discrete rules make of rotation."""

from __future__ import annotations

import math

import pytest
import torch
from lab_games import close, field_of, flow_spectrum, named_spectrum, play

from pushforward import UserError
from pushforward.rules import Alternating, RungeKutta, Simultaneous
from pushforward_lab.torus import HarmonicTorus


@pytest.mark.parametrize(("p", "q", "time"), [(1, 1, 50), (2, 1, 10), (2, 3, 3)])
def test_the_flow_conserves_the_first_integral(p: int, q: int, time: float) -> None:
    game = HarmonicTorus(1.0, p, q, start=[0.3, -0.2])
    step = 0.03 / (p * q)
    path = play(game, RungeKutta(), step, round(time / step))
    kept = game.first_integral(path[:, 0], path[:, 1])
    assert float((kept - kept[0]).abs().max()) < 1e-8
    assert float((path - path[0]).norm(dim=1).max()) > 0.3  # it did go around


def test_simultaneous_descent_leaves_the_centre_and_alternating_descent_circles_it() -> None:
    away = play(HarmonicTorus(start=[0.3, 0.0]), Simultaneous(), 0.1, 1500).norm(dim=1)
    around = play(HarmonicTorus(start=[0.3, 0.0]), Alternating(), 0.1, 1500).norm(dim=1)
    assert float(away[-100:].min()) > 1.0
    assert float(around.min()) > 0.28 and float(around.max()) < 0.4


def test_near_a_centre_simultaneous_descent_grows_by_the_root_of_one_plus_h_squared() -> None:
    distance = play(HarmonicTorus(start=[1e-6, 0.0]), Simultaneous(), 0.1, 200).norm(dim=1)
    assert float((distance[-1] / distance[0]).log() / 200) == pytest.approx(math.log(1.01) / 2, abs=1e-9)


def test_a_centre_turns_at_the_product_of_the_waves() -> None:
    game = HarmonicTorus(-0.5, 2, 3, start=[0.1, 0.1])
    assert close(flow_spectrum(game), named_spectrum(game.answers()))
    assert game.answers()["period"] == pytest.approx(2 * math.pi / 3)


@pytest.mark.parametrize(("p", "q"), [(1, 1), (3, 2)])
def test_there_are_as_many_saddles_as_centres_and_each_is_at_rest(p: int, q: int) -> None:
    game = HarmonicTorus(0.7, p, q)
    centres, saddles = game.equilibria(), game.saddles()
    assert len(centres) == len(saddles) == game.answers()["centres"] == game.answers()["saddles"] == 4 * p * q
    index = 0.0
    for point in torch.cat([centres, saddles]):
        assert float(torch.stack(game.flow(*point)).norm()) < 1e-14
        index += float(game.linearised(*point).det().sign())
    assert index == 0


def test_saddles_throw_off_at_the_known_rates() -> None:
    game = HarmonicTorus(2.0, 1, 3)
    found = {round(float(torch.linalg.eigvals(game.linearised(*point)).real.max()), 9) for point in game.saddles()}
    answers = game.answers()
    assert found == {answers["saddle-growth-discriminator"], answers["saddle-growth-generator"]} == {2.0, 18.0}


def test_the_saddles_of_the_single_mode_have_eigenvalues_of_one() -> None:
    game = HarmonicTorus()
    for point in game.saddles():
        assert sorted(torch.linalg.eigvals(game.linearised(*point)).real.tolist()) == pytest.approx([-1, 1])


def test_the_nearest_equilibrium_is_found_around_the_torus() -> None:
    game = HarmonicTorus(start=[6 * math.pi + 0.1, -math.pi + 0.2])
    found = game.equilibrium()
    assert found is not None
    assert float(found["discriminator.value"]) == pytest.approx(6 * math.pi)
    assert float(found["generator.value"]) == pytest.approx(-math.pi)


def test_the_flow_is_the_negative_joint_field() -> None:
    game, z = HarmonicTorus(0.7, 2, 1), torch.tensor([0.4, -0.3], dtype=torch.float64)
    assert torch.allclose(torch.stack(game.flow(z[0], z[1])), -field_of(game)(z), atol=1e-15)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [({"amplitude": 0.0}, "amplitude"), ({"generator_waves": 0}, "generator_waves"), ({"start": [1.0]}, "start")],
)
def test_a_wrong_argument_is_named(arguments: dict[str, object], word: str) -> None:
    with pytest.raises(UserError, match=word):
        HarmonicTorus(**arguments)  # type: ignore[arg-type]
