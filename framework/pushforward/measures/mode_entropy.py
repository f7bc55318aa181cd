"""Entropic mode coverage: one number for how evenly samples spread over the modes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward.measures.counted_modes import CountedModes
from pushforward.measures.standard_errors import resampled_counts
from pushforward.problem import UserError
from pushforward.roles.measure import Look
from pushforward.roles.target import Target


class ModeEntropy(CountedModes):
    r"""Entropic mode coverage: the entropy of the shares of the modes, as a fraction of the largest one.

    .. math:: -\frac{1}{\log K} \sum_{k=1}^K \hat s_k \log \hat s_k

    Each sample counts for the mode nearest to it. 1 where all K modes have equal shares, 0 where one has everything.
    Beside the `value` stand `ideal`, that of the target's own shares, which is below 1 where they are unequal, and
    `total_variation`, half the sum of the deviations from these: 0 for fair shares whatever they are.

    When you want it: to compare samplers of a few modes with published numbers. Standard errors: by the bootstrap (200
    resamples of the counts).

    Reference: Blessing, Jia, Esslinger, Vargas, Neumann, "Beyond ELBOs: A Large-Scale Evaluation of Variational
    Methods for Sampling", 2024, arXiv:2406.07423.

    Args:
        samples: how many samples of the model are looked at; have at least thirty for each mode.

    Raises:
        UserError: if the target has no modes, a single one, or more than samples.
    """

    better, called = "higher", "mode-entropy"

    def __init__(self, samples: int = 2000) -> None:
        super().__init__(samples)

    def suits(self, target: Target) -> None:
        """Refuse a target without modes, with a single one, or with more than samples."""
        super().suits(target)
        if target.modes is not None and len(target.modes) < 2:
            raise UserError("mode-entropy: the target has a single mode, over which nothing can be spread")

    def measure(self, look: Look) -> dict[str, float]:
        """Look at samples of the model; no held-out data are needed."""
        self.reset()
        self.update(look.fake(self.samples), look.target)
        return self.compute()

    def update(self, x: Tensor, target: Target) -> None:
        """Count samples of the model, (n, *shape), by the nearest mode of the target."""
        self._count(x, target)

    def compute(self) -> dict[str, float]:
        """The entropy, that of fair shares, and how far from fair."""
        n = self.n
        again = resampled_counts(self.counts, "mode-entropy") / n
        found = self.counts[None] / n
        return {
            "value": float(_entropy(found)),
            "standard_error": float(_entropy(again).std()),
            "n": n,
            "ideal": float(_entropy(self.shares[None])),
            "total_variation": float(self._variation(found)),
            "total_variation_standard_error": float(self._variation(again).std()),
        }

    def _variation(self, shares: Tensor) -> Tensor:
        return 0.5 * (shares - self.shares).abs().sum(1)


def _entropy(shares: Tensor) -> Tensor:
    """Of rows of shares, (repeats,), as a fraction of log K."""
    return torch.special.entr(shares).sum(1) / math.log(shares.shape[1])
