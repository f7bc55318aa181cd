"""What training has spent: evaluations of U and of its gradient, counted apart."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from pushforward import Look, Measure, UserError


class Spent(nn.Module):
    """A count of evaluations that is kept in checkpoints; it stays where the weights of an earlier round come back."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("counts", torch.zeros(2, dtype=torch.float64))

    def add(self, seen: dict[str, Tensor]) -> None:
        """Add what a move has cost, from what was observed with its cost."""
        self.counts += torch.stack([seen["~evaluations"], seen["~gradients"]]).to(self.counts)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        saved = state_dict.get(key := f"{prefix}counts")
        if saved is not None:
            state_dict[key] = torch.maximum(saved, self.counts.to(saved))
        super()._load_from_state_dict(state_dict, prefix, *rest)

    @property
    def evaluations(self) -> int:
        """Of U."""
        return int(self.counts[0])

    @property
    def gradients(self) -> int:
        """Of its gradient."""
        return int(self.counts[1])


class TrainingEvaluations(Measure):
    """How often training has evaluated U, and its gradient.

    The `value` counts U, `gradients` its gradient, at one point each: what an estimate has cost before it began. They
    are counted, not estimated, so that the standard error is 0.

    Raises:
        UserError: when looking at a model that does not count.
    """

    better = None

    def __init__(self) -> None:
        super().__init__(sync_on_compute=False)
        self._spent: Spent | None = None

    def measure(self, look: Look) -> dict[str, float]:
        """Read the counts."""
        self.update(getattr(look.game, "spent", None))
        return self.compute()

    def update(self, spent: Spent | None) -> None:
        """Take in what counts."""
        self._spent = spent

    def compute(self) -> dict[str, float]:
        """The counts."""
        if not isinstance(self._spent, Spent):
            raise UserError("training-evaluations: this model does not count them; it is for neis")
        return {
            "value": float(self._spent.evaluations),
            "gradients": float(self._spent.gradients),
            "standard_error": 0.0,
        }
