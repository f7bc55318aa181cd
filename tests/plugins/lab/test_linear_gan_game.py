"""The linear GAN: a damped rotation for each singular value, and nothing where the discriminator does not look."""

from __future__ import annotations

import math

import pytest
import torch
from lab_games import (
    at_equilibrium,
    close,
    field_of,
    flow_spectrum,
    named_spectrum,
    ordered,
    play,
    round_radius,
    swept,
)

from pushforward import UserError
from pushforward.rules import Alternating, Simultaneous
from pushforward_lab.linear_gan import LinearGAN


@pytest.mark.parametrize(("features", "dimension"), [(4, 3), (3, 4), (2, 2)])
@pytest.mark.parametrize(("objective", "a"), [("minimax", 0.5), ("non-saturating", 0.5), ("wasserstein", 1.0)])
def test_each_singular_value_gives_a_pair_and_the_rest_zeros(
    features: int, dimension: int, objective: str, a: float
) -> None:
    r1 = 0.6
    game = LinearGAN(features=features, dimension=dimension, objective=objective, r1=r1)  # type: ignore[arg-type]
    s = torch.linalg.svdvals(game._w)
    root = (r1**2 * s**4 / 4 - a**2 * s**2).to(torch.complex128).sqrt()
    zeros = torch.zeros(abs(features - dimension), dtype=torch.complex128)
    known = ordered(torch.cat([-r1 * s**2 / 2 + root, -r1 * s**2 / 2 - root, zeros]))
    assert close(flow_spectrum(game, torch.zeros(features + dimension, dtype=torch.float64)), known)
    assert close(flow_spectrum(game), known), "the nearest equilibrium has the same spectrum"
    assert close(named_spectrum(game.answers()), known)


def test_one_dimension_is_the_dirac_gan() -> None:
    game = LinearGAN(weights=[[1.0]], r1=0.3)
    root = math.sqrt(0.25 - 0.0225)
    known = torch.tensor([complex(-0.15, root), complex(-0.15, -root)], dtype=torch.complex128)
    assert close(flow_spectrum(game), known)


@pytest.mark.parametrize("wide", [False, True])
def test_play_converges_to_the_equilibrium_that_was_nearest(wide: bool) -> None:
    torch.manual_seed(1)
    tall = torch.tensor([[1.0, 0.2, 0.0], [0.0, 1.5, 0.1], [0.3, 0.0, 0.8], [0.5, 0.5, 0.5]])
    game = LinearGAN(weights=(tall.T if wide else tall).tolist(), r1=0.5)
    known = at_equilibrium(game)
    assert float(known.norm()) > 0.05
    assert torch.allclose(field_of(game)(known), torch.zeros_like(known), atol=1e-14)
    assert torch.allclose(play(game, Alternating(), 0.3, 500)[-1], known, atol=1e-6)


def test_descent_is_stable_up_to_the_known_step() -> None:
    game = LinearGAN(weights=[[2.0, 0.0], [0.0, 0.5]], r1=0.4)
    for rule, name in ((Simultaneous(), "simultaneous"), (Alternating(), "alternating")):
        step = game.answers()[f"largest-step-{name}"]
        assert round_radius(game, rule, 0.99 * step) < 1 < round_radius(game, rule, 1.01 * step)


def test_the_matrix_is_a_function_of_its_seed() -> None:
    assert torch.equal(LinearGAN(seed=3)._w, LinearGAN(seed=3)._w)
    assert not torch.equal(LinearGAN(seed=3)._w, LinearGAN(seed=4)._w)


def test_many_strengths_at_once_are_the_same_as_one_by_one() -> None:
    z = torch.linspace(-1, 1, 7, dtype=torch.float64)
    values = torch.linspace(0, 2, 5, dtype=torch.float64)
    alone = torch.stack([field_of(LinearGAN(r1=v))(z) for v in values.tolist()])
    assert torch.allclose(swept(LinearGAN(), "r1", values, z), alone, atol=1e-14)


@pytest.mark.parametrize(
    "arguments",
    [
        {"weights": []},
        {"weights": [[]]},
        {"weights": [[1.0], [1.0, 2.0]]},
        {"weights": [[math.nan]]},
        {"features": 0},
        {"r1": -1.0},
        {"start": [0.0]},
        {"objective": "kale"},
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(UserError):
        LinearGAN(**arguments)  # type: ignore[arg-type]
