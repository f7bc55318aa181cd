"""A thousand modes: perfect samples of them are measured as perfect."""

import math

import pytest

from pushforward.measures.mode_shares import ModeShares
from pushforward_targets.mixtures import ThousandModes


def test_perfect_samples_of_a_thousand_modes_are_at_the_floor():
    """(K - 1) / 2n, and a median distance of that of a chi law with 30 degrees of freedom."""
    target, measure = ThousandModes(), ModeShares()
    x = target.held_out("validation", 25_600).x
    measure.update(x, target.held_out("test", 4000).x, target)
    found = measure.compute()
    assert abs(found["value"] - found["floor"]) < 4 * found["standard_error"]
    assert found["floor"] == pytest.approx(0.0195, abs=1e-4) and found["modes"] == 1000
    assert found["distance"] == pytest.approx(0.05 * math.sqrt(29.336), rel=2e-3)  # the median of chi squared, 30
    assert found["distance-ratio"] == pytest.approx(1.0, abs=0.01)
