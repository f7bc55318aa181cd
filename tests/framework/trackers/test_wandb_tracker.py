"""What W&B wrote offline is metrics.csv, bit for bit, and a resumed run is one run."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest
from tracked_run import RECIPE, drawn, expected, folder_of, killed_and_resumed, play, values

from pushforward.problem import UserError
from pushforward.roles.tracker import RunInfo
from pushforward.trackers.csv import CsvTracker
from pushforward.trackers.png import PngTracker
from pushforward.trackers.together import Trackers
from pushforward.trackers.wandb import Wandb, _automatic
from pushforward.trackers.wandb_file import history


def test_without_a_key_a_resumed_run_is_offline_and_holds_metrics_csv_exactly_and_once(tmp_path: Path) -> None:
    wandb = pytest.importorskip("wandb")
    try:
        folder, (first, again) = killed_and_resumed(Wandb, tmp_path)
    finally:
        wandb.teardown()  # ends the service process that W&B keeps
    assert first == again

    files = sorted((folder / "wandb").glob("offline-run-*/*.wandb"))
    assert [path.name for path in files] == [f"run-{first}.wandb"] * 2
    rows = [row for path in files for row in history(path)]
    assert [row["round"] for row in rows] == [row["_step"] for row in rows] == [2, 4, 6, 8, 10, 12]
    kept = expected(folder)
    assert {name: [(row["round"], row[name]) for row in rows if name in row] for name in kept} == kept
    assert [row["round"] for row in rows if "sample-scatter" in row] == [4, 8, 12]


def test_rounds_that_a_kill_lost_are_logged_again_from_the_run_folder(tmp_path: Path) -> None:
    wandb = pytest.importorskip("wandb")
    folder = folder_of(tmp_path)
    kept = Trackers([CsvTracker(), PngTracker()])
    play(kept, RunInfo(folder, "rings-gan-1", RECIPE), 10, drawn(tmp_path))  # of this W&B got nothing
    tracker = Wandb(mode="offline")
    tracker.open(RunInfo(folder, "rings-gan-1", RECIPE, round=6, memory={"wandb": "abc123"}))
    tracker.numbers(8, values(8) | {"nan": math.nan})
    tracker.close("completed", {})
    wandb.teardown()
    (file,) = (folder / "wandb").glob("offline-run-*/run-abc123.wandb")
    rows = list(history(file))
    assert [row["_step"] for row in rows] == [2, 4, 6, 8]
    assert [[row[name] for name in values(row["round"])] for row in rows] == [
        list(values(round).values()) for round in (2, 4, 6, 8)
    ]
    assert [row["round"] for row in rows if "sample-scatter" in row] == [4]


def test_a_truncated_file_reads_back_as_far_as_it_is_whole(tmp_path: Path) -> None:
    proto = pytest.importorskip("wandb.proto.wandb_internal_pb2")
    data = bytearray(b":W&B\xe1\xbe\x00")
    for round, name in enumerate(["a", "b" * 40000, "c"]):  # the second record crosses a block
        record = proto.Record(history=proto.HistoryRecord(item=[proto.HistoryItem(key=name, value_json=str(round))]))
        _append(data, record.SerializeToString())
    path = tmp_path / "run.wandb"
    path.write_bytes(data)
    assert list(history(path)) == [{"a": 0}, {"b" * 40000: 1}, {"c": 2}]
    path.write_bytes(data[:-1])
    assert list(history(path)) == [{"a": 0}, {"b" * 40000: 1}]
    path.write_bytes(b"")
    assert list(history(path)) == []


def _append(data: bytearray, record: bytes) -> None:
    first = True
    while True:
        room = 32768 - len(data) % 32768 - 7
        piece, record = record[:room], record[room:]
        kind = 1 if first and not record else 2 if first else 3 if record else 4
        data += bytes(4) + len(piece).to_bytes(2, "little") + bytes([kind]) + piece
        first = False
        if not record:
            return


@pytest.mark.parametrize(
    ("variable", "value", "mode"),
    [("WANDB_API_KEY", "k" * 40, "online"), ("WANDB_MODE", "disabled", "disabled"), ("WANDB_NOTES", "none", "offline")],
)
def test_auto_is_online_only_with_a_key_unless_the_environment_says_so(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, mode: str
) -> None:
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv(variable, value)
    assert _automatic(wandb) == mode


def test_auto_is_online_where_netrc_has_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = pytest.importorskip("wandb")
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine api.wandb.ai login user password {'k' * 40}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert _automatic(wandb) == "online"


def test_a_missing_package_names_the_command_that_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UserError, match=r'pip install "pushforward\[wandb\]"'):
        Wandb().open(RunInfo(tmp_path, "run", {}))
