"""Playing a grid: its cells one after another, and what they come to together."""

from __future__ import annotations

import copy
import csv
import io
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from pushforward.axes import Axis
from pushforward.builder import build
from pushforward.check import plan_cell
from pushforward.explain import explain
from pushforward.folder import (
    environment,
    lock_folder,
    new_folder,
    newest_unfinished,
    read_json,
    write_json,
    write_text,
)
from pushforward.grid import Cell
from pushforward.plan import Plan
from pushforward.problem import RunFailed, UserError
from pushforward.report.grids import draw_grid
from pushforward.report.page import write_report
from pushforward.report.rounding import duration, short
from pushforward.roles.measure import Measure
from pushforward.runner import Interrupted, Run, is_first_process, shorten
from pushforward.summary import grouped, overall, tally
from pushforward.together import play_together

KEPT = ("status", "rounds", "seconds", "measures", "verdict", "reason")  # of a cell's results in those of the grid

Results = dict[str, Any]


def play_grid(
    plan: Plan,
    *,
    out: Path = Path("runs"),
    resume: bool = False,
    smoke: bool = False,
    quiet: bool = False,
    modules: Mapping[str, nn.Module] | None = None,
) -> Path:
    """Play every cell of a grid and leave one folder, with a run's folder for each cell in it.

    Args:
        plan: the plan of its first cell, with the grid.
        out: where run folders are made.
        resume: go on with the newest unfinished grid of the recipe.
        smoke: three rounds a cell, and of every range the ends alone.
        quiet: no line for each cell.
        modules: your own modules by slot; every cell gets its own copy.

    Raises:
        UserError: if data are not there, all cells fail, or it is interrupted.
    """
    if plan.missing is not None:
        raise plan.missing
    _refuse_processes(plan)
    if smoke and plan.grid is not None:
        plan.grid = plan.grid.ends()
        plan.recipe.name = plan.grid.recipe.name = f"{plan.name}-smoke"
        shorten(plan)
    folder = (
        newest_unfinished(out, plan.name, plan.value("rounds"), plan.fingerprint())
        if resume
        else new_folder(out, plan.name)
    )
    return Sweep(plan, folder, smoke, quiet, modules).play()


