"""Runs side by side: where their recipes differ, how they went, and what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pushforward.problem import UserError
from pushforward.report.estimates import doubts, estimate_rows
from pushforward.report.folder import RunFolder, flattened, read_folder
from pushforward.report.rounding import duration, short, with_error

ABSENT = "-"
WIDEST = 40  # letters of a cell; a longer text is cut

Row = tuple[str, list[str]]


def compare_table(folders: Sequence[Path]) -> str:
    """Runs side by side as plain text, one column a run: differing recipe values, status, measures, verdict.

    Where log Z was estimated, a second table has one row an estimate, and under it stands what is doubted.

    Args:
        folders: the runs' folders.

    Returns:
        Lines of text, without a newline at the end.

    Raises:
        UserError: if there is no folder, or one of them is not a run's.
    """
    runs = _read(folders)
    groups = [
        [("", [run.name for run in runs])],
        _differences(runs),
        [
            ("status", [run.status for run in runs]),
            ("rounds", [short(run.rounds) for run in runs]),
            ("time", [duration(run.results.get("seconds")) for run in runs]),
        ],
        [(name, [_measured(run, name) for run in runs]) for name in _names(runs)],
        [("verdict", [str(run.verdict.get("state") or "") for run in runs])],
    ]
    return "\n".join([_laid_out([group for group in groups if group]), *_estimates(runs)])


def as_data(folders: Sequence[Path]) -> dict[str, Any]:
    """The same comparison for programs.

    Args:
        folders: the runs' folders.

    Returns:
        ``{"differences": {path: {run: text or None}}, "runs": [{"name", "folder", "status", "reason", "rounds",
        "seconds", "seed", "measures", "measure_seconds", "verdict"}]}``, with the runs in the given order.

    Raises:
        UserError: if there is no folder, or one of them is not a run's.
    """
    runs = _read(folders)
    keys = ("reason", "seconds", "seed", "measures", "measure_seconds", "verdict")
    return {
        "differences": {
            path: {str(run.path): None if text == ABSENT else text for run, text in zip(runs, texts, strict=True)}
            for path, texts in _differences(runs)
        },
        "runs": [
            {
                "name": run.name,
                "folder": str(run.path),
                "status": run.status,
                "rounds": run.rounds,
                **{key: run.results.get(key) for key in keys},
            }
            for run in runs
        ],
    }


def _read(folders: Sequence[Path]) -> list[RunFolder]:
    if not folders:
        raise UserError("nothing to compare: give at least one run's folder")
    return [read_folder(Path(folder)) for folder in folders]


def _differences(runs: list[RunFolder]) -> list[Row]:
    """Values of the recipes that are not the same in all runs, by path in the order of the recipes."""
    values = [dict(flattened(run.recipe)) for run in runs]
    paths = dict.fromkeys(path for recipe in values for path in recipe if path not in ("about", ""))
    rows = [(path, [recipe.get(path, ABSENT) for recipe in values]) for path in paths]
    return [(path, texts) for path, texts in rows if len(set(texts)) > 1]


def _names(runs: list[RunFolder]) -> list[str]:
    return list(dict.fromkeys(name for run in runs for name in run.measures))


def _estimates(runs: list[RunFolder]) -> list[str]:
    rows = estimate_rows(runs)
    if not rows:
        return []
    head, *others = [(name, list(cells)) for name, *cells in rows]
    return ["", _laid_out([[head], others]), *doubts(runs)]


def _measured(run: RunFolder, name: str) -> str:
    measure = run.measures.get(name)
    return with_error(measure.get("value"), measure.get("standard_error")) if measure else ""


def _laid_out(groups: list[list[Row]]) -> str:
    """Columns as wide as what stands in them, groups parted by a rule."""
    rows = [(_cut(name), [_cut(cell) or ABSENT for cell in cells]) for group in groups for name, cells in group]
    first = max(len(name) for name, _ in rows)
    widths = [max(len(cells[i]) for _, cells in rows) for i in range(len(rows[0][1]))]
    rule = "-" * (first + sum(widths) + 2 * len(widths))
    lines, at = [], 0
    for group in groups:
        lines += [rule] if at else []
        for name, cells in rows[at : at + len(group)]:
            padded = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
            lines.append("  ".join([name.ljust(first), *padded]))
        at += len(group)
    return "\n".join(lines)


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
