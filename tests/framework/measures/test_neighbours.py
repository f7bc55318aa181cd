"""Neighbours: exact on points that can be counted by hand, perfect for copies of the law, near one for a thief."""

import math

import pytest
import torch

from pushforward import UserError
from pushforward.measures.neighbours import Manifold, Memorisation, nearest, radii


def compared(measure, x, y):
    measure.update(x, y)
    return measure.compute()


def test_four_numbers_counted_by_hand():
    """Data 0, 1, 3, 7: their nearest neighbours are 1, 1, 2 and 4 away."""
    data = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    assert radii(data.double(), 1).tolist() == [1, 1, 2, 4]
    samples = torch.tensor([[0.5], [2.5], [20.0], [21.0]])  # the radii of these are 2, 2, 1 and 1
    found = compared(Manifold(k=1), samples, data)
    assert found["precision"] == 0.5  # .5 and 2.5
    assert found["recall"] == 0.75  # 0, 1 and 3 lie in the balls of .5 and 2.5
    assert found["density"] == (2 + 1) / 4  # .5 is in two balls, 2.5 in that of 3: 1 reaches to 2, 7 to 3
    assert found["coverage"] == 0.75
    assert found["value"] == 0.5 and found["n"] == 4


def test_samples_of_the_same_law_have_the_values_of_other_data():
    generator = torch.Generator().manual_seed(0)
    x, y, z = (torch.randn(1000, 2, generator=generator) for _ in range(3))
    ours, theirs = compared(Manifold(), x, y), compared(Manifold(), z, y)
    for key in ("precision", "recall", "coverage"):
        assert ours[key] == pytest.approx(theirs[key], abs=0.04)
    assert ours["density"] == pytest.approx(1.0, abs=0.1)  # its mean is 1 for equal laws


def test_a_collapsed_model_is_precise_and_recalls_nothing():
    generator = torch.Generator().manual_seed(0)
    y = torch.randn(500, 2, generator=generator)
    found = compared(Manifold(), 0.01 * torch.randn(500, 2, generator=generator), y)
    assert found["precision"] == 1 and found["recall"] < 0.05 and found["coverage"] < 0.1
    assert found["value"] == found["recall"]


def test_too_few_points_for_the_neighbour_are_refused():
    with pytest.raises(UserError, match="3 points have no neighbour number 3"):
        compared(Manifold(), torch.randn(3, 2), torch.randn(9, 2))


def test_nearest_rows_are_found_over_blocks():
    x, known = torch.randn(2500, 3, dtype=torch.float64), torch.randn(40, 3, dtype=torch.float64)
    assert torch.equal(nearest(x, known), torch.cdist(x, known).amin(1))


def test_the_share_of_pairs_is_exact_and_ties_count_half():
    found = compared(Memorisation(), torch.tensor([[1.0], [2.0]]), torch.tensor([[2.0], [3.0]]))
    assert found["value"] == (2 + 1 + 0.5) / 4
    assert found["standard_error"] == pytest.approx(math.sqrt(5 / 48))


def test_a_thief_is_told_from_a_model_that_has_learned(copy_of, eight_modes):
    from pushforward.roles.measure import Look

    class Thief:
        def sample(self, n, draw, condition=None):
            return eight_modes.held_out("train", 2000).x[:n]

    honest = Memorisation(samples=1000).measure(Look(copy_of(eight_modes), eight_modes))
    assert abs(honest["value"] - 0.5) < 4 * honest["standard_error"]
    stolen = Memorisation(samples=1000).measure(Look(Thief(), eight_modes))
    assert stolen["value"] == 1 and stolen["distance"] == 0
