"""MLflow: how a run's numbers and pictures go into an MLflow store, a local one without any server."""

from __future__ import annotations

import logging
import os
import re
import time
from pathlib import Path
from typing import Any

from pushforward.problem import UserError
from pushforward.roles.tracker import RunInfo, Tracker

_STATES = {"completed": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}
_LONGEST = 500  # characters of a parameter's value that every MLflow server takes


class MLflow(Tracker):
    """Log to an MLflow store: by default an SQLite file next to the run's folder, without a server.

    Look at it with ``mlflow ui --backend-store-uri sqlite:///runs/mlflow.db``, a command of the whole package
    `mlflow`. The step is the round; the recipe is logged as parameters, pictures as artifacts under `images/`. A
    resumed run continues the same MLflow run, and rounds that the store already has are not logged twice.

    Names keep letters, digits and ``_ - . : /`` and spaces; MLflow refuses every other character, and it is written
    as `_` (with a further `_` at the end where two names would become one). MLflow has no infinity: it stores the
    largest finite number instead.

    Args:
        uri: a tracking URI, such as ``http://localhost:5000`` or ``sqlite:///my.db``. None means `mlflow.db` beside
            the run's folder, its artifacts in `mlflow-artifacts/` there, and MLflow's telemetry off.
        experiment: the name of the MLflow experiment, made where it does not exist.

    Raises:
        UserError: if `mlflow-skinny` (or `mlflow`), `sqlalchemy` or `alembic` is not installed.
    """

    def __init__(self, uri: str | None = None, experiment: str = "pushforward") -> None:
        self.uri, self.experiment = uri, experiment

    def open(self, run: RunInfo) -> None:
        """Begin an MLflow run, or go on with the one that is remembered."""
        runs = run.folder.resolve().parent
        try:
            self._client = self._connect(runs)
            experiment = self._experiment_id(runs)
        except ImportError as error:
            raise UserError(
                f'the tracker mlflow needs a package that is missing ({error.name}): pip install "pushforward[mlflow]"'
            ) from error
        self._names: dict[str, str] = {}
        self._logged: dict[str, int] = {}
        self._id = run.memory.get("mlflow", "")
        if not self._go_on():
            self._id = self._client.create_run(experiment, run_name=run.name).info.run_id
            self._describe(run.recipe)
        run.memory["mlflow"] = self._id

    def numbers(self, round: int, values: dict[str, float]) -> None:
        """All numbers in one batch, but those that the store has already."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        named = {self._name(name): float(value) for name, value in values.items()}
        metrics = [Metric(name, value, now, round) for name, value in named.items() if round > self._known(name)]
        if metrics:
            self._client.log_batch(self._id, metrics=metrics)

    def picture(self, round: int, name: str, path: Path) -> None:
        """An artifact named as in the run's own folder."""
        self._client.log_artifact(self._id, str(path), "images")

    def close(self, status: str, results: dict[str, Any]) -> None:
        """Log results.json and end the run."""
        if results:
            self._client.log_dict(self._id, results, "results.json")
        self._client.set_terminated(self._id, _STATES.get(status, "FINISHED"))

    def _connect(self, runs: Path) -> Any:
        if self.uri is None:
            os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
            logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)  # it announces every new table
            import sqlalchemy  # noqa: F401  (mlflow-skinny leaves it and alembic out)
        from mlflow.tracking import MlflowClient

        return MlflowClient(tracking_uri=self.uri or f"sqlite:///{(runs / 'mlflow.db').as_posix()}")

    def _experiment_id(self, runs: Path) -> str:
        known = self._client.get_experiment_by_name(self.experiment)
        if known is not None:
            return str(known.experiment_id)
        place = (runs / "mlflow-artifacts").as_uri() if self.uri is None else None
        return str(self._client.create_experiment(self.experiment, artifact_location=place))

    def _go_on(self) -> bool:
        """Whether the remembered run is still there; then it runs again."""
        from mlflow.exceptions import MlflowException

        if not self._id:
            return False
        try:
            names = self._client.get_run(self._id).data.metrics
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return False
        for name in names:
            self._logged[name] = max(metric.step for metric in self._client.get_metric_history(self._id, name))
        self._client.update_run(self._id, status="RUNNING")
        return True

    def _known(self, name: str) -> int:
        return self._logged.get(name, -1)

    def _describe(self, recipe: dict[str, Any]) -> None:
        from mlflow.entities import Param

        parameters = [Param(_accepted(path), value[:_LONGEST]) for path, value in _leaves(recipe).items()]
        for first in range(0, len(parameters), 100):  # what MLflow takes at a time
            self._client.log_batch(self._id, params=parameters[first : first + 100])

    def _name(self, name: str) -> str:
        if name not in self._names:
            accepted = _accepted(name)
            while accepted in self._names.values():
                accepted += "_"
            self._names[name] = accepted
        return self._names[name]


def _accepted(name: str) -> str:
    """The name as MLflow takes it: its own alphabet, and no path that would resolve to another one."""
    parts = [part for part in re.sub(r"[^\w\-. :/]", "_", name).split("/") if part not in ("", ".", "..")]
    return "/".join(parts) or "_"


def _leaves(value: Any, path: str = "") -> dict[str, str]:
    """`model.generator.width: "128"`: nested mappings and lists by dotted path."""
    if isinstance(value, dict):
        children = [(str(key), child) for key, child in value.items()]
    elif isinstance(value, list) and any(isinstance(child, dict | list) for child in value):
        children = [(str(index), child) for index, child in enumerate(value)]
    else:
        return {path: str(value)}
    found: dict[str, str] = {}
    for key, child in children:
        found |= _leaves(child, f"{path}.{key}" if path else key)
    return found
