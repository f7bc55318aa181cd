"""The book of a run's costs and gradient norms: sums between reports, and the guard against non-finite numbers."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from pushforward.problem import RunFailed


class NonFinite(RunFailed):
    """A cost, a gradient or a sample that is not finite: the run stops and says where."""


class Ledger:
    """Keeps every term of every player's cost and its gradient's norm, averaged over the rounds since the report.

    Names are ``cost/<player>/<term>`` and ``gradient-norm/<player>``. Numbers stay where they are computed; one
    number a round is looked at, to see that all are finite.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.sums: Tensor | None = None
        self.count = 0
        self._round: list[Tensor] = []
        self._round_names: list[str] = []

    def note(self, player: str, terms: dict[str, Tensor], norm: Tensor) -> None:
        """After a player's move."""
        for term, value in terms.items():
            self._round_names.append(f"cost/{player}/{term}")
            self._round.append(value)
        self._round_names.append(f"gradient-norm/{player}")
        self._round.append(norm)

    def close_round(self, round: int) -> None:
        """After a round: add it up.

        Raises:
            NonFinite: naming round, player and term.
        """
        if not self._round:
            return
        values = torch.stack([v.float() for v in self._round])
        if not math.isfinite(values.sum(dtype=torch.float64).item()):
            self._refuse(round, values)
        if self._round_names != self.names:
            self.names, self.sums, self.count = (
                list(self._round_names),
                torch.zeros_like(values, dtype=torch.float64),
                0,
            )
        assert self.sums is not None
        self.sums += values
        self.count += 1
        self._round, self._round_names = [], []

    def report(self, reduce: Any = None) -> dict[str, float]:
        """Means since the last report, by name; the book is opened anew."""
        if self.sums is None or not self.count:
            return {}
        means = self.sums / self.count
        if reduce is not None:
            (means,) = reduce([means])
        gathered: dict[str, list[float]] = {}
        for name, value in zip(self.names, means.tolist(), strict=True):
            gathered.setdefault(name, []).append(value)
        self.sums, self.count = torch.zeros_like(self.sums), 0
        return {name: sum(values) / len(values) for name, values in gathered.items()}

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"names": list(self.names), "sums": self.sums, "count": self.count}

    def restore(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        self.names, self.sums, self.count = list(saved["names"]), saved["sums"], saved["count"]

    def _refuse(self, round: int, values: Tensor) -> None:
        for name, value in zip(self._round_names, values.tolist(), strict=True):
            if not math.isfinite(value):
                _, player, *term = name.split("/")
                subject = f"cost term {term[0]!r}" if term else "gradient"
                raise NonFinite(f"round {round}: {subject} of player {player!r} is {value}")
