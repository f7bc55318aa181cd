"""What every measure keeps to: a look changes nothing, and the same look gives the same numbers."""

import pytest
import torch

from pushforward.builtin import _measures
from pushforward.measures.class_shares import ClassShares
from pushforward.measures.coverage import ModeCoverage
from pushforward.measures.features import Classifier
from pushforward.measures.frechet import FrechetDistance
from pushforward.measures.likelihood import LogDensity
from pushforward.measures.mass import Mass
from pushforward.measures.mmd import MMD
from pushforward.measures.sliced_wasserstein import SlicedWasserstein
from pushforward.measures.wasserstein import Wasserstein
from pushforward.roles.measure import Look

MEASURES = [
    SlicedWasserstein(samples=100),
    Wasserstein(samples=100),
    MMD(samples=100),
    ModeCoverage(samples=100),
    FrechetDistance(samples=100),
    FrechetDistance(Classifier(steps=5), samples=100),
    ClassShares(Classifier(steps=5), samples=100),
    LogDensity(samples=100),
    Mass(points=10),
]


@pytest.mark.parametrize("measure", MEASURES, ids=lambda m: type(m).__name__)
def test_a_look_leaves_global_randomness_alone_and_repeats_to_the_bit(measure, eight_modes, copy_of):
    model = copy_of(eight_modes)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = measure.measure(Look(model, eight_modes))
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(1)
    assert measure.measure(Look(model, eight_modes)) == first
    assert all(isinstance(number, int | float) for number in first.values())
    assert "standard_error" in first or "n" in first


def test_every_registered_measure_and_feature_is_where_it_says():
    import importlib

    for record in _measures():
        module, _, name = record.at.partition(":")
        assert getattr(importlib.import_module(module), name).__doc__, record.name
