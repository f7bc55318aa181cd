"""TensorBoard's own reader finds metrics.csv, in single precision, in the event files."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy
import pytest
from tracked_run import expected, killed_and_resumed

from pushforward.problem import UserError
from pushforward.roles.tracker import RunInfo
from pushforward.trackers.tensorboard import TensorBoard


def test_a_resumed_run_holds_metrics_csv_to_the_last_single_bit_and_once(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    folder, _ = killed_and_resumed(TensorBoard, tmp_path)
    events = accumulator.EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    found = {
        name: [(event.step, numpy.float32(event.value)) for event in events.Scalars(name)]
        for name in events.Tags()["scalars"]
    }
    assert found == {
        name: [(round, numpy.float32(value)) for round, value in kept] for name, kept in expected(folder).items()
    }
    assert [image.step for image in events.Images("sample-scatter")] == [4, 8, 12]
    assert len(list((folder / "tensorboard").iterdir())) == 2


def test_a_missing_package_names_the_command_that_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard.writer", None)
    with pytest.raises(UserError, match=r'pip install "pushforward\[tensorboard\]"'):
        TensorBoard().open(RunInfo(tmp_path, "run", {}))
