"""How the cells of a grid came to their numbers: a measure over rounds, a line for each group of repeats."""

from __future__ import annotations

import math
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pushforward.report.curves import COLOURS
from pushforward.report.folder import Series, read_folder
from pushforward.report.maps import dress, far

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FEWEST_REPORTS = 5  # fewer points are no curve
MOST_LINES = 8  # in one pair of axes
DPI = 100

Results = dict[str, Any]


def histories(folder: Path, results: Results) -> dict[str, Figure]:
    """A picture of each measure over the rounds of the cells; none where cells are many or reported seldom.

    Repeats that differ in their seed alone are one line, their mean, in a band of one standard error.

    Args:
        folder: the grid's folder.
        results: its results.json.
    """
    groups = results["groups"]
    if not 1 < len(groups) <= MOST_LINES:
        return {}
    metrics = {cell: _metrics(folder, cell) for group in groups for cell in group["cells"]}
    found = {}
    for name in results["measures"]:
        column = f"validation/{name}"
        lines = {g["label"]: _mean([metrics[c][column] for c in g["cells"] if column in metrics[c]]) for g in groups}
        if max(len(points) for points in lines.values()) >= FEWEST_REPORTS:
            found[name] = _figure(lines, name)
    return found


def _metrics(folder: Path, cell: int) -> dict[str, Series]:
    path = folder / "cells" / str(cell)
    return read_folder(path).metrics if (path / "metrics.csv").is_file() else {}


def _mean(repeats: list[Series]) -> list[tuple[int, float, float]]:
    """(round, mean, standard error) of the rounds that all repeats report."""
    if not repeats:
        return []
    values = [dict(series) for series in repeats]
    shared = [at for at in values[0] if all(at in other for other in values)]
    found = []
    for at in shared:
        seen = [other[at] for other in values]
        repeated = len(seen) > 1 and all(map(math.isfinite, seen))
        error = statistics.stdev(seen) / math.sqrt(len(seen)) if repeated else 0.0
        found.append((at, statistics.fmean(seen), error))
    return found


def _figure(lines: dict[str, list[tuple[int, float, float]]], name: str) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    for i, (label, points) in enumerate(lines.items()):
        if not points:
            continue
        rounds, values, errors = zip(*points, strict=True)
        colour = COLOURS[i % len(COLOURS)]
        axes.plot(rounds, values, color=colour, linewidth=1.6, linestyle=("-", "--", ":", "-.")[i % 4], label=label)
        if any(errors):
            low, high = ([v + sign * e for v, e in zip(values, errors, strict=True)] for sign in (-1, 1))
            axes.fill_between(rounds, low, high, color=colour, alpha=0.15, linewidth=0)
    if far([value for points in lines.values() for _, value, _ in points if math.isfinite(value)]):
        axes.set_yscale("log")
    dress(axes, "round", name)
    axes.legend(fontsize=8, frameon=False)
    return figure
