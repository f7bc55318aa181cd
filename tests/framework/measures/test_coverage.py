"""Coverage and quality of perfect, collapsed and lost models."""

import math

import pytest
import torch

from pushforward.measures.coverage import ModeCoverage
from pushforward.problem import UserError
from pushforward.roles.measure import Look

PERFECT = 1 - math.exp(-4.5)  # mass of a plane Gaussian within three standard deviations


def found(x, target):
    measure = ModeCoverage()
    measure.update(x, target)
    return measure.compute()


def test_a_perfect_sampler_covers_every_mode_and_has_the_quality_of_the_plane(eight_modes, copy_of):
    out = ModeCoverage(samples=20_000).measure(Look(copy_of(eight_modes), eight_modes))
    assert out["value"] == 1 and out["modes"] == 8 and out["standard_error"] == 0
    assert out["quality_standard_error"] == pytest.approx(math.sqrt(PERFECT * (1 - PERFECT) / 20_000), rel=0.1)
    assert abs(out["quality"] - PERFECT) < 4 * out["quality_standard_error"]


def test_samples_far_away_cover_nothing(eight_modes):
    out = found(torch.full((100, 2), 50.0), eight_modes)
    assert out["value"] == 0 and out["quality"] == 0


def test_samples_that_are_not_finite_are_counted_as_near_no_mode(eight_modes):
    out = found(torch.cat([torch.full((50, 2), math.nan), eight_modes.modes[:1].repeat(50, 1)]), eight_modes)
    assert out["n"] == 100 and out["quality"] == 0.5


@pytest.mark.parametrize(("extra", "modes"), [(4, 1), (5, 2)])
def test_a_mode_counts_from_a_third_of_its_fair_share(extra, modes, eight_modes):
    eight_modes.modes = eight_modes.modes[:2]
    eight_modes.mode_weights = torch.tensor([0.85, 0.15])  # a third of the second one's share of 100 is 5
    x = eight_modes.modes[torch.tensor([0] * (100 - extra) + [1] * extra)]
    assert found(x, eight_modes)["modes"] == modes


def test_a_mode_on_the_edge_has_an_error(eight_modes):
    eight_modes.modes = eight_modes.modes[:2]
    x = eight_modes.modes[torch.tensor([0] * 500 + [1] * 100)]  # exactly a third of a half: covered half of the time
    assert found(x, eight_modes)["standard_error"] == pytest.approx(0.25, abs=0.02)


def test_a_target_without_modes_is_refused_with_a_sentence(gaussian):
    with pytest.raises(UserError, match="GaussianTarget has no modes"):
        found(torch.zeros(5, 2), gaussian(2))
