"""metrics.csv: how a run's numbers are kept so that a kill loses at most the current row, and read back exactly."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pushforward.problem import RunFailed
from pushforward.roles.tracker import RunInfo, Tracker

Row = dict[str, str]


def read_metrics(path: Path) -> dict[str, list[tuple[int, float]]]:
    """The numbers of a metrics.csv by name, each as (round, value) in order of rounds; exact to the last bit."""
    columns, rows = _read(path)
    history: dict[str, list[tuple[int, float]]] = {name: [] for name in columns[1:]}
    for row in rows:
        for name in columns[1:]:
            if row[name]:
                history[name].append((int(row["round"]), float(row[name])))
    return history


class CsvTracker(Tracker):
    """Write `metrics.csv` into the run's folder: a row a report, a column a name, the first column the round.

    Names stand in the order of their first appearance; a number that a report does not have is an empty cell. Every
    number is written with all its digits, so that reading it back gives the same float; whole numbers too are floats.
    Every report is on disk when `numbers` returns. On resumption rows beyond the resumed round are dropped.

    Every run has this tracker.

    Raises:
        RunFailed: if the file cannot be written, for example because the disk is full; the rows before it are kept.
    """

    def open(self, run: RunInfo) -> None:
        """Begin an empty table, or keep the rows up to the resumed round."""
        self.path = run.folder / "metrics.csv"
        self._columns: list[str] = ["round"]
        rows: list[Row] = []
        if run.round > 0 and self.path.exists():
            self._columns, rows = _read(self.path)
            rows = [row for row in rows if int(row["round"]) <= run.round]
        self._last = int(rows[-1]["round"]) if rows else -1
        self._replace(rows)

    def numbers(self, round: int, values: dict[str, float]) -> None:
        """Append a row; a name seen for the first time, or a second report of one round, rewrites the table."""
        row = {"round": str(round)} | {name: repr(float(value)) for name, value in values.items()}
        new = [name for name in row if name not in self._columns]
        if not new and round > self._last:
            self._append(row)
        else:
            self._columns = [*self._columns, *new]
            rows = {int(old["round"]): old for old in _read(self.path)[1]}
            rows[round] = rows.get(round, {}) | row
            self._replace(rows[number] for number in sorted(rows))
        self._last = max(round, self._last)

    def close(self, status: str, results: dict[str, Any]) -> None:
        """Nothing is left to do: every row is on disk already."""

    def _append(self, row: Row) -> None:
        line = _lines([[row.get(name, "") for name in self._columns]])
        try:
            with self.path.open("ab", buffering=0) as file:
                size = file.tell()
                if file.write(line) < len(line):
                    file.truncate(size)  # half a row would make the table invalid
                    raise OSError("no space left for a whole row")
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def _replace(self, rows: Iterable[Row]) -> None:
        """Write the whole table at once: a reader sees the old one or the new one, never a part."""
        table = _lines([self._columns, *([row.get(name, "") for name in self._columns] for row in rows)])
        draft = self.path.with_suffix(".csv.part")
        try:
            draft.write_bytes(table)
            os.replace(draft, self.path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise _unwritable(self.path, error) from error


def _read(path: Path) -> tuple[list[str], list[Row]]:
    """Columns and whole rows; what a crash of the machine left behind the last whole row is ignored."""
    with path.open(newline="", encoding="utf-8") as file:
        lines = list(csv.reader(io.StringIO(_whole_lines(file.read()))))
    columns = lines[0] if lines and lines[0][:1] == ["round"] else ["round"]
    rows = [dict(zip(columns, cells, strict=True)) for cells in lines[1:] if len(cells) == len(columns)]
    return columns, [row for row in rows if row["round"].isdigit()]


def _whole_lines(text: str) -> str:
    return text[: text.rfind("\n") + 1]


def _lines(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _unwritable(path: Path, error: OSError) -> RunFailed:
    reason = error.strerror or str(error)
    return RunFailed(f"{path}: cannot write ({reason}); free some space or fix the folder, then resume the run")
