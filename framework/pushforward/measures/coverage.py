"""Mode coverage: which modes of a target a model reaches, and how many of its samples lie near any."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward.measures.standard_errors import resampled_counts
from pushforward.problem import UserError
from pushforward.roles.measure import Look, Measure
from pushforward.roles.target import Target


class ModeCoverage(Measure):
    r"""Share of the target's modes that the model covers.

    A mode counts when at least a third of its fair share of the samples lies nearest to it and within three of its
    standard deviations. Beside the `value` stand `modes`, their number, and `quality`, the share of samples within
    three standard deviations of any mode: :math:`1 - e^{-4.5} = .98889` for perfect samples of Gaussians in the plane,
    .9973 for curves in it, which is the ceiling to compare it with.

    When you want it: to see collapse, for targets that know their modes. Standard errors: of the value by the
    bootstrap (200 resamples of the counts), of the quality by its binomial law.

    Reference: after Srivastava, Valkov, Russell, Gutmann, Sutton, "VEEGAN: Reducing Mode Collapse in GANs using
    Implicit Variational Learning", 2017, arXiv:1705.07761.

    Args:
        samples: how many samples of the model are looked at; have at least thirty for each mode.

    Raises:
        UserError: if the target has no modes.
    """

    better = "higher"
    counts: Tensor

    def __init__(self, samples: int = 2000) -> None:
        super().__init__(sync_on_compute=False)
        self.samples = samples
        self.shares = torch.ones(0, dtype=torch.float64)
        self.add_state("counts", default=torch.zeros(0, dtype=torch.float64), dist_reduce_fx="sum")

    def suits(self, target: Target) -> None:
        """Refuse a target without modes, or with more of them than samples."""
        if target.mode_scale is None:
            raise UserError(f"mode-coverage: {type(target).__name__} has no modes; take a target that knows its modes")
        modes = 0 if target.modes is None else len(target.modes)
        if self.samples < modes:
            raise UserError(
                f"mode-coverage: {self.samples} samples cannot cover {modes} modes: ask for {30 * modes} or more"
            )

    def measure(self, look: Look) -> dict[str, float]:
        """Look at samples of the model; no held-out data are needed."""
        self.suits(look.target)
        self.reset()
        self.update(look.fake(self.samples), look.target)
        return self.compute()

    def update(self, x: Tensor, target: Target) -> None:
        """Count samples of the model, (n, *shape), by the mode of the target that is theirs."""
        if target.mode_scale is None:
            raise UserError(f"mode-coverage: {type(target).__name__} has no modes; take a target that knows its modes")
        x = x.detach().double().cpu().nan_to_num(nan=math.inf)  # what is not finite is near no mode
        distances = target.distance_to_modes(x)
        modes = distances.shape[1]
        weights = torch.ones(modes) if target.mode_weights is None else target.mode_weights
        self.shares = weights.double().cpu() / weights.double().sum().cpu()
        distance, nearest = distances.min(1)
        mode = torch.where(distance <= 3 * target.mode_scale, nearest, modes)
        counts = torch.bincount(mode, minlength=modes + 1).double()  # the last count is of samples near none
        self.counts = counts if len(self.counts) == 0 else self.counts + counts

    def compute(self) -> dict[str, float]:
        """The share of covered modes, their number, and the share of samples near a mode."""
        n = int(self.counts.sum())
        if n == 0:
            raise UserError("mode-coverage got no samples: it needs at least one")
        covered = self._covered(self.counts[None])
        spread = self._covered(resampled_counts(self.counts, "mode-coverage"))
        quality = float(self.counts[:-1].sum()) / n
        return {
            "value": float(covered) / len(self.shares),
            "standard_error": float(spread.std()) / len(self.shares),
            "n": n,
            "modes": int(covered),
            "quality": quality,
            "quality_standard_error": math.sqrt(quality * (1 - quality) / n),
        }

    def _covered(self, counts: Tensor) -> Tensor:
        near = counts[:, :-1]  # (repeats, modes)
        fair = counts.sum(1, keepdim=True) * self.shares
        return ((near >= fair / 3 * (1 - 1e-6)) & (near > 0)).sum(1).double()  # shares are known to a float's digits
