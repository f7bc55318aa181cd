"""Rings are modes that are curves."""

import torch

from pushforward import Draw
from pushforward.measures.coverage import ModeCoverage
from pushforward_targets.rings import Rings


def test_distances_are_to_each_ring():
    x = torch.tensor([[1.0, 0.0], [0.0, -2.5], [0.0, 0.0]])
    expected = torch.tensor([[0.0, 1.0, 2.0], [1.5, 0.5, 0.5], [1.0, 2.0, 3.0]])
    torch.testing.assert_close(Rings().distance_to_modes(x), expected)


def test_perfect_samples_cover_every_ring_with_the_share_of_a_gaussian_within_three_sigma():
    target = Rings()
    x = target.sample(50_000, Draw(0, ("test",), 50_000)).x
    measure = ModeCoverage()
    measure.update(x, target)
    found = measure.compute()
    assert found["value"] == 1.0
    assert abs(found["quality"] - 0.9973) < 4 * found["quality_standard_error"]
