"""How far a matched velocity is from the paths of data it has not seen: the loss whose floor may be known."""

from __future__ import annotations

import math

import torch

from pushforward import Look, Measure, UserError
from pushforward_flow.matching import FlowMatching


class MatchingError(Measure):
    r"""The cost of flow matching on held-out data, a coordinate.

    .. math:: \mathbb{E}\, |b(t, x_t) - u_t(z, x)|^2 / D

    Its least value is no zero but the mean variance of u given x_t: from N(0, 1) to N(m, s^2), in independent pairs on
    straight paths, s pi / 2. A velocity is learned when it is there, not when the cost has stopped falling.

    Reference: Lipman, Chen, Ben-Hamu, Nickel, Le, "Flow Matching for Generative Modeling", 2022, arXiv:2210.02747.

    Args:
        samples: at most how many held-out rows.
        batch: rows that are paired with noise together, where the coupling is not independent.

    Raises:
        UserError: if a number is below 2, or, when looking, if the model is no flow-matching.
    """

    better = "lower"

    def __init__(self, samples: int = 10_000, batch: int = 256) -> None:
        super().__init__(sync_on_compute=False)
        if min(samples, batch) < 2:
            raise UserError(f"matching-error: samples is {samples}, batch {batch}: expected at least 2")
        self.samples, self.batch = samples, batch
        self._found: dict[str, float] = {}

    @torch.no_grad()
    def measure(self, look: Look) -> dict[str, float]:
        """Look at the held-out rows of the split, each at one time of one path."""
        game = look.game
        if not isinstance(game, FlowMatching):
            raise UserError(f"matching-error: the model is {type(game).__name__}: expected flow-matching")
        rows = look.real(self.samples)
        errors = []
        for first in range(0, len(rows.x), self.batch):
            own = slice(first, first + self.batch)
            x, labels = rows.x[own].to(look.device), None if rows.labels is None else rows.labels[own].to(look.device)
            draw = look.draw(f"matching-error-{first}", len(x))
            errors.append(game.errors(draw.with_data(x, labels)).double().cpu())
        found = torch.cat(errors)
        error = float(found.std()) / math.sqrt(len(found))
        self._found = {"value": float(found.mean()), "standard_error": error, "n": len(found)}
        return self._found

    def compute(self) -> dict[str, float]:
        """The last look."""
        return self._found
