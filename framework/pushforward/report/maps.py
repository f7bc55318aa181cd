"""A measure over two axes of a grid: a map of colours over two numbers, a table of colours over two lists of words."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pushforward.report.curves import LOG_FROM
from pushforward.report.rounding import short

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

DPI = 100
TICKS = 7  # of a bar whose colours are not in proportion
PALE = 0.55  # the colours of a table, so that its numbers can be read
MEASURED = "measured"  # a further number that is what was seen where the value is what was predicted
NEAR = 0.25  # the share of values that are so near to a neutral one that their colours are in proportion

Results = dict[str, Any]


class Colours(NamedTuple):
    """How values become colours.

    Attributes:
        norm: values to shares of the colours.
        name: the colours.
        low: where they begin.
        high: where they end.
        ticks: where the bar is labelled; empty leaves it to matplotlib.
    """

    norm: Normalize
    name: str
    low: float
    high: float
    ticks: list[float]


def maps(numeric: Sequence[Results], parts: dict[str, list[Results]], name: str, neutral: float | None) -> Figure:
    """A map of colours for each label, over two numeric axes, with one bar for all.

    Where groups have a further number `boundary`, a line is drawn through its zeros.

    Args:
        numeric: the axes: across and up.
        parts: the groups by label.
        name: the measure.
        neutral: the value at which colours part; None where there is none.
    """
    from matplotlib.figure import Figure

    across, up = numeric
    columns = min(len(parts), math.ceil(math.sqrt(len(parts))))
    rows = -(-len(parts) // columns)
    size = 5.2 if len(parts) == 1 else 3.2
    figure = Figure(figsize=(size * columns + 0.9, size * 0.85 * rows), dpi=DPI, layout="constrained")
    values = [finite(g["measures"][name], "value") for groups in parts.values() for g in groups]
    colours = _colours(values, neutral)
    xs, ys = sorted(set(across["values"])), sorted(set(up["values"]))
    x_log, y_log = is_log(across), is_log(up)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(parts) :]:
        axes.set_axis_off()
    for axes, (label, groups) in zip(grid.flat, parts.items(), strict=False):
        heat = _spread(groups, name, "value", (up["path"], ys), (across["path"], xs))
        axes.pcolormesh(edges(xs, x_log), edges(ys, y_log), heat, norm=colours.norm, cmap=colours.name)
        _boundary(axes, xs, ys, _spread(groups, name, "boundary", (up["path"], ys), (across["path"], xs)))
        axes.set_xscale("log" if x_log else "linear")
        axes.set_yscale("log" if y_log else "linear")
        dress(axes, across["path"], up["path"], grid=False)
        axes.set_title(label, fontsize=9)
    said = name if all(map(math.isfinite, values)) else f"{name} (white: not finite)"
    _bar(figure, colours, grid.ravel().tolist(), said, values)
    return figure


def table(axes_of: Sequence[Results], groups: Sequence[Results], name: str, neutral: float | None) -> Figure:
    """The numbers themselves over two axes of words, each on its colour: the longer axis down, the other across.

    Where a measure predicts and also saw, what it saw stands below.

    Args:
        axes_of: the two axes.
        groups: the groups.
        name: the measure.
        neutral: the value at which colours part; None where there is none.
    """
    import numpy as np
    from matplotlib.figure import Figure

    down, across = sorted(axes_of, key=lambda axis: -len(axis["labels"]))
    places = (down["path"], down["values"]), (across["path"], across["values"])
    heat, seen = _spread(groups, name, "value", *places), _spread(groups, name, MEASURED, *places)
    size = 2.0 + 1.4 * len(across["labels"]), 1.0 + (0.45 if np.isfinite(seen).any() else 0.36) * len(down["labels"])
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    colours = _colours(heat.ravel().tolist(), neutral)
    axes.imshow(heat, norm=colours.norm, cmap=colours.name, aspect="auto", alpha=PALE)
    for (row, column), value in np.ndenumerate(heat):
        said = short(value) if math.isfinite(value) else "not finite"
        said += f"\n{MEASURED} {short(seen[row, column])}" if math.isfinite(seen[row, column]) else ""
        axes.text(column, row, said, ha="center", va="center", fontsize=8)
    axes.set_xticks(range(len(across["labels"])), across["labels"], fontsize=9)
    axes.set_yticks(range(len(down["labels"])), down["labels"], fontsize=9)
    axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    for side in axes.spines.values():
        side.set_visible(False)
    _bar(figure, colours, [axes], name, heat.ravel().tolist())
    return figure


def edges(centres: Sequence[float], logarithmic: bool) -> list[float]:
    """Where the squares of a map end: halfway between centres, in the logarithm where the axis is."""
    to: Callable[[float], float] = math.log if logarithmic else float
    back: Callable[[float], float] = math.exp if logarithmic else float
    at = [to(centre) for centre in centres]
    inner = [(a + b) / 2 for a, b in itertools.pairwise(at)]
    return [back(edge) for edge in [2 * at[0] - inner[0], *inner, 2 * at[-1] - inner[-1]]]


def is_log(axis: Results) -> bool:
    """Whether an axis is drawn logarithmically."""
    return bool(axis["spacing"] == "log" or (axis["spacing"] == "list" and far(axis["values"])))


def far(values: Sequence[float]) -> bool:
    """Whether values are all positive and so far apart that a logarithmic axis shows more."""
    return bool(values) and min(values) > 0 and max(values) / min(values) >= LOG_FROM


def finite(numbers: Results, key: str, otherwise: float = math.nan) -> float:
    """A number of a measure, or what stands for one that is missing or not finite."""
    value = number(numbers, key)
    return value if math.isfinite(value) else otherwise


def number(numbers: Results, key: str) -> float:
    """A number of a measure as it is; not a number where it is missing."""
    try:
        return float(numbers.get(key, math.nan))
    except (TypeError, ValueError):
        return math.nan


def dress(axes: Axes, across: str, up: str, grid: bool = True) -> None:
    """Labels and lines of a pair of axes."""
    axes.set_xlabel(across, fontsize=9)
    axes.set_ylabel(up, fontsize=9)
    axes.tick_params(labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(not grid)
    if grid:
        axes.grid(color="#e3e4e0", linewidth=0.8)
        axes.set_axisbelow(True)


def _colours(values: Sequence[float], neutral: float | None) -> Colours:
    """From the smallest to the largest value; or blue below and red above a neutral one, equally far to both sides.

    About a neutral value colours reach no farther than to zero where no value is below, and are in proportion to the
    gap only nearby where gaps differ much.
    """
    import numpy as np
    from matplotlib.colors import FuncNorm, LogNorm, Normalize

    seen = [value for value in values if math.isfinite(value)]
    if neutral is None or not seen:
        low, high = (min(seen), max(seen)) if seen else (0.0, 1.0)
        high = high if high > low else low + 1
        return Colours((LogNorm if far(seen) else Normalize)(low, high), "viridis", low, high, [])
    gaps = np.abs(np.array(seen) - neutral)
    reach = float(gaps.max()) or 1.0
    reach = min(reach, neutral) if neutral > 0 and min(seen) >= 0 else reach
    low, high, width = neutral - reach, neutral + reach, float(np.quantile(gaps, NEAR)) or reach
    if reach / width < LOG_FROM:
        return Colours(Normalize(low, high), "RdBu_r", low, high, [])

    def to(value: np.ndarray) -> np.ndarray:
        return np.arcsinh((value - neutral) / width)

    def back(value: np.ndarray) -> np.ndarray:
        return np.sinh(value) * width + neutral

    inner = back(np.linspace(to(np.array(low)), to(np.array(high)), TICKS))[1:-1].tolist()
    return Colours(FuncNorm((to, back), low, high), "RdBu_r", low, high, [low, *inner, high])


def _bar(figure: Figure, colours: Colours, beside: list[Axes], label: str, values: Sequence[float]) -> None:
    """The bar of colours, pointed where values lie beyond it."""
    from matplotlib.cm import ScalarMappable

    below, above = any(v < colours.low for v in values), any(v > colours.high for v in values)
    extend = {(True, False): "min", (False, True): "max", (True, True): "both"}.get((below, above), "neither")
    drawn = ScalarMappable(colours.norm, colours.name)
    bar = figure.colorbar(drawn, ax=beside, label=label, extend=extend)
    if colours.ticks:
        bar.set_ticks(colours.ticks, labels=[short(tick) for tick in colours.ticks])
        bar.ax.minorticks_off()


def _spread(
    groups: Sequence[Results],
    name: str,
    key: str,
    up: tuple[str, Sequence[Any]],
    across: tuple[str, Sequence[Any]],
) -> np.ndarray:
    """A number of each group where its values on two axes say, (up, across); not a number where there is none."""
    import numpy as np

    heat = np.full((len(up[1]), len(across[1])), np.nan)
    for group in groups:
        at = up[1].index(group["values"][up[0]]), across[1].index(group["values"][across[0]])
        heat[at] = finite(group["measures"].get(name, {}), key)
    return heat


def _boundary(axes: Axes, xs: Sequence[float], ys: Sequence[float], sides: np.ndarray) -> None:
    """A line through the zeros of what has a sign on either side."""
    import numpy as np

    seen = sides[np.isfinite(sides)]
    if min(sides.shape) < 2 or not len(seen) or not seen.min() < 0 < seen.max():
        return
    line = axes.contour(xs, ys, sides, levels=[0.0], colors="black", linewidths=1.4)
    axes.legend(line.legend_elements()[0], ["boundary in closed form"], fontsize=8, loc="lower left", framealpha=0.9)
