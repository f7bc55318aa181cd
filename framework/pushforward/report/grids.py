"""A grid as pictures: measures against the swept values, and a contact sheet of what every cell drew."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pushforward.report.curves import COLOURS
from pushforward.report.folder import PICTURE
from pushforward.report.histories import histories
from pushforward.report.maps import MEASURED, dress, far, finite, maps, number, table
from pushforward.report.planes import eigenvalue_plane

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PANELS = 36  # of a contact sheet
MOST_BARS = 60
MOST_LINES = 8  # in one pair of axes
DPI = 100
SEED = "seed"
EIGENVALUES = "eigenvalues.png"

Results = dict[str, Any]


def draw_grid(folder: Path) -> list[Path]:
    """Draw a grid's pictures into images/, from its results.json: each measure, also over rounds, and each watcher.

    Args:
        folder: the grid's folder.

    Returns:
        The files, in the order of the measures and watchers.
    """
    results: Results = json.loads((folder / "results.json").read_text("utf-8"))
    images = folder / "images"
    images.mkdir(exist_ok=True)
    made = []
    for name in results["measures"]:
        if (figure := measure_figure(results, name)) is not None:
            made.append(_save(figure, images / f"measure-{file_stem(name)}.png"))
    for name, figure in histories(folder, results).items():
        made.append(_save(figure, images / f"history-{file_stem(name)}.png"))
    if (figure := eigenvalue_plane(results)) is not None:
        made.append(_save(figure, images / EIGENVALUES))
    for name, panels in contact_sheets(folder, results).items():
        made.append(_save(_sheet(panels), images / f"cells-{file_stem(name)}.png"))
    return made


def measure_figure(results: Results, name: str) -> Figure | None:
    """One measure over the grid: lines over one numeric axis, maps over two, a table over two others, else bars."""
    from matplotlib.figure import Figure

    groups = [group for group in results["groups"] if name in group["measures"]]
    if not groups or not any(math.isfinite(number(group["measures"][name], "value")) for group in groups):
        return None
    numeric = [a for a in results["axes"] if a["numeric"] and a["path"] != SEED and len(set(a["values"])) > 1]
    others = _others(results, numeric)
    parts = {label: [g for g in groups if _label_of(g, others) == label] for label in _labels(groups, others)}
    if len(numeric) == 1 and len(parts) <= MOST_LINES:
        figure = Figure(figsize=(6.4, 4.0), dpi=DPI, layout="constrained")
        _lines(figure.add_subplot(), numeric[0], parts, name)
    elif len(numeric) == 2 and len(parts) <= MOST_PANELS:
        figure = maps(numeric, parts, name, results.get("neutral", {}).get(name))
    elif len(others) == 2 and not numeric:
        figure = table(others, groups, name, results.get("neutral", {}).get(name))
    else:
        shown = results["groups"][:MOST_BARS]
        figure = Figure(figsize=(6.4, 1.0 + 0.3 * len(shown)), dpi=DPI, layout="constrained")
        _bars(figure.add_subplot(), shown, name, len(results["groups"]))
    return figure


def contact_sheets(folder: Path, results: Results) -> dict[str, list[tuple[str, Path]]]:
    """The last picture of each watcher in each cell, with the cell's label; of repeats the first where all are many."""
    cells = results["cells"]
    if len(cells) > MOST_PANELS:
        firsts = {group["cells"][0] for group in results["groups"]}
        cells = [cell for cell in cells if cell["cell"] in firsts]
    sheets: dict[str, list[tuple[str, Path]]] = {}
    for cell in cells:
        last: dict[str, tuple[int, Path]] = {}
        for path in sorted((folder / "cells" / str(cell["cell"]) / "images").glob("*.png")):
            if match := PICTURE.fullmatch(path.name):
                last[match["name"]] = max(last.get(match["name"], (-1, path)), (int(match["round"]), path))
        for name, (_, path) in last.items():
            panels = sheets.setdefault(name, [])
            if len(panels) < MOST_PANELS:
                failed = " (failed)" if cell["status"] == "failed" else ""
                panels.append((f"{cell['label']}{failed}", path))
    return sheets


def file_stem(name: str) -> str:
    """A measure's or watcher's name as part of a file's."""
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)


def _others(results: Results, numeric: Sequence[Results]) -> list[Results]:
    """The axes that are neither drawn as coordinates nor summed over."""
    return [a for a in results["axes"] if a["path"] != SEED and a not in numeric and len(a["labels"]) > 1]


