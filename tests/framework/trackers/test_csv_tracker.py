"""metrics.csv is exact, valid at every moment, and forgets what a resumption forgets."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pushforward.problem import RunFailed
from pushforward.roles.tracker import RunInfo
from pushforward.trackers.csv import CsvTracker, read_metrics


def opened(folder: Path, round: int = 0) -> CsvTracker:
    tracker = CsvTracker()
    tracker.open(RunInfo(folder, "run", {}, round=round))
    return tracker


def test_every_float_reads_back_to_the_last_bit(tmp_path: Path) -> None:
    numbers = [0.1 + 0.2, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, math.inf, -math.inf, math.nan]
    tracker = opened(tmp_path)
    for round, number in enumerate(numbers):
        tracker.numbers(round, {"x": number})
    kept = read_metrics(tmp_path / "metrics.csv")["x"]
    assert [repr(value) for _, value in kept] == [repr(number) for number in numbers]


def test_columns_stand_in_the_order_of_first_appearance(tmp_path: Path) -> None:
    tracker = opened(tmp_path)
    tracker.numbers(10, {"b": 1.0, "a": 2.0})
    tracker.numbers(20, {"a": 3.0, 'odd, "name"': 4.0})
    tracker.numbers(30, {"b": 5.0})
    lines = (tmp_path / "metrics.csv").read_text().splitlines()
    assert lines == ['round,b,a,"odd, ""name"""', "10,1.0,2.0,", "20,,3.0,4.0", "30,5.0,,"]


def test_two_reports_of_one_round_are_one_row(tmp_path: Path) -> None:
    tracker = opened(tmp_path)
    tracker.numbers(10, {"a": 1.0})
    tracker.numbers(10, {"b": 2.0})
    assert (tmp_path / "metrics.csv").read_text() == "round,a,b\n10,1.0,2.0\n"


def test_resuming_drops_the_rows_beyond_the_round_and_half_a_row(tmp_path: Path) -> None:
    tracker = opened(tmp_path)
    for round in (2, 4, 6):
        tracker.numbers(round, {"a": round / 7})
    with (tmp_path / "metrics.csv").open("a") as file:
        file.write("8,0.")
    resumed = opened(tmp_path, round=4)
    resumed.numbers(6, {"a": 9.0})
    assert read_metrics(tmp_path / "metrics.csv") == {"a": [(2, 2 / 7), (4, 4 / 7), (6, 9.0)]}


def test_a_new_run_begins_an_empty_table(tmp_path: Path) -> None:
    opened(tmp_path).numbers(2, {"a": 1.0})
    opened(tmp_path)
    assert (tmp_path / "metrics.csv").read_text() == "round\n"


def test_a_kill_leaves_a_valid_table_with_every_finished_report(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from pushforward.roles.tracker import RunInfo
from pushforward.trackers.csv import CsvTracker
tracker = CsvTracker()
tracker.open(RunInfo(Path(sys.argv[1]), "run", {}))
for round in range(1, 10**9):
    tracker.numbers(round, {"a": round / 3, f"late-{min(round // 50, 5)}": 1.0})
    print(round, flush=True)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    reported = 0
    for line in process.stdout:
        reported = int(line)
        if reported == 400:
            os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = read_metrics(tmp_path / "metrics.csv")["a"]
    assert len(kept) - reported in (0, 1)
    assert kept == [(round, round / 3) for round in range(1, len(kept) + 1)]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    tracker = opened(tmp_path)
    tracker.numbers(1, {"a": 1.0})
    tracker.path = Path("/dev/full")
    with pytest.raises(RunFailed, match=r"cannot write \(No space left on device\)"):
        tracker.numbers(2, {"a": 1.0})


def test_a_full_disk_keeps_the_rows_before(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    tracker = opened(tmp_path)
    tracker.numbers(1, {"a": 1.0})
    before = (tmp_path / "metrics.csv").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 3, hard))  # room for three bytes of the next row
    try:
        with pytest.raises(RunFailed, match="cannot write"):
            tracker.numbers(2, {"a": 1 / 3})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / "metrics.csv").read_bytes() == before


def test_a_folder_that_is_gone_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=r"metrics\.csv: cannot write"):
        opened(tmp_path / "gone")
