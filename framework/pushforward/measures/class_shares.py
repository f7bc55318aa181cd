"""Class shares: whether a model makes each class as often as the data do, and how clearly."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from pushforward.measures.features import Classifier
from pushforward.measures.standard_errors import resampled_counts
from pushforward.problem import UserError
from pushforward.roles.estimator import Features
from pushforward.roles.measure import Look, Measure


class ClassShares(Measure):
    r"""Largest deviation of the class shares of samples from those of held-out data.

    .. math:: \max_c\, |\hat p_c(\text{samples}) - \hat p_c(\text{data})|

    Both sides are classified by one classifier, so that its mistakes cancel for a perfect model. Beside the `value`
    stand `confidence`, the mean of the classifier's highest probability on samples (blurred ones have it low), and
    `data_confidence`, the same on the data. Standard errors: of the value by the bootstrap of the counts on both
    sides (200 resamples), of the confidence by its spread.

    When you want it: to see dropped classes and unrecognisable samples, for targets with labels.

    Args:
        classifier: features that also give class probabilities; None means `classifier`, trained on the training rows.
        samples: how many samples of the model and at most how many held-out rows are classified.

    Raises:
        UserError: if the features give no probabilities, or the target has no labels.
    """

    fake: list[Tensor]
    real: list[Tensor]

    def __init__(self, classifier: Features | None = None, samples: int = 2000) -> None:
        super().__init__(sync_on_compute=False)
        self.classifier: Any = classifier or Classifier()
        if not callable(getattr(self.classifier, "probabilities", None)):
            raise UserError(
                f"class-shares: {type(classifier).__name__} gives no class probabilities; take `classifier`"
            )
        self.samples = samples
        self.add_state("fake", default=[], dist_reduce_fx="cat")
        self.add_state("real", default=[], dist_reduce_fx="cat")

    def measure(self, look: Look) -> dict[str, float]:
        """Classify samples and held-out data."""
        self.classifier.prepare(look.target)
        return super().measure(look)

    def update(self, x: Tensor, y: Tensor) -> None:
        """Take in samples of the model, (n, *shape), and of the target, (m, *shape)."""
        with torch.no_grad():
            self.fake.append(self.classifier.probabilities(x).double().cpu())
            self.real.append(self.classifier.probabilities(y).double().cpu())

    def compute(self) -> dict[str, float]:
        """The largest deviation, and how confident the classifier was."""
        fake, real = torch.cat(self.fake), torch.cat(self.real)  # probabilities, (n, classes)
        x, y = _counts(fake), _counts(real)
        spread = _deviation(resampled_counts(x, "samples"), resampled_counts(y, "data")).std()
        confidence = fake.amax(1)
        return {
            "value": float(_deviation(x, y)),
            "standard_error": float(spread),
            "n": min(len(fake), len(real)),
            "confidence": float(confidence.mean()),
            "confidence_standard_error": float(confidence.std()) / math.sqrt(len(fake)),
            "data_confidence": float(real.amax(1).mean()),
        }


def _counts(probabilities: Tensor) -> Tensor:
    return torch.bincount(probabilities.argmax(1), minlength=probabilities.shape[1]).double()


def _deviation(x: Tensor, y: Tensor) -> Tensor:
    return (x / x.sum(-1, keepdim=True) - y / y.sum(-1, keepdim=True)).abs().amax(-1)