def _label_of(group: Results, others: Sequence[Results]) -> str:
    """A group's values on the other axes, as its own label says them."""
    texts = []
    for axis in others:
        label = axis["labels"][axis["values"].index(group["values"][axis["path"]])]
        texts.append(label if axis["path"] == "variants" else f"{axis['name']}={label}")
    return ", ".join(texts)


def _labels(groups: Sequence[Results], others: Sequence[Results]) -> list[str]:
    return list(dict.fromkeys(_label_of(group, others) for group in groups))


def _lines(axes: Axes, axis: Results, parts: dict[str, list[Results]], name: str) -> None:
    """A line with error bars for each label, over one numeric axis; what is not finite leaves a gap.

    Where a measure predicts and also saw, what it saw is drawn as crosses.
    """
    heights = []
    for i, (label, groups) in enumerate(parts.items()):
        ordered = sorted(groups, key=lambda group: group["values"][axis["path"]])
        x = [group["values"][axis["path"]] for group in ordered]
        y = [finite(group["measures"][name], "value") for group in ordered]
        errors = [finite(group["measures"][name], "standard_error", 0.0) for group in ordered]
        heights += [value for value in y if math.isfinite(value)]
        colour = COLOURS[i % len(COLOURS)]
        many = len(x) > 40
        axes.errorbar(
            x, y, errors if any(errors) else None, color=colour, linewidth=1.6, marker="" if many else "o",
            markersize=4, capsize=2, linestyle=("-", "--", ":", "-.")[i % 4], label=label or name,
        )  # fmt: skip
        seen = [finite(group["measures"][name], MEASURED) for group in ordered]
        if any(map(math.isfinite, seen)):
            name = f"{label}, {MEASURED}" if label else MEASURED
            axes.plot(x, seen, color="black", label=name, marker="x", markersize=7, linestyle="", zorder=3)
    if axis["spacing"] == "log" or far(axis["values"]):
        axes.set_xscale("log")
    if far(heights):
        axes.set_yscale("log")
    dress(axes, axis["path"], name)
    if len(axes.get_legend_handles_labels()[1]) > 1:
        axes.legend(fontsize=8, frameon=False)


def _bars(axes: Axes, groups: Sequence[Results], name: str, total: int) -> None:
    """A bar with its error for each group, the first on top."""
    values = [finite(group["measures"].get(name, {}), "value") for group in groups]
    errors = [finite(group["measures"].get(name, {}), "standard_error", 0.0) for group in groups]
    places = range(len(groups))
    widths = [value if math.isfinite(value) else 0.0 for value in values]
    axes.barh(places, widths, xerr=errors if any(errors) else None, color=COLOURS[0], height=0.6, capsize=2)
    for place, value, group in zip(places, values, groups, strict=True):
        if not math.isfinite(value):
            said = " not finite" if name in group["measures"] else " failed" if group["failed"] else " not measured"
            where = axes.get_yaxis_transform()
            axes.text(0.0, place, said, transform=where, va="center", fontsize=8, color=COLOURS[1])
    if far([value for value in values if math.isfinite(value)]):
        axes.set_xscale("log")
    axes.set_yticks(list(places), [_cut(group["label"] or "all", 48) for group in groups], fontsize=8)
    axes.invert_yaxis()
    more = f" (the first {len(groups)} of {total})" if total > len(groups) else ""
    dress(axes, f"{name}{more}", "")


def _sheet(panels: Sequence[tuple[str, Path]]) -> Figure:
    """Pictures side by side, each under its label."""
    from matplotlib.figure import Figure
    from matplotlib.image import imread

    columns = 2 if len(panels) == 4 else min(len(panels), max(3, math.ceil(math.sqrt(len(panels)))))
    rows = -(-len(panels) // columns)
    side = 3.2 if len(panels) <= 9 else 2.2
    figure = Figure(figsize=(side * columns, (side + 0.25) * rows), dpi=DPI * 1.5, layout="constrained")
    spots = figure.subplots(rows, columns, squeeze=False)
    for axes in spots.flat:
        axes.set_axis_off()
    for axes, (label, path) in zip(spots.flat, panels, strict=False):
        axes.imshow(imread(path), interpolation="antialiased")
        axes.set_title(_cut(label, 40 if side > 3 else 30), fontsize=9 if side > 3 else 7)
    return figure


def _save(figure: Figure, path: Path) -> Path:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    figure.savefig(path, format="png")
    return path


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