class Sweep:
    """One grid, from its folder to its results."""

    def __init__(
        self, plan: Plan, folder: Path, smoke: bool, quiet: bool, modules: Mapping[str, nn.Module] | None
    ) -> None:
        assert plan.grid is not None
        self.plan, self.grid, self.folder = plan, plan.grid, folder
        self.smoke, self.quiet, self.modules = smoke, quiet, modules
        before = read_json(folder / "results.json")
        self.before: float = before.get("seconds", 0.0)
        self.better: dict[str, str | None] = before.get("better", {})
        self.neutral: dict[str, float] = before.get("neutral", {})
        self.done: dict[int, Results] = self._finished(before)
        self.began = time.perf_counter()

    def play(self) -> Path:
        """Play what is not finished, and leave results and report however it ends."""
        lock = lock_folder(self.folder)
        try:
            return self._play()
        finally:
            lock.close()

    def _play(self) -> Path:
        write_text(self.folder / "recipe.yaml", explain(self.plan))
        write_json(self.folder / "environment.json", environment(self.plan.name, self.plan.fingerprint(), {}))
        (self.folder / "results.json").unlink(missing_ok=True)
        try:
            kinds: dict[tuple[str, ...], list[Cell]] = {}
            for cell in self._pending():
                kinds.setdefault(cell.kind, []).append(cell)
            for cells in kinds.values():
                self._together(cells)
            for cell in self._pending():
                self._alone(cell)
        except (Interrupted, KeyboardInterrupt):
            left = len(self.grid) - len(self.done)
            self._close("stopped", f"interrupted with {left} of {len(self.grid)} cells left")
            raise Interrupted(
                f"interrupted with {left} of {len(self.grid)} cells left; `--resume` goes on from there"
            ) from None
        failed = [cell for cell in self.grid if self.done[cell.index]["status"] == "failed"]
        reason = f"{len(failed)} of {len(self.grid)} cells failed" if failed else ""
        if failed:
            reason += f"; the first, {failed[0].label}: {self.done[failed[0].index].get('reason', '')}"
        self._close("failed" if len(failed) == len(self.grid) else "completed", reason)
        if len(failed) == len(self.grid):
            raise RunFailed(reason)
        return self.folder

    def _pending(self) -> list[Cell]:
        return [cell for cell in self.grid if cell.index not in self.done]

    def _together(self, cells: list[Cell]) -> None:
        """Cells that differ in numbers alone, at once, where the game allows it."""
        if self.modules:
            return
        try:
            plan = plan_cell(self.plan.registry, cells[0])
        except UserError:  # played alone, the cell says what is wrong
            return
        if self.smoke:
            shorten(plan)
        for cell, results in zip(cells, play_together(plan, cells) or (), strict=False):
            self._record(cell, results)

    def _alone(self, cell: Cell) -> None:
        """One cell as a run of its own; only an interrupt stops more than this cell."""
        folder = self.folder / "cells" / str(cell.index)
        run = None
        reason = ""
        began = time.perf_counter()
        try:
            plan = plan_cell(self.plan.registry, cell)
            plan.recipe.name = self.plan.name
            if self.smoke:
                shorten(plan)
            built = build(plan, copy.deepcopy(dict(self.modules or {})))
            self._learn(built.measures)
            folder.mkdir(parents=True, exist_ok=True)
            resume = (folder / "checkpoints" / "last.ckpt").is_file()
            run = Run(built, folder, resume, quiet=True, name=f"{self.folder.name}: {cell.label}")
            run.play()
        except Interrupted:
            raise
        except Exception as error:
            reason = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        results = read_json(folder / "results.json") if run is not None else {}
        if reason:
            results |= {"status": "failed", "reason": results.get("reason") or reason}
        self._record(cell, {"seconds": round(time.perf_counter() - began, 3)} | results)
        if run is not None and run.stop_asked:  # the cell was in its last round, the grid is not
            raise Interrupted("")

    def _record(self, cell: Cell, results: Results) -> None:
        self.done[cell.index] = {"rounds": 0, "seconds": 0.0, "measures": {}, "verdict": {}} | {
            key: results[key] for key in KEPT if key in results
        }
        if self.quiet:
            return
        kept = self.done[cell.index]
        parts = [f"cell {len(self.done)}/{len(self.grid)}", cell.label, kept["status"], duration(kept["seconds"])]
        parts += [f"{name} {short(numbers.get('value'))}" for name, numbers in list(kept["measures"].items())[:3]]
        parts += [kept["reason"]] if kept["status"] == "failed" else []
        print("  ".join(parts), file=sys.stderr, flush=True)

    def _learn(self, measures: Mapping[str, Measure]) -> None:
        """Which values of the measures are good."""
        self.better |= {name: measure.better for name, measure in measures.items()}
        self.neutral |= {name: m.neutral for name, m in measures.items() if m.neutral is not None}

    def _finished(self, before: Results) -> dict[int, Results]:
        """Results of the cells that need not be played again, from their folders or from the grid's own results."""
        asked = self.plan.value("rounds")
        recorded = {cell.get("label"): cell for cell in before.get("cells", [])}
        found = {}
        for cell in self.grid:
            own = self.folder / "cells" / str(cell.index) / "results.json"
            results = read_json(own) if own.is_file() else recorded.get(cell.label, {})
            rounds = cell.values.get("budget.rounds", asked)
            whole = results.get("rounds", 0) >= (asked if self.smoke else rounds) or "reason" in results
            if results.get("status") == "completed" and whole:
                found[cell.index] = {key: results[key] for key in KEPT if key in results}
        return found

    def _close(self, status: str, reason: str) -> None:
        played = [(cell, self.done[cell.index]) for cell in self.grid if cell.index in self.done]
        if not self.better and any(kept["measures"] for _, kept in played):
            self._learn(build(self.plan).measures)
        groups = grouped(played, self.better)
        results = {
            "recipe": self.plan.name,
            "status": status,
            "rounds": max((kept["rounds"] for _, kept in played), default=0),
            "seconds": round(self.before + time.perf_counter() - self.began, 3),
            "seed": self.plan.seed,
            "weights": "those of each cell",
            "measures": overall(played, groups, self.better),
            "verdict": tally(played),
            "better": self.better,
            "neutral": self.neutral,
            "axes": [_axis(axis, name) for axis, name in zip(self.grid.axes, self.grid.names, strict=True)],
            "groups": groups,
            "cells": [{"cell": c.index, "label": c.label, "values": c.values, **kept} for c, kept in played],
        }
        if reason:
            results["reason"] = reason
        write_text(self.folder / "cells.csv", _table(played))
        write_json(self.folder / "results.json", results)
        draw_grid(self.folder)
        write_report(self.folder)


def _axis(axis: Axis, name: str) -> Results:
    """An axis as readers of results.json see it."""
    return {
        "path": axis.path,
        "name": name,
        "spacing": axis.spacing,
        "numeric": axis.is_numeric,
        "values": axis.values,
        "labels": [point.label for point in axis.points],
    }


def _table(played: list[tuple[Cell, Results]]) -> str:
    """One row a cell: its number, the axes' values, status, seconds and every measured number."""
    rows = []
    for cell, kept in played:
        numbers = {
            name if key == "value" else f"{name}/{key}": value
            for name, measured in kept["measures"].items()
            for key, value in measured.items()
        }
        values = {path: _plain(value) for path, value in cell.values.items()}
        rows.append({"cell": cell.index, **values, "status": kept["status"], "seconds": kept["seconds"], **numbers})
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float | str | None) else str(value)


def _refuse_processes(plan: Plan) -> None:
    devices = plan.trainer.get("devices", 1)
    alone = devices in (1, "1") or (isinstance(devices, list) and len(devices) == 1)
    if not alone or not is_first_process() or os.environ.get("WORLD_SIZE", "1") != "1":
        raise UserError("a grid plays its cells in one process: leave trainer.devices at 1, and start no others")


__all__ = ["Sweep", "play_grid", "play_together"]
