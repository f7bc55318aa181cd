"""Wasserstein distances, sliced and exact, against closed forms, and their errors against the spread of repeats."""

import math

import pytest
import torch

from pushforward.measures.sliced_wasserstein import SlicedWasserstein, squared_distances_on_lines
from pushforward.measures.wasserstein import Wasserstein
from pushforward.problem import UserError
from pushforward.roles.measure import Look


def value(measure, x, y):
    measure.reset()
    measure.update(x, y)
    return measure.compute()


def test_sliced_wasserstein_of_a_shift_is_its_length_over_the_root_of_the_dimension(normal):
    x = normal(0, 500, 3)
    shift = torch.tensor([3.0, 0.0, 4.0])
    found = value(SlicedWasserstein(projections=4000), x, x + shift)["value"]
    # W_2 of the projected shift is |theta . shift|; its mean square over 4000 directions is within 2 % of 25/3
    assert found == pytest.approx(5 / math.sqrt(3), rel=0.02)


def test_sliced_wasserstein_of_a_set_and_itself_is_zero(normal):
    x = normal(0, 100, 3)
    assert value(SlicedWasserstein(), x, x.flip(0))["value"] == 0


def test_distances_on_lines_agree_for_unequal_sizes_with_repeated_points(normal):
    x, y = normal(0, 6, 5), normal(1, 4, 5)
    repeated = squared_distances_on_lines(x.repeat(2, 1), y.repeat(3, 1))  # 12 points each: the same two laws
    assert torch.allclose(squared_distances_on_lines(x, y), repeated, atol=1e-12)


def test_exact_wasserstein_of_gaussians_approaches_the_bures_distance(normal):
    x, y = normal(0, 800, 1), 1 + 2 * normal(1, 800, 1)
    found = value(Wasserstein(), x, y)
    # W_2 of N(0, 1) and N(1, 4) is sqrt(1 + (2 - 1)^2)
    assert abs(found["value"] - math.sqrt(2)) < 4 * found["standard_error"]
    assert found["standard_error"] < 0.15


def test_exact_wasserstein_finds_a_permutation_and_a_shift(normal):
    x = normal(0, 200, 5)
    assert value(Wasserstein(), x, x.flip(0) + 0.5)["value"] == pytest.approx(0.5 * math.sqrt(5))


def test_both_distances_agree_in_one_dimension(normal):
    x, y = normal(0, 300, 1), normal(1, 300, 1).exp()
    assert value(Wasserstein(), x, y)["value"] == pytest.approx(value(SlicedWasserstein(), x, y)["value"])


def test_exact_wasserstein_refuses_more_than_two_thousand_points(normal):
    with pytest.raises(UserError, match="at most 2000 points, got 2001"):
        Wasserstein(samples=2001)
    with pytest.raises(UserError, match="at most 2000 points, got 2500"):
        value(Wasserstein(), normal(0, 2500, 1), normal(1, 2500, 1))


@pytest.mark.parametrize("shift", [0.0, 1.0])
@pytest.mark.parametrize("measure", [SlicedWasserstein(projections=64), Wasserstein()], ids=["sliced", "exact"])
def test_standard_errors_are_the_spread_over_repeats(measure, shift, normal):
    found = [value(measure, normal(i, 200, 2), normal(1000 + i, 200, 2) + shift) for i in range(60)]
    spread = torch.tensor([f["value"] for f in found]).std()
    stated = torch.tensor([f["standard_error"] for f in found]).square().mean().sqrt()
    # the spread of 60 repeats is itself known to 9 %, and small batches see a law coarser than the whole does
    assert 0.7 < float(stated / spread) < 1.6


def test_a_look_at_a_perfect_model_is_near_zero_and_at_a_shifted_one_is_not(gaussian, copy_of):
    target = gaussian(2)
    perfect = SlicedWasserstein().measure(Look(copy_of(target), target))
    shifted = SlicedWasserstein().measure(Look(copy_of(gaussian(2, mean=1.0)), target))
    assert perfect["value"] < 0.1 and perfect["n"] == 2000
    assert abs(shifted["value"] - 1) < 4 * shifted["standard_error"] + 0.05


def test_points_that_are_not_finite_are_counted_and_never_dropped(normal):
    x = normal(0, 10, 2)
    x[3, 1] = math.inf
    found = value(SlicedWasserstein(), x, normal(1, 10, 2))
    assert math.isnan(found["value"]) and found["non_finite"] == 1


def test_sets_of_different_dimensions_are_refused(normal):
    with pytest.raises(UserError, match="2 dimensions against 10 in 3"):
        value(SlicedWasserstein(), normal(0, 10, 2), normal(0, 10, 3))
