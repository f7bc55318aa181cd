"""A grid in its report: the table of its cells with links to theirs, and the pictures that were drawn of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pushforward.report.folder import RunFolder
from pushforward.report.grids import EIGENVALUES, SEED, file_stem
from pushforward.report.rounding import duration, with_error

MOST_ROWS = 200  # of the table; all are in cells.csv


def grid_table(run: RunFolder) -> dict[str, Any] | None:
    """What the report's table of a grid shows; None for a run that is none: `head`, `rows`, and how many are left out.

    A row has `label`, `links` (text and target) to the reports of its cells, `status`, and a text for each measure.
    """
    results = run.results
    if not isinstance(results.get("cells"), list):
        return None
    cells = {cell["cell"]: cell for cell in results["cells"]}
    names = list(results["measures"])
    rows = []
    for group in results["groups"][:MOST_ROWS]:
        members = [cells[index] for index in group["cells"]]
        states = dict.fromkeys(m["verdict"].get("state") or m["status"] for m in members)
        texts = [group["measures"].get(name, {}) for name in names]
        rows.append(
            {
                "label": group["label"] or "all",
                "links": [(_shown(member), _page(run, member)) for member in members],
                "status": ", ".join(dict.fromkeys(m["status"] for m in members)),
                "verdict": ", ".join(states),
                "measures": [with_error(m.get("value"), m.get("standard_error")) for m in texts],
                "seconds": duration(sum(m["seconds"] for m in members)),
                "reason": next((m["reason"] for m in members if m.get("reason") and m["status"] == "failed"), ""),
            }
        )
    return {"head": names, "rows": rows, "left_out": max(len(results["groups"]) - MOST_ROWS, 0)}


def grid_pictures(run: RunFolder) -> list[tuple[str, Path]]:
    """The pictures of a grid that are there: what each shows, and its file."""
    if not isinstance(run.results.get("cells"), list):
        return []
    found = []
    for name in run.results["measures"]:
        found.append((name, run.path / "images" / f"measure-{file_stem(name)}.png"))
        found.append((f"{name} over rounds", run.path / "images" / f"history-{file_stem(name)}.png"))
    found.append(("eigenvalues", run.path / "images" / EIGENVALUES))
    for path in sorted((run.path / "images").glob("cells-*.png")):
        found.append((f"{path.stem.removeprefix('cells-')} of every cell", path))
    return [(title, path) for title, path in found if path.is_file()]


def _shown(cell: dict[str, Any]) -> str:
    return f"{SEED} {cell['values'][SEED]}" if SEED in cell["values"] else "report"


def _page(run: RunFolder, cell: dict[str, Any]) -> str:
    """The way to a cell's report from the grid's; empty where it has none."""
    way = f"cells/{cell['cell']}/report.html"
    return way if (run.path / way).is_file() else ""
