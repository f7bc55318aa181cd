"""What a continuous flow costs: how often its velocity is asked for a sample and for a density."""

from __future__ import annotations

import math

import torch

from pushforward import Look, Measure, UserError
from pushforward_flow.continuous import ContinuousFlow


class SolverEvaluations(Measure):
    """How often the solver of a continuous flow asks its velocity.

    The `value` is the mean over samples, `most` that of the worst; `density` and `density_most` are the same for the
    log-density of held-out rows, all classes of a conditional one together. A velocity that is nearly straight needs
    few, one that has been trained too far, many.

    Args:
        samples: how many samples, and at most how many held-out rows.

    Raises:
        UserError: if that is below 2, or, when looking, if the model holds no continuous flow.
    """

    better = "lower"

    def __init__(self, samples: int = 500) -> None:
        super().__init__(sync_on_compute=False)
        if samples < 2:
            raise UserError(f"solver-evaluations: samples is {samples}: expected at least 2")
        self.samples = samples
        self._found: dict[str, float] = {}

    @torch.no_grad()
    def measure(self, look: Look) -> dict[str, float]:
        """Solve in both directions, and count."""
        flow = getattr(look.game, "flow", None)
        if not isinstance(flow, ContinuousFlow):
            raise UserError(f"solver-evaluations: {type(look.game).__name__} holds no continuous flow")
        look.game.sample(self.samples, look.draw("solver-evaluations", self.samples))
        there = flow.asked.double()
        x = look.real(self.samples).x.to(look.device)
        back = torch.zeros(len(x), dtype=torch.float64)
        for k in range(look.game.classes) if flow.conditional else (None,):
            look.game.log_density(x, k if k is None else torch.full((len(x),), k, device=x.device))
            back += flow.asked.double()
        self._found = {
            "value": float(there.mean()),
            "standard_error": float(there.std()) / math.sqrt(len(there)),
            "n": len(there),
            "most": float(there.max()),
            "density": float(back.mean()),
            "density_most": float(back.max()),
        }
        return self._found

    def compute(self) -> dict[str, float]:
        """The last look."""
        return self._found
