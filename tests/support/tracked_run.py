"""A run to be tracked twice: ten rounds, a kill, and a resumption from round 6."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from pushforward.roles.tracker import RunInfo, Tracker
from pushforward.trackers.csv import CsvTracker, read_metrics
from pushforward.trackers.together import Trackers

RECIPE = {"about": "a test", "seed": 0, "model": {"use": "gan", "penalties": [{"use": "r1", "weight": 0.1}]}}
NAMES = ["generator", "critic/real", "sliced-wasserstein"]


def folder_of(tmp_path: Path) -> Path:
    """A run's folder as a run makes it."""
    folder = tmp_path / "runs" / "rings-gan-1"
    folder.mkdir(parents=True)
    return folder


def values(round: int) -> dict[str, float]:
    """Numbers without a short decimal form; one of them only every fourth round."""
    found = {"generator": math.sin(round + 1) / 3, "critic/real": math.exp(-round) * 1e-9}
    return found | ({"sliced-wasserstein": math.sqrt(round + 2)} if round % 4 == 0 else {})


def drawn(tmp_path: Path, shade: int = 128) -> Path:
    """A small picture."""
    path = tmp_path / f"drawn-{shade}.png"
    Image.new("RGB", (4, 3), (shade, 0, 255)).save(path)
    return path


def play(trackers: Trackers, run: RunInfo, last: int, picture: Path) -> None:
    """Rounds after the one that is resumed from, as a run reports them."""
    trackers.open(run)
    for round in range(run.round + 2, last + 1, 2):
        trackers.numbers(round, values(round))
        if round % 4 == 0:
            trackers.picture(round, "sample-scatter", picture)


def killed_and_resumed(tracker: Callable[[], Tracker], tmp_path: Path) -> tuple[Path, list[str]]:
    """Ten rounds, the last checkpoint at 6, then on to 12: the folder, and the memory after each opening."""
    folder, picture = folder_of(tmp_path), drawn(tmp_path)
    name = type(tracker()).__name__.lower()
    first = Trackers([CsvTracker(), tracker()])
    play(first, RunInfo(folder, "rings-gan-1", RECIPE), 10, picture)
    first.close("failed", {})  # the trackers' own files are flushed; the run's rounds beyond 6 are lost
    memories = [first.memory.get(name, "")]

    again = Trackers([CsvTracker(), tracker()])
    play(again, RunInfo(folder, "rings-gan-1", RECIPE, round=6, memory=dict(first.memory)), 12, picture)
    again.close("completed", {"measures": {"sliced-wasserstein": {"value": 1.5}}})
    memories.append(again.memory.get(name, ""))
    return folder, memories


def expected(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What metrics.csv says; it has every round once."""
    kept = read_metrics(folder / "metrics.csv")
    assert kept["generator"] == [(round, values(round)["generator"]) for round in range(2, 13, 2)]
    assert sorted(kept) == sorted(NAMES)
    return kept
