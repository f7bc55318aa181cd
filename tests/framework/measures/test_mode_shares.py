"""Shares of modes: exact for counts that are known, and refused where they say nothing."""

import math

import pytest
import torch

from pushforward import UserError
from pushforward.measures.mode_shares import ModeShares
from pushforward.roles.target import Target


class Four(Target):
    """Four modes in the plane, the last one half as likely as the others."""

    shape = (2,)
    modes = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0]])
    mode_scale = 0.1
    mode_weights = torch.tensor([2.0, 2.0, 2.0, 1.0])


def looked(x, data, target=None):
    measure = ModeShares(len(x))
    measure.update(x, data, target or Four())
    return measure.compute()


def test_the_divergence_of_known_counts_is_exact():
    """Counts 4, 2, 0, 2 of 8 against shares 2/7, 2/7, 2/7, 1/7."""
    x = Four.modes[torch.tensor([0, 0, 0, 0, 1, 1, 3, 3])] + 0.3
    found = looked(x, Four.modes)
    exact = 0.5 * math.log(0.5 * 7 / 2) + 0.25 * math.log(0.25 * 7 / 2) + 0.25 * math.log(0.25 * 7)
    assert found["value"] == pytest.approx(exact, abs=1e-7)
    assert found["modes"] == 3 and found["n"] == 8 and found["floor"] == 3 / 16


def test_distances_are_held_against_those_of_data():
    x, data = Four.modes[[0, 1, 2, 3] * 2] + torch.tensor([0.3, 0.4]), Four.modes + torch.tensor([0.0, 0.25])
    found = looked(x, data)
    assert found["distance"] == pytest.approx(0.5, abs=1e-6)
    assert found["distance-ratio"] == pytest.approx(2.0, abs=1e-6)


def test_too_few_samples_for_the_modes_are_refused():
    with pytest.raises(UserError, match="2 samples cannot show 4 modes"):
        looked(Four.modes[:2], Four.modes)


def test_a_target_without_modes_is_refused():
    class Plain(Target):
        shape = (2,)

    with pytest.raises(UserError, match="Plain has no modes"):
        looked(Four.modes, Four.modes, Plain())
