"""Whether a conditional model makes what it is asked for."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from pushforward.measures.features import Classifier
from pushforward.problem import UserError
from pushforward.randomness import Draw
from pushforward.roles.estimator import Features
from pushforward.roles.measure import Look, Measure


class LabelAgreement(Measure):
    r"""The share of samples in which a classifier sees the class that was asked for.

    .. math:: P\big(\arg\max_c p(c \mid G(z, y)) = y\big)

    Every class is asked for equally often. Beside the `value` stand `held_out`, the classifier's accuracy on held-out
    data, and `worst`, the share of the class that fares worst. The standard error is the binomial one.

    Args:
        classifier: features that also give class probabilities; None means `classifier`, trained on the training rows.
        samples: how many samples of the model are asked for.

    Raises:
        UserError: if the model is not conditional, the features give no probabilities or the target has no labels.
    """

    better = "higher"
    right: Tensor
    asked: Tensor

    def __init__(self, classifier: Features | None = None, samples: int = 2000) -> None:
        super().__init__(sync_on_compute=False)
        self.classifier: Any = classifier or Classifier()
        if not callable(getattr(self.classifier, "probabilities", None)):
            raise UserError(
                f"label-agreement: {type(classifier).__name__} gives no class probabilities; take `classifier`"
            )
        self.samples = samples
        self.add_state("right", default=torch.zeros(0), dist_reduce_fx="sum")
        self.add_state("asked", default=torch.zeros(0), dist_reduce_fx="sum")

    @torch.no_grad()
    def measure(self, look: Look) -> dict[str, float]:
        """Ask for every class in turn."""
        parts = (getattr(look.game, name, None) for name in ("generator", "flow"))
        if not any(getattr(part, "conditional", False) for part in parts):
            raise UserError("label-agreement: the model is not conditional: it makes no class that is asked for")
        self.classifier.prepare(look.target)
        classes = look.target.classes or 1
        labels = torch.arange(self.samples, device=look.device) % classes
        draw = Draw(look.seed, ("label-agreement", look.round), self.samples, device=look.device)
        real = look.real(self.samples)
        assert real.labels is not None
        self.reset()
        self.update(look.game.sample(self.samples, draw, labels), labels)
        seen = self.classifier.probabilities(real.x).argmax(1)
        return {**self.compute(), "held_out": float((seen == real.labels).double().mean())}

    def update(self, x: Tensor, labels: Tensor) -> None:
        """Take in samples, (n, *shape), and what was asked for, (n,)."""
        probabilities = self.classifier.probabilities(x)
        hits = probabilities.argmax(1) == labels
        n = probabilities.shape[1]
        right, asked = (torch.bincount(rows.cpu(), minlength=n).double() for rows in (labels[hits], labels))
        self.right, self.asked = (b if not len(a) else a + b for a, b in ((self.right, right), (self.asked, asked)))

    def compute(self) -> dict[str, float]:
        """The share, its error, and that of the worst class."""
        n, share = int(self.asked.sum()), float(self.right.sum() / self.asked.sum())
        each = self.right / self.asked.clamp(min=1)
        return {
            "value": share,
            "standard_error": math.sqrt(share * (1 - share) / n),
            "n": n,
            "worst": float(each[self.asked > 0].min()),
        }
