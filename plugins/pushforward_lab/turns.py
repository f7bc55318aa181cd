"""How much nearer to its equilibrium a game comes in one turn around it, read off the orbit that was played."""

from __future__ import annotations

import cmath
import math
from typing import Any

import torch
from torch import Tensor

from pushforward import Look, Measure, UserError

ROUNDING = 1e-10  # a distance below this share of the largest one says nothing


class TurnContraction(Measure):
    r"""The factor by which the distance from the equilibrium shrinks while play turns around it once.

    .. math:: |\lambda|^{2\pi / \arg\lambda}

    lambda is the leading eigenvalue of the linear map from one round's displacement to the next one's, fitted to the
    later half of the orbit: it is measured, to stand beside the rates that are known. `rounds` is how many rounds a
    turn takes, and `n` from how many rounds it was fitted. Where play does not turn both are 0.

    Raises:
        UserError: if there is no orbit, or the game knows no equilibrium.
    """

    better = None

    def __init__(self) -> None:
        super().__init__(sync_on_compute=False)
        self._found: dict[str, float] = {}

    def measure(self, look: Look) -> dict[str, float]:
        """Fit the orbit so far."""
        self.reset()
        points = look.play.trace.points if look.play is not None else None
        if look.play is None or points is None:
            raise UserError("turn-contraction: there is no orbit of a game of a few numbers; remove the measure")
        known: Any = look.game.equilibrium()
        if known is None:
            raise UserError(f"turn-contraction: {type(look.game).__name__} has no known equilibrium at these arguments")
        middle = torch.cat([known[key].detach().reshape(-1).double().cpu() for key in look.play.field.live])
        self.update(points - middle, look.play.trace.every)
        return self.compute()

    def update(self, displacements: Tensor, every: int = 1) -> None:
        """Take in an orbit about the equilibrium, (T, N), with every so many rounds kept; a later one replaces it."""
        away = displacements.norm(dim=1)
        later = displacements[len(away) // 2 :][away[len(away) // 2 :] > ROUNDING * away.max()]
        pairs = len(later) - 1
        if pairs < 2 * displacements.shape[1]:
            self._found = {"value": 0.0, "rounds": 0.0, "n": max(pairs, 0)}
            return
        size = later[:-1].norm(dim=1, keepdim=True)  # every round counts as much as any other
        fitted = torch.linalg.lstsq(later[:-1] / size, later[1:] / size).solution.T
        leading = max(torch.linalg.eigvals(fitted).tolist(), key=abs)
        angle = abs(cmath.phase(leading))
        turns = 0 < angle < math.pi  # one that jumps from side to side does not turn
        rounds = 2 * math.pi / angle if turns else 0.0
        self._found = {"value": abs(leading) ** rounds if turns else 0.0, "rounds": rounds * every, "n": pairs}

    def compute(self) -> dict[str, float]:
        """The factor and the rounds of a turn."""
        if not self._found:
            raise UserError("turn-contraction has seen no orbit yet: call measure or update first")
        return dict(self._found)
