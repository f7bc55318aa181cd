"""A tracker writes a run's numbers and pictures somewhere: same numbers, same names, x is the round."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class RunInfo:
    """What a tracker is told when it opens.

    Args:
        folder: the run's folder, where a tracker may keep its own files.
        name: the run's name, such as ``"rings-gan-3"``.
        recipe: the resolved recipe, as plain data.
        round: the round that is resumed from; 0 for a new run. What was written beyond it is to be forgotten.
        memory: what a tracker keeps between a run and its resumption, such as a run id: strings by tracker.
    """

    folder: Path
    name: str
    recipe: dict[str, Any]
    round: int = 0
    memory: dict[str, str] = field(default_factory=dict)


class Tracker(abc.ABC):
    """Abstract: somewhere to write to."""

    @abc.abstractmethod
    def open(self, run: RunInfo) -> None:
        """Begin, or go on where `run.round` is above 0."""

    @abc.abstractmethod
    def numbers(self, round: int, values: dict[str, float]) -> None:
        """Numbers of one report, by name."""

    def picture(self, round: int, name: str, path: Path) -> None:
        """A PNG file of one report."""

    def close(self, status: str, results: dict[str, Any]) -> None:
        """The end: `status` is completed, stopped or failed."""
