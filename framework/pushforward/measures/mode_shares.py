"""Shares of many modes: how unevenly a model spreads over them, and how far from them it stays."""

from __future__ import annotations

import torch
from torch import Tensor

from pushforward.measures.counted_modes import CHUNK, CountedModes, nearest_modes
from pushforward.measures.standard_errors import resampled_counts
from pushforward.roles.measure import Look
from pushforward.roles.target import Target


class ModeShares(CountedModes):
    r"""How far the shares of the modes are from fair ones, each sample counted for the mode nearest to it.

    .. math:: \mathrm{KL}(\hat s \,\|\, w) = \sum_i \hat s_i \log \frac{\hat s_i}{w_i}

    Even for perfect samples this is near `floor` = (K - 1) / 2n, for K modes and n samples. Beside the `value` stand
    `modes`, how many have a sample; `distance`, the median distance to the nearest mode; and `distance-ratio`, that
    median against the one of held-out data: 1 for perfect samples.

    When you want it: for hundreds of modes, as in stacked MNIST, where a third of a fair share is a handful of samples.
    Standard error: by the bootstrap (200 resamples of the counts).

    Reference: Metz, Poole, Pfau, Sohl-Dickstein, "Unrolled Generative Adversarial Networks", 2017, arXiv:1611.02163.

    Args:
        samples: how many samples of the model are looked at; have at least twenty for each mode.

    Raises:
        UserError: if the target has no modes, or more modes than samples.
    """

    better, called = "lower", "mode-shares"
    distances: Tensor
    fair_distances: Tensor

    def __init__(self, samples: int = 25_600) -> None:
        super().__init__(samples)
        for name in ("distances", "fair_distances"):
            self.add_state(name, default=torch.zeros(0, dtype=torch.float64), dist_reduce_fx="sum")

    def measure(self, look: Look) -> dict[str, float]:
        """Look at samples of the model beside held-out data."""
        self.reset()
        self.update(look.fake(self.samples), look.real(min(self.samples, CHUNK)).x, look.target)
        return self.compute()

    def update(self, x: Tensor, data: Tensor, target: Target) -> None:
        """Count samples of the model, (n, *shape), by the nearest mode, and measure how near they and data are."""
        self.distances = torch.cat([self.distances, self._count(x, target)])
        self.fair_distances = torch.cat([self.fair_distances, nearest_modes(data, target)[0]])

    def compute(self) -> dict[str, float]:
        """The divergence, its floor, how many modes have a sample, and how near samples are."""
        n = self.n
        spread = self._divergence(resampled_counts(self.counts, "mode-shares"))
        median = float(self.distances.median())
        return {
            "value": float(self._divergence(self.counts[None])),
            "standard_error": float(spread.std()),
            "n": n,
            "floor": (len(self.shares) - 1) / (2 * n),
            "modes": int((self.counts > 0).sum()),
            "distance": median,
            "distance-ratio": median / max(float(self.fair_distances.median()), 1e-300),
        }

    def _divergence(self, counts: Tensor) -> Tensor:
        share = counts / counts.sum(1, keepdim=True)  # (repeats, modes)
        return torch.special.xlogy(share, share / self.shares).sum(1)
