"""Pictures are kept by name and round, and forgotten with their rounds."""

from __future__ import annotations

from pathlib import Path

import pytest
from tracked_run import drawn

from pushforward.problem import RunFailed
from pushforward.roles.tracker import RunInfo
from pushforward.trackers.png import PngTracker, picture_path


def opened(folder: Path, round: int = 0) -> PngTracker:
    tracker = PngTracker()
    tracker.open(RunInfo(folder, "run", {}, round=round))
    return tracker


def test_a_picture_is_copied_under_its_name_and_round(tmp_path: Path) -> None:
    source = drawn(tmp_path)
    opened(tmp_path).picture(200, "field/critic", source)
    assert [path.name for path in (tmp_path / "images").iterdir()] == ["field-critic-00000200.png"]
    assert picture_path(tmp_path, "field/critic", 200).read_bytes() == source.read_bytes()


def test_a_picture_drawn_in_place_stays(tmp_path: Path) -> None:
    tracker = opened(tmp_path)
    kept = picture_path(tmp_path, "grid", 7)
    drawn(tmp_path).rename(kept)
    before = kept.read_bytes()
    tracker.picture(7, "grid", kept)
    assert kept.read_bytes() == before


def test_resuming_deletes_the_pictures_beyond_the_round_and_nothing_else(tmp_path: Path) -> None:
    tracker = opened(tmp_path)
    for round in (100, 200, 300):
        tracker.picture(round, "grid", drawn(tmp_path))
    (tmp_path / "images" / "mine.png").write_bytes(b"")
    opened(tmp_path, round=200)
    names = sorted(path.name for path in (tmp_path / "images").iterdir())
    assert names == ["grid-00000100.png", "grid-00000200.png", "mine.png"]


def test_a_picture_that_cannot_be_written_fails_the_run_with_a_sentence(tmp_path: Path) -> None:
    tracker = opened(tmp_path)
    (tmp_path / "images").rmdir()
    with pytest.raises(RunFailed, match=r"grid-00000001\.png: cannot write"):
        tracker.picture(1, "grid", drawn(tmp_path))
