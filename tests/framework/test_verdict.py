"""What a run's numbers show of what happened to it."""

import pytest

from pushforward.verdict import verdict


@pytest.mark.parametrize(
    ("coverage", "quality", "state"),
    [(0.25, 0.9, "collapsed"), (0.25, 0.0, "undecided"), (0.75, 0.9, "undecided")],
)
def test_a_model_has_collapsed_when_its_samples_lie_on_few_modes(coverage, quality, state):
    found = verdict({"mode-coverage": {"value": coverage, "quality": quality, "n": 2000}})
    assert found["state"] == state and found["evidence"]["mode-coverage"] == coverage
    assert ("remedy" in found) == (state == "collapsed")


def test_a_non_finite_number_is_divergence_with_its_reason():
    found = verdict({}, "round 7: gradient of player 'x' is nan")
    assert found["state"] == "diverging" and found["why"].startswith("round 7") and "lr" in found["remedy"]


def test_what_nothing_decides_is_undecided():
    assert verdict({"mmd": {"value": 1.0}})["state"] == "undecided"
