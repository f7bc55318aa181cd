"""MLflow's own client finds metrics.csv, bit for bit, in the local store."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tracked_run import expected, folder_of, killed_and_resumed

from pushforward.problem import UserError
from pushforward.roles.tracker import RunInfo
from pushforward.trackers.mlflow import MLflow


def client_of(folder: Path):
    tracking = pytest.importorskip("mlflow.tracking")
    pytest.importorskip("sqlalchemy")
    return tracking.MlflowClient(tracking_uri=f"sqlite:///{folder.parent / 'mlflow.db'}")


def test_a_resumed_run_holds_metrics_csv_exactly_and_once(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    folder, (first, again) = killed_and_resumed(MLflow, tmp_path)
    assert first == again

    client = client_of(folder)
    experiment = client.get_experiment_by_name("pushforward").experiment_id
    (run,) = client.search_runs([experiment])
    found = {
        name: sorted((metric.step, metric.value) for metric in client.get_metric_history(run.info.run_id, name))
        for name in run.data.metrics
    }
    assert found == expected(folder)
    assert (run.info.run_id, run.info.run_name, run.info.status) == (first, "rings-gan-1", "FINISHED")
    assert run.data.params["model.penalties.0.weight"] == "0.1"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["drawn-128.png", "home", "runs"]
    assert sorted(path.name for path in folder.parent.iterdir()) == ["mlflow-artifacts", "mlflow.db", "rings-gan-1"]


def test_names_that_mlflow_refuses_are_written_in_its_alphabet_and_stay_apart(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    folder, tracker = folder_of(tmp_path), MLflow()
    info = RunInfo(folder, "run", {})
    tracker.open(info)
    tracker.numbers(1, {"recall@10": 1.0, "recall#10": 2.0, "/a//b": 3.0, "../c": 4.0, "kept: as-it_is/1.5": 5.0})
    metrics = client_of(folder).get_run(info.memory["mlflow"]).data.metrics
    assert metrics == {"recall_10": 1.0, "recall_10_": 2.0, "a/b": 3.0, "c": 4.0, "kept: as-it_is/1.5": 5.0}


def test_a_remembered_run_that_the_store_lost_begins_anew(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    info = RunInfo(folder_of(tmp_path), "run", {}, round=3, memory={"mlflow": "0" * 32})
    MLflow().open(info)
    assert info.memory["mlflow"] != "0" * 32


@pytest.mark.parametrize("package", ["mlflow.tracking", "sqlalchemy"])
def test_a_missing_package_names_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=r'pip install "pushforward\[mlflow\]"'):
        MLflow().open(RunInfo(folder_of(tmp_path), "run", {}))
