"""Where a game has been: how strong its field was in every round, and for a game of a few numbers the orbit itself."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pushforward.linear import Point

SMALL = 16  # numbers of a game whose orbit is kept
LIMIT = 2048  # rounds kept; beyond, every other one is dropped and from then on left out


class Trace:
    """The orbit of a run, evenly thinned as it gets long.

    Args:
        live: the players' parameters.
    """

    def __init__(self, live: Point) -> None:
        self.small = 0 < sum(p.numel() for p in live.values()) <= SMALL
        self.live = live if self.small else {}
        self.every = 1
        self._rounds: list[int] = []
        self._norms: list[float] = []
        self._points: list[Tensor] = []
        self.start = self._now() if self.small else None  # the players' numbers before the first round, (N,)

    def note(self, round: int, norm: float) -> None:
        """After a round: the norm of the joint field that was followed, and where the players are now."""
        if round % self.every:
            return
        self._rounds.append(round)
        self._norms.append(norm)
        if self.small:
            self._points.append(self._now())
        if len(self._rounds) >= LIMIT:
            self.every *= 2
            kept = [i for i, number in enumerate(self._rounds) if number % self.every == 0]
            self._rounds, self._norms = [self._rounds[i] for i in kept], [self._norms[i] for i in kept]
            self._points = [self._points[i] for i in kept] if self.small else []

    @property
    def rounds(self) -> Tensor:
        """Which rounds are kept, (T,)."""
        return torch.tensor(self._rounds, dtype=torch.float64)

    @property
    def norms(self) -> Tensor:
        """The norm of the joint field in each of them, (T,)."""
        return torch.tensor(self._norms, dtype=torch.float64)

    @property
    def points(self) -> Tensor | None:
        """The players' numbers after each of them, (T, N); None for larger games."""
        return torch.stack(self._points) if self._points else None

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        points = self.points
        kept = {"points": points} if points is not None else {}
        kept |= {"start": self.start} if self.start is not None else {}
        return {"every": self.every, "rounds": self.rounds, "norms": self.norms, **kept}

    def restore(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        self.every = int(saved["every"])
        self._rounds = [int(number) for number in saved["rounds"]]
        self._norms = saved["norms"].tolist()
        self._points = list(saved["points"]) if "points" in saved else []
        self.start = saved.get("start", self.start)

    def _now(self) -> Tensor:
        return torch.cat([p.detach().reshape(-1).double().cpu() for p in self.live.values()])
