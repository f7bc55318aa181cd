"""Weights & Biases: how a run goes into W&B, offline by itself where there is no key, and continues when resumed."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any, Literal

from pushforward.problem import UserError
from pushforward.roles.tracker import RunInfo, Tracker
from pushforward.trackers.csv import read_metrics
from pushforward.trackers.png import read_pictures
from pushforward.trackers.wandb_file import history


class Wandb(Tracker):
    """Log to Weights & Biases, online or into files in the run's folder.

    The step is the round, and `round` is the x axis of every chart. A resumed run continues the same W&B run under
    the same id: rounds that W&B already has are not logged twice, and those that it lost when the run was killed are
    logged again from the run's folder. What was logged offline is in `wandb/` there;
    ``wandb sync runs/NAME/wandb/offline-run-*`` uploads it, all parts of a resumed run in order.

    Args:
        project: the W&B project.
        entity: the user or team; None means the account's default.
        tags: labels of the run; None means no labels.
        mode: `online`, `offline`, or `auto`: what the environment variable `WANDB_MODE` says, else online where an
            API key is found (`WANDB_API_KEY`, or what ``wandb login`` stored) and offline where none is.

    Raises:
        UserError: if the package `wandb` is not installed, or W&B cannot be reached online.
    """

    def __init__(
        self,
        project: str = "pushforward",
        entity: str | None = None,
        tags: list[str] | None = None,
        mode: Literal["auto", "online", "offline"] = "auto",
    ) -> None:
        self.project, self.entity, self.tags, self.mode = project, entity, tags, mode

    def open(self, run: RunInfo) -> None:
        """Begin a W&B run, or go on with the one that is remembered."""
        try:
            import wandb
        except ImportError as error:
            raise UserError(
                'the tracker wandb needs a package that is missing: pip install "pushforward[wandb]"'
            ) from error
        mode: Any = self.mode if self.mode != "auto" else _automatic(wandb)
        again = "wandb" in run.memory
        run.memory.setdefault("wandb", secrets.token_hex(6))
        try:
            self._run = wandb.init(
                project=self.project,
                entity=self.entity,
                tags=self.tags,
                name=run.name,
                config=run.recipe,
                dir=run.folder,
                id=run.memory["wandb"],
                resume="allow" if again and mode == "online" else None,
                mode=mode,
                reinit="create_new",  # two runs of one process are two runs
                settings=wandb.Settings(console="off", silent=mode == "offline"),
            )
        except wandb.Error as error:
            raise UserError(f"W&B cannot start: {error}; `mode: offline` logs into the run's folder") from error
        self._first = self._run.starting_step if again else 0
        if again and mode == "offline":
            self._first = _rounds_on_disk(run.folder, run.memory["wandb"])
        self._run.define_metric("round")
        self._run.define_metric("*", step_metric="round")
        if run.round > 0:
            self._catch_up(run)

    def numbers(self, round: int, values: dict[str, float]) -> None:
        """A row of W&B's history; a picture of the same round joins it."""
        if round >= self._first:
            self._run.log({"round": round, **values}, step=round)

    def picture(self, round: int, name: str, path: Path) -> None:
        """An image in the row of its round."""
        import wandb

        if round >= self._first:
            self._run.log({"round": round, name: wandb.Image(str(path))}, step=round)

    def close(self, status: str, results: dict[str, Any]) -> None:
        """Keep the status and the measures in W&B's summary, and end the run."""
        self._run.summary["status"] = status
        if results.get("measures"):
            self._run.summary["measures"] = results["measures"]
        self._run.finish(exit_code=1 if status == "failed" else 0)

    def _catch_up(self, run: RunInfo) -> None:
        """Log what W&B lacks of the rounds before: it writes seconds later than it is told, and a kill is sooner."""
        table = run.folder / "metrics.csv"
        rows: dict[int, dict[str, float]] = {}
        for name, points in (read_metrics(table) if table.exists() else {}).items():
            for round, value in points:
                rows.setdefault(round, {})[name] = value
        pictures = read_pictures(run.folder)
        for round in sorted(number for number in rows if number <= run.round):
            self.numbers(round, rows[round])
            for _, name, path in (picture for picture in pictures if picture[0] == round):
                self.picture(round, name, path)


def _automatic(wandb: Any) -> str:
    """What the user asked of W&B itself, else online exactly where there is a key."""
    return os.environ.get("WANDB_MODE") or ("online" if _has_key(wandb) else "offline")


def _has_key(wandb: Any) -> bool:
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    from wandb.sdk.lib import wbauth

    settings = wandb.setup().settings
    return bool(settings.api_key or wbauth.read_netrc_auth(host=settings.base_url))


def _rounds_on_disk(folder: Path, run_id: str) -> int:
    """The first round that no offline file of this run has."""
    files = (folder / "wandb").glob(f"*run-*-{run_id}/run-{run_id}.wandb")
    return max((int(row["round"]) + 1 for path in files for row in history(path) if "round" in row), default=0)
