"""Whether classes that are asked for are made: against data that are right by construction."""

import pytest
import torch
from torch import nn

from pushforward import Look, UserError
from pushforward.measures.features import Identity
from pushforward.measures.label_agreement import LabelAgreement


class Shows(nn.Module):
    """Gives rows of the training data of the class that is asked for, or of the next one in so many of ten asks."""

    def __init__(self, target, wrong):
        super().__init__()
        self.target, self.wrong = target, wrong
        self.generator = nn.Module()
        self.generator.conditional = True

    def sample(self, n, draw, condition=None):
        batch = self.target.held_out("train", 10**6)
        shifted = torch.where(torch.arange(n) // 10 % 10 < self.wrong, (condition + 1) % self.target.classes, condition)
        first = torch.stack([(batch.labels == c).nonzero()[0, 0] for c in range(self.target.classes)])
        return batch.x[first[shifted]]


@pytest.mark.parametrize("wrong", [0, 3])
def test_the_share_is_that_of_right_answers(digits, wrong):
    found = LabelAgreement(samples=1000).measure(Look(Shows(digits, wrong), digits))
    assert found["value"] == pytest.approx(1 - wrong / 10) and found["n"] == 1000
    assert found["worst"] == pytest.approx(found["value"]) and found["held_out"] > 0.9


def test_a_model_that_cannot_be_asked_is_refused(digits):
    with pytest.raises(UserError, match="not conditional"):
        LabelAgreement().measure(Look(nn.Module(), digits))
    with pytest.raises(UserError, match="gives no class probabilities"):
        LabelAgreement(Identity())


@pytest.fixture(scope="module")
def digits():
    from pushforward_targets.digits import Digits

    return Digits()
