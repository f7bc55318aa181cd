"""The book of a run's costs and gradient norms: sums between reports, and the guard against non-finite numbers."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from pushforward.game import OBSERVED
from pushforward.problem import RunFailed


class NonFinite(RunFailed):
    """A cost, a gradient or a sample that is not finite: the run stops and says where."""


class Ledger:
    """Keeps every term of every player's cost and its gradient's norm, averaged over the rounds since the report.

    Names are ``cost/<player>/<term>``, ``seen/<player>/<name>`` and ``gradient-norm/<player>``. Numbers stay where
    they are computed; one number a round is looked at, to see that all are finite.
    """

    def __init__(self) -> None:
        self.totals: dict[str, list[float]] = {}  # name -> [sum, how often]
        self._names: list[str] = []
        self._values: list[Tensor] = []

    def note(self, player: str, terms: dict[str, Tensor], norm: Tensor) -> None:
        """After a player's move."""
        for term, value in terms.items():
            seen = term.startswith(OBSERVED)
            self._names.append(f"seen/{player}/{term.removeprefix(OBSERVED)}" if seen else f"cost/{player}/{term}")
            self._values.append(value)
        self._names.append(f"gradient-norm/{player}")
        self._values.append(norm)

    def close_round(self, round: int) -> float:
        """After a round: add it up; gives the norm of the joint field that was followed.

        Raises:
            NonFinite: naming round, player and term.
        """
        if not self._values:
            return 0.0
        square = 0.0
        kinds = {v.dtype for v in self._values}
        wide = torch.float64 if torch.float64 in kinds else torch.float32
        same = self._values if kinds == {wide} else [v.to(wide) for v in self._values]
        values = torch.stack(same).tolist()  # the one look at the device in a round
        names, self._names, self._values = self._names, [], []
        for name, value in zip(names, values, strict=True):
            if not math.isfinite(value):
                _refuse(round, name, value)
            total = self.totals.setdefault(name, [0.0, 0])
            total[0] += value
            total[1] += 1
            if name.startswith("gradient-norm/"):
                square += value * value
        return math.sqrt(square)

    def report(self) -> dict[str, float]:
        """Means since the last report, by name; the book is opened anew."""
        means = {name: total / count for name, (total, count) in self.totals.items()}
        self.totals = {}
        return means

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {name: list(total) for name, total in self.totals.items()}

    def restore(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        self.totals = {name: list(total) for name, total in saved.items()}


def _refuse(round: int, name: str, value: float) -> None:
    what, player, *term = name.split("/")
    subject = f"{'cost term' if what == 'cost' else 'observation'} {term[0]!r}" if term else "gradient"
    raise NonFinite(f"round {round}: {subject} of player {player!r} is {value}")
