"""One tracker's failure is said once and never ends a run; a full disk does end it."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from pushforward.problem import RunFailed, UserError
from pushforward.roles.tracker import RunInfo, Tracker
from pushforward.trackers.together import Trackers


class Listening(Tracker):
    def __init__(self) -> None:
        self.heard: list[object] = []

    def open(self, run: RunInfo) -> None:
        run.memory["listening"] = "id"

    def numbers(self, round: int, values: dict[str, float]) -> None:
        self.heard.append(round)

    def picture(self, round: int, name: str, path: Path) -> None:
        self.heard.append(name)

    def close(self, status: str, results: dict) -> None:
        self.heard.append(status)


class Failing(Listening):
    error: Exception = ConnectionError("the server\nhung up")

    def numbers(self, round: int, values: dict[str, float]) -> None:
        super().numbers(round, values)
        raise self.error


class Full(Failing):
    error = RunFailed("metrics.csv: cannot write")


class Closed(Listening):
    def open(self, run: RunInfo) -> None:
        raise ConnectionError("nobody there")


def test_a_failing_tracker_is_reported_once_and_left_out(tmp_path: Path) -> None:
    failing, listening = Failing(), Listening()
    trackers = Trackers([failing, listening])
    trackers.open(RunInfo(tmp_path, "run", {}))
    with pytest.warns(RuntimeWarning, match="Failing failed at round 1 and is left out from here on: the server$"):
        trackers.numbers(1, {"a": 1.0})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trackers.numbers(2, {"a": 1.0})
        trackers.picture(2, "grid", tmp_path)
        trackers.close("completed", {})
    assert failing.heard == [1]
    assert listening.heard == [1, 2, "grid", "completed"]


def test_a_full_disk_ends_the_run(tmp_path: Path) -> None:
    trackers = Trackers([Full()])
    trackers.open(RunInfo(tmp_path, "run", {}))
    with pytest.raises(RunFailed, match="cannot write"):
        trackers.numbers(1, {"a": 1.0})


def test_memories_of_all_trackers_are_kept_in_one_place(tmp_path: Path) -> None:
    trackers = Trackers([Listening()])
    trackers.open(RunInfo(tmp_path, "run", {}, memory={"other": "kept"}))
    assert trackers.memory == {"other": "kept", "listening": "id"}


def test_a_tracker_that_cannot_start_is_a_sentence_and_closes_the_others(tmp_path: Path) -> None:
    listening = Listening()
    with pytest.raises(UserError, match="the tracker Closed cannot start: nobody there"):
        Trackers([listening, Closed()]).open(RunInfo(tmp_path, "run", {}))
    assert listening.heard == ["failed"]
