"""How measures count samples by the mode nearest to them, beside the fair share of each mode."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward.problem import UserError
from pushforward.roles.measure import Measure
from pushforward.roles.target import Target

CHUNK = 4096  # samples whose distances to all modes are held at once


class CountedModes(Measure):
    """Abstract: a measure of how many samples of the model are nearest to each mode of the target.

    Attributes:
        called: how the measure names itself in a refusal.
        counts: samples nearest to each mode, (modes,).
        shares: fair shares of the modes, (modes,).

    Args:
        samples: how many samples of the model are looked at.
    """

    called: str
    counts: Tensor

    def __init__(self, samples: int) -> None:
        super().__init__(sync_on_compute=False)
        self.samples = samples
        self.shares = torch.ones(0, dtype=torch.float64)
        self.add_state("counts", default=torch.zeros(0, dtype=torch.float64), dist_reduce_fx="sum")

    def suits(self, target: Target) -> None:
        """Refuse a target without modes, or with more of them than samples."""
        if target.mode_scale is None:
            raise UserError(f"{self.called}: {type(target).__name__} has no modes; take a target that knows its modes")
        modes = 0 if target.modes is None else len(target.modes)
        if modes > self.samples:
            raise UserError(
                f"{self.called}: {self.samples} samples cannot show {modes} modes: ask for {25 * modes} or more"
            )

    @property
    def n(self) -> int:
        """How many samples were counted.

        Raises:
            UserError: if none were.
        """
        n = int(self.counts.sum())
        if n == 0:
            raise UserError(f"{self.called} got no samples: it needs at least one")
        return n

    def _count(self, x: Tensor, target: Target) -> Tensor:
        """Take in samples, (n, *shape); how far each is from its nearest mode, (n,)."""
        self.suits(target)
        distance, nearest, modes = nearest_modes(x, target)
        if modes > len(x):
            raise UserError(f"{self.called}: {len(x)} samples cannot show {modes} modes: ask for more samples")
        weights = torch.ones(modes) if target.mode_weights is None else target.mode_weights
        self.shares = weights.double().cpu() / weights.double().sum().cpu()
        counts = torch.bincount(nearest, minlength=modes).double()
        self.counts = counts if len(self.counts) == 0 else self.counts + counts
        return distance


def nearest_modes(x: Tensor, target: Target) -> tuple[Tensor, Tensor, int]:
    """Distance and number of the nearest mode of each sample, (n,) each, and how many modes there are."""
    x = x.detach().double().cpu().nan_to_num(nan=math.inf)
    pieces = [target.distance_to_modes(part) for part in x.split(CHUNK)]
    found = [piece.min(1) for piece in pieces]
    return torch.cat([f.values for f in found]), torch.cat([f.indices for f in found]), pieces[0].shape[1]
