"""Linear games: the field is the matrix, and rules have the radii of their closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from lab_games import at_equilibrium, close, field_of, flow_spectrum, named_spectrum, play, round_radius, swept
from torch.func import jacfwd

from pushforward import UserError
from pushforward.rules import Alternating, Extragradient, Simultaneous
from pushforward_lab.quadratic import Bilinear, QuadraticGame, StronglyMonotone


def matrix_of(game: Bilinear | StronglyMonotone | QuadraticGame) -> torch.Tensor:
    return jacfwd(field_of(game))(torch.zeros(sum(p.numel() for p in game.parameters()), dtype=torch.float64))


def test_the_named_games_have_their_matrices() -> None:
    assert matrix_of(Bilinear(0.7)).tolist() == [[0, 0.7], [-0.7, 0]]
    assert matrix_of(StronglyMonotone(1.3, 0.7)).tolist() == [[1.3, 0.7], [-0.7, 1.3]]
    assert matrix_of(QuadraticGame([[1.0, 1.0], [-1.0, 0.0]])).tolist() == [[1, 1], [-1, 0]]


@pytest.mark.parametrize("sizes", [None, [2, 3], [1, 2, 2], [5]])
def test_a_quadratic_game_has_exactly_the_rows_of_its_matrix(sizes: list[int] | None) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(5, 5, dtype=torch.float64)
    if sizes is not None:
        for block in torch.arange(5).split(sizes):
            square = matrix[block[:, None], block]
            matrix[block[:, None], block] = square + square.T
    game = QuadraticGame(matrix.tolist(), sizes)
    z = torch.randn(5, dtype=torch.float64)
    assert torch.allclose(field_of(game)(z), matrix @ z, atol=1e-14)
    assert close(named_spectrum(game.answers()), flow_spectrum(game))


@pytest.mark.parametrize("game", [Bilinear(0.7), StronglyMonotone(1.3, -0.7)])
def test_eigenvalues_are_the_known_ones(game: Bilinear | StronglyMonotone) -> None:
    assert close(named_spectrum(game.answers()), flow_spectrum(game))


@pytest.mark.parametrize("step", [0.1, 1.0])
def test_rules_have_their_radii_on_the_bilinear_game(step: float) -> None:
    game = Bilinear(n=2)
    assert round_radius(game, Simultaneous(), step) == pytest.approx(math.sqrt(1 + step**2), abs=1e-12)
    assert round_radius(game, Alternating(), step) == pytest.approx(1, abs=1e-12)
    assert round_radius(game, Extragradient(), step) == pytest.approx(math.sqrt(1 - step**2 + step**4), abs=1e-12)


def test_the_bilinear_thresholds_hold_within_a_percent() -> None:
    game = Bilinear(c=1.7)
    neutral = game.answers()["neutral-step-alternating"]
    assert round_radius(game, Alternating(), 0.99 * neutral) == pytest.approx(1, abs=1e-12)
    assert round_radius(game, Alternating(), 1.01 * neutral) > 1.1
    stable = game.answers()["largest-step-extragradient"]
    radii = [round_radius(game, Extragradient(), share * stable) for share in (0.99, 1.01)]
    assert radii[0] < 1 < radii[1]


@pytest.mark.parametrize(("m", "c"), [(1.0, 1.0), (1.0, 3.0), (2.0, 0.5)])
def test_the_strongly_monotone_thresholds_hold_within_a_percent(m: float, c: float) -> None:
    game = StronglyMonotone(m, c)
    for rule, name in ((Simultaneous(), "simultaneous"), (Alternating(), "alternating")):
        step = game.answers()[f"largest-step-{name}"]
        assert round_radius(game, rule, 0.99 * step) < 1 < round_radius(game, rule, 1.01 * step)


def test_simultaneous_descent_leaves_the_bilinear_game_at_its_rate_from_any_start() -> None:
    torch.manual_seed(0)
    radius = play(Bilinear(n=3), Simultaneous(), 0.1, 50).norm(dim=1)
    assert torch.allclose(radius[1:] / radius[:-1], torch.tensor(math.sqrt(1.01), dtype=torch.float64), rtol=1e-13)


def test_alternating_descent_conserves_the_ellipse_of_who_moves_first() -> None:
    step = 0.3
    x, y = play(Bilinear(start=[1.0, 0.4]), Alternating(), step, 300).unbind(1)
    kept = x**2 + y**2 - step * x * y
    assert float((kept - kept[0]).abs().max()) < 1e-12
    x, y = play(Bilinear(start=[1.0, 0.4]), Alternating(["second", "first"]), step, 300).unbind(1)
    kept = x**2 + y**2 + step * x * y
    assert float((kept - kept[0]).abs().max()) < 1e-12


def test_a_singular_matrix_has_the_nearest_equilibrium() -> None:
    game = QuadraticGame([[1.0, 1.0], [1.0, 1.0]], start=[3.0, 1.0])
    assert torch.allclose(at_equilibrium(game), torch.tensor([1.0, -1.0], dtype=torch.float64), atol=1e-14)
    assert torch.allclose(play(game, Simultaneous(), 0.1, 200)[-1], at_equilibrium(game), atol=1e-10)


@pytest.mark.parametrize(("kind", "name"), [(Bilinear, "c"), (StronglyMonotone, "c"), (StronglyMonotone, "m")])
def test_many_strengths_at_once_are_the_same_as_one_by_one(kind: type[Bilinear], name: str) -> None:
    z = torch.tensor([0.4, -0.7], dtype=torch.float64)
    values = torch.linspace(0.5, 2, 4, dtype=torch.float64)
    alone = torch.stack([field_of(kind(**{name: v}))(z) for v in values.tolist()])  # type: ignore[arg-type]
    assert torch.allclose(swept(kind(), name, values, z), alone, atol=1e-15)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"matrix": [[1.0, 2.0]]}, "square"),
        ({"matrix": []}, "square"),
        ({"matrix": [[math.nan]]}, "finite"),
        ({"matrix": [[1.0, 2.0], [0.0, 1.0]], "sizes": [2]}, "not symmetric"),
        ({"sizes": [1, 2]}, "sum to 2"),
        ({"sizes": [2, 0]}, "positive"),
        ({"matrix": [[0.0] * 7] * 7}, "at most 6"),
        ({"start": [1.0]}, "2 numbers"),
    ],
)
def test_wrong_matrices_are_refused_in_words(arguments: dict[str, object], word: str) -> None:
    with pytest.raises(UserError, match=word):
        QuadraticGame(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [(Bilinear, {"c": 0.0}), (Bilinear, {"c": math.nan}), (Bilinear, {"n": 0}), (StronglyMonotone, {"m": 0.0})],
)
def test_games_without_coupling_or_pull_are_refused(kind: type[Bilinear], arguments: dict[str, float]) -> None:
    with pytest.raises(UserError):
        kind(**arguments)  # type: ignore[arg-type]
