"""Mixtures at random places and across each other: their densities against torch's own, their places for ever."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal, StudentT

from pushforward import Draw, UserError
from pushforward_targets.elliptical import CrossedGaussians, FortyGaussians, StudentMixture, places
from pushforward_targets.mixtures import NineGaussians


def points(n: int, dimension: int) -> torch.Tensor:
    return 5 * torch.randn(n, dimension, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_crossed_gaussians_are_torchs_mixture_and_do_not_change_under_a_swap() -> None:
    means = torch.tensor([[3.0, 0], [-2.5, 0], [2, 3], [0, 3], [0, -2.5], [3, 2]], dtype=torch.float64)
    flat, upright, tilted = [[0.7, 0], [0, 0.05]], [[0.05, 0], [0, 0.7]], [[1.0, 0.95], [0.95, 1.0]]
    covariances = torch.tensor([flat, flat, tilted, upright, upright, tilted], dtype=torch.float64)
    law = MixtureSameFamily(Categorical(torch.ones(6).double()), MultivariateNormal(means, covariances))
    x, target = points(200, 2), CrossedGaussians()
    torch.testing.assert_close(target.log_density(x), law.log_prob(x))
    torch.testing.assert_close(target.log_density(x.flip(1)), target.log_density(x))


def test_a_student_law_in_one_dimension_is_torchs() -> None:
    target = StudentMixture(dimension=1, components=1, freedom=3, scale=0.5)
    x, place = points(50, 1), places("student-mixture", 1, 1, 10.0, 0)
    expected = StudentT(torch.tensor(3.0).double(), place[0, 0], 0.5).log_prob(x[:, 0])
    torch.testing.assert_close(target.log_density(x), expected)


def test_student_samples_have_the_tails_of_their_degrees_of_freedom() -> None:
    """In the plane P(r > R) is (1 + R^2 / nu)^(-nu / 2) for one mode of scale 1."""
    n, target = 40_000, StudentMixture(components=1)
    assert target.modes is not None
    r = (target.sample(n, Draw(0, ("x",), n, dtype=torch.float64)).x - target.modes.double()).norm(dim=1)
    for radius in (1.0, 3.0, 30.0):
        expected = 1 / (1 + radius**2 / 2)
        assert abs(float((r > radius).double().mean()) - expected) < 4 * math.sqrt(expected * (1 - expected) / n)


def test_places_are_the_same_on_every_machine_and_others_for_another_seed_or_name() -> None:
    """Numbers of a run of long ago: whoever compares with them must get these forty places."""
    target = FortyGaussians()
    assert target.modes is not None and target.modes.shape == (40, 2)
    torch.testing.assert_close(
        target.modes[:2], torch.tensor([[-18.178524, -17.784395], [-4.986862, 25.628479]]), atol=1e-4, rtol=0
    )
    assert float(target.modes.abs().max()) <= 40
    other, wide = FortyGaussians(seed=1).modes, FortyGaussians(scale=2.0)
    assert other is not None and not torch.equal(other, target.modes)
    assert wide.modes is not None and torch.equal(wide.modes, target.modes) and wide.mode_scale == 2.0


def test_forty_gaussians_are_the_mean_of_forty_densities() -> None:
    target, x = FortyGaussians(3, scale=1.3133), 8 * points(100, 3)
    assert target.modes is not None
    centres = places("gmm40", 40, 3, 40.0, 0)
    law = MixtureSameFamily(
        Categorical(torch.ones(40).double()), MultivariateNormal(centres, 1.3133**2 * torch.eye(3).double())
    )
    torch.testing.assert_close(target.log_density(x), law.log_prob(x))


def test_nine_gaussians_are_on_their_grid() -> None:
    target = NineGaussians()
    assert target.modes is not None
    assert sorted(target.modes.tolist()) == [[float(a), float(b)] for a in (-5, 0, 5) for b in (-5, 0, 5)]
    peak = float(target.log_density(torch.zeros(1, 2, dtype=torch.float64)))
    assert peak == pytest.approx(-math.log(9 * 2 * math.pi * 0.3), abs=1e-12)


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: FortyGaussians(0), "dimension is 0: expected at least 1"),
        (lambda: FortyGaussians(scale=0), "scale is 0"),
        (lambda: FortyGaussians(spread=-1), "spread is -1"),
        (lambda: StudentMixture(components=0), "components is 0"),
        (lambda: StudentMixture(freedom=0), "freedom is 0: expected at least 1"),
        (lambda: NineGaussians(variance=0), "variance is 0"),
    ],
)
def test_bad_numbers_are_refused(build, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        build()
