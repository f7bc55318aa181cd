"""Shares of many modes: how unevenly a model spreads over them, and how far from them it stays."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward.measures.standard_errors import resampled_counts
from pushforward.problem import UserError
from pushforward.roles.measure import Look, Measure
from pushforward.roles.target import Target

CHUNK = 4096  # samples whose distances to all modes are held at once


class ModeShares(Measure):
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

    better = "lower"
    counts: Tensor
    distances: Tensor
    fair_distances: Tensor

    def __init__(self, samples: int = 25_600) -> None:
        super().__init__(sync_on_compute=False)
        self.samples = samples
        self.shares = torch.ones(0, dtype=torch.float64)
        for name in ("counts", "distances", "fair_distances"):
            self.add_state(name, default=torch.zeros(0, dtype=torch.float64), dist_reduce_fx="sum")

    def suits(self, target: Target) -> None:
        """Refuse a target without modes, or with more of them than samples."""
        if target.mode_scale is None:
            raise UserError(f"mode-shares: {type(target).__name__} has no modes; take a target that knows its modes")
        modes = 0 if target.modes is None else len(target.modes)
        if modes > self.samples:
            raise UserError(
                f"mode-shares: {self.samples} samples cannot show {modes} modes: ask for {25 * modes} or more"
            )

    def measure(self, look: Look) -> dict[str, float]:
        """Look at samples of the model beside held-out data."""
        self.reset()
        self.update(look.fake(self.samples), look.real(min(self.samples, CHUNK)).x, look.target)
        return self.compute()

    def update(self, x: Tensor, data: Tensor, target: Target) -> None:
        """Count samples of the model, (n, *shape), by the nearest mode, and measure how near they and data are."""
        self.suits(target)
        distance, nearest, modes = _nearest(x, target)
        if modes > len(x):
            raise UserError(f"mode-shares: {len(x)} samples cannot show {modes} modes: ask for more samples")
        weights = torch.ones(modes) if target.mode_weights is None else target.mode_weights
        self.shares = weights.double().cpu() / weights.double().sum().cpu()
        counts = torch.bincount(nearest, minlength=modes).double()
        self.counts = counts if len(self.counts) == 0 else self.counts + counts
        self.distances = torch.cat([self.distances, distance])
        self.fair_distances = torch.cat([self.fair_distances, _nearest(data, target)[0]])

    def compute(self) -> dict[str, float]:
        """The divergence, its floor, how many modes have a sample, and how near samples are."""
        n = int(self.counts.sum())
        if n == 0:
            raise UserError("mode-shares got no samples: it needs at least one")
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


def _nearest(x: Tensor, target: Target) -> tuple[Tensor, Tensor, int]:
    """Distance and number of the nearest mode of each sample, (n,) each, and how many modes there are."""
    x = x.detach().double().cpu().nan_to_num(nan=math.inf)
    pieces = [target.distance_to_modes(part) for part in x.split(CHUNK)]
    found = [piece.min(1) for piece in pieces]
    return torch.cat([f.values for f in found]), torch.cat([f.indices for f in found]), pieces[0].shape[1]
