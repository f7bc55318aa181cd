"""A run's numbers as curves: line charts in SVG, drawn without any plotting library and coloured by the page around."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from pushforward.report.folder import Series
from pushforward.report.rounding import short

WIDTH, HEIGHT = 360, 200  # a phone's width, so that letters keep their size there
LEFT, RIGHT, TOP, BOTTOM = 46, 8, 8, 24
MOST_POINTS = 600  # of a series; a longer one keeps the lowest and highest of every stretch
LOG_FROM = 30.0  # a positive chart that spans this ratio gets a logarithmic axis

# Okabe and Ito's colours, where the page sets none by --series-1 and on.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
DASHES = ("", "5 2", "2 2", "8 2 2 2")  # colour is never the only difference


@dataclass(frozen=True)
class Line:
    """One series of a chart, with its legend.

    Args:
        name: what the legend says.
        series: (round, value) by rising round; what is not finite leaves a gap.
        error: standard errors by round, drawn as a band of one to either side.
    """

    name: str
    series: Series
    error: Series | None = None

    @property
    def finite(self) -> list[float]:
        """The values that are numbers."""
        return [value for _, value in self.series if math.isfinite(value)]

    @property
    def edges(self) -> list[float]:
        """Where the band ends, below and above."""
        errors = dict(self.error or [])
        ends = [value + sign * errors[r] for r, value in self.series if r in errors for sign in (-1, 1)]
        return [end for end in ends if math.isfinite(end)]

    @property
    def summary(self) -> dict[str, str]:
        """Last, lowest and highest value, and how many are not finite."""
        values = self.finite
        low, high = (short(min(values), 3), short(max(values), 3)) if values else ("", "")
        broken = len(self.series) - len(values)
        return {"last": short(self.series[-1][1], 3), "low": low, "high": high, "broken": str(broken) if broken else ""}


@dataclass(frozen=True)
class Chart:
    """Lines over rounds, in one pair of axes.

    Args:
        title: what is drawn.
        lines: the lines; at least one, none of them empty.
    """

    title: str
    lines: list[Line]

    @property
    def logarithmic(self) -> bool:
        """Whether values are all positive and far apart."""
        values = [value for line in self.lines for value in line.finite]
        return bool(values) and min(values) > 0 and max(values) / min(values) >= LOG_FROM

    @property
    def description(self) -> str:
        """The chart in words, for those who do not see it."""
        parts = []
        for line in self.lines:
            s = line.summary
            parts.append(f"{line.name}: {len(line.series)} points, from {s['low']} to {s['high']}, last {s['last']}")
        return "; ".join(parts) + (" (logarithmic axis)." if self.logarithmic else ".")

    def svg(self, key: str) -> str:
        """The chart as an SVG element; `key` makes its ids differ from those of other charts on the page."""
        across, up, x_ticks, y_ticks = self._axes()
        inner = [_ticks(x_ticks, y_ticks, across, up)]
        inner += [_band(line, i, across, up) for i, line in enumerate(self.lines) if line.error]
        inner += [_path(line, i, across, up) for i, line in enumerate(self.lines)]
        return (
            f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{key}-t {key}-d">'
            f'<title id="{key}-t">{escape(self.title)}</title><desc id="{key}-d">{escape(self.description)}</desc>'
            f"{''.join(inner)}</svg>"
        )

    def _axes(self) -> tuple[Callable[[float], float], Callable[[float], float], list[float], list[float]]:
        """From round and value to pixels, and where ticks stand."""
        rounds = [round_ for line in self.lines for round_, _ in line.series]
        values = [v for line in self.lines for v in line.finite] or [0.0]
        first, last = min(rounds), max(max(rounds), min(rounds) + 1)
        reach = values if self.logarithmic else values + [edge for line in self.lines for edge in line.edges]
        low, high = min(reach), max(reach)
        width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        scale: Callable[[float], float] = (
            (lambda v: math.log10(v) if v > 0 else -math.inf) if self.logarithmic else float
        )
        bottom, top = scale(low), scale(high)
        pad = 0.05 * (top - bottom) or 0.05 * abs(top) or 1.0
        bottom, top = bottom - pad, top + pad

        def across(round_: float) -> float:
            return LEFT + (round_ - first) / (last - first) * width

        def up(value: float) -> float:
            part = (scale(value) - bottom) / (top - bottom)
            return TOP + (1 - min(max(part, 0.0), 1.0)) * height

        y_ticks = decades(bottom, top) if self.logarithmic else even(bottom, top)
        return across, up, [t for t in even(first, last, 4) if t == int(t)], y_ticks


def charts(metrics: dict[str, Series]) -> list[tuple[str, list[Chart]]]:
    """The metrics of a run under headings: measures; costs and gradient norms by player; what else was logged."""
    measures: list[Chart] = []
    costs: dict[str, list[Line]] = {}
    norms: list[Line] = []
    health: dict[str, list[Line]] = {}
    others: dict[str, list[Line]] = {}
    for name, series in metrics.items():
        head, _, rest = name.partition("/")
        if head in ("validation", "test"):
            measures += _measure(name, rest, metrics)
        elif head == "cost" and rest:
            player, _, term = rest.partition("/")
            costs.setdefault(player, []).append(Line(term or player, series))
        elif head == "gradient-norm" and rest:
            norms.append(Line(rest, series))
        elif head == "health" and rest:
            what, of = _health(rest)
            health.setdefault(what, []).append(Line(of, series))
        else:
            others.setdefault(head, []).append(Line(rest or head, series))
    training = [Chart(f"cost of {player}", lines) for player, lines in costs.items()]
    training += [Chart("gradient norms", norms)] if norms else []
    well = [Chart(what, lines) for what, lines in health.items()]
    other = [Chart(head, lines) for head, lines in others.items()]
    found = {
        "Measures while training": measures,
        "Costs and gradients": training,
        "Health": well,
        "Other numbers": other,
    }
    return [(heading, drawn) for heading, drawn in found.items() if drawn]


def _health(name: str) -> tuple[str, str]:
    """The chart that a number of health belongs to, and its line there."""
    titles = {"slope": "slope of the critic", "gap": "logits above those of generated data", "coverage": "coverage"}
    kind, _, rest = name.partition("/")
    if kind == "share":
        player, _, term = rest.partition("/")
        return f"shares in the gradient of {player}", term
    return titles.get(kind, kind), rest


def _measure(name: str, rest: str, metrics: dict[str, Series]) -> list[Chart]:
    """The chart of a measure, or of a number that belongs to one; constants and errors stand in the table."""
    parent = max((other for other in metrics if name.startswith(f"{other}/")), key=len, default="")
    further = name[len(parent) + 1 :] if parent else ""
    values = {value for _, value in metrics[name]}
    if further == "n" or further.endswith("standard_error") or (further and len(values) < 2):
        return []
    if name.startswith("test/") and len(metrics[name]) < 2:  # what was measured once
        return []
    measure = parent.partition("/")[2] if parent else rest
    title = measure + (f": {further}" if further else "") + (" (test)" if name.startswith("test/") else "")
    error = metrics.get(f"{name}_standard_error" if further else f"{name}/standard_error")
    return [Chart(title, [Line(further or measure, metrics[name], error)])]


def thinned(series: Series) -> Series:
    """A series of at most 600 points that looks the same: of every stretch its lowest and highest are kept."""
    if len(series) <= MOST_POINTS:
        return series
    stretches = MOST_POINTS // 2
    kept: Series = []
    for i in range(stretches):
        stretch = series[len(series) * i // stretches : len(series) * (i + 1) // stretches]
        broken = [point for point in stretch if not math.isfinite(point[1])]
        low = min(stretch, key=lambda point: point[1]) if not broken else broken[0]
        high = max(stretch, key=lambda point: point[1]) if not broken else broken[0]
        kept += sorted({low, high})
    return kept


def even(low: float, high: float, most: int = 5) -> list[float]:
    """At most about `most` round numbers between two, evenly spaced."""
    raw = (high - low) / most
    unit = 10 ** math.floor(math.log10(raw))
    step = next(unit * m for m in (1, 2, 5, 10) if unit * m >= raw * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def decades(low: float, high: float) -> list[float]:
    """Powers of ten between 10^low and 10^high; with 3 times them where there would be few."""
    span = range(math.ceil(low), math.floor(high) + 1)
    if len(span) < 3:
        between = [(m, e) for e in range(math.floor(low), math.ceil(high) + 1) for m in (1, 3)]
        return [m * 10.0**e for m, e in between if low <= math.log10(m) + e <= high]
    return [10.0**e for e in span[:: -(-len(span) // 5)]]


def _ticks(x_ticks: list[float], y_ticks: list[float], across: Callable, up: Callable) -> str:
    marks = []
    for value in y_ticks:
        y = f"{up(value):.1f}"
        marks.append(f'<line class="rule" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        marks.append(f'<text class="tick" x="{LEFT - 6}" y="{y}" dy=".35em" text-anchor="end">{_tick(value)}</text>')
    for value in x_ticks:
        x, anchor = across(value), "middle"
        anchor = "end" if x > WIDTH - RIGHT - 14 else anchor
        marks.append(f'<text class="tick" x="{x:.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{_tick(value)}</text>')
    return f"<g>{''.join(marks)}</g>"


def _tick(value: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= 10 * size or (abs(value) >= size and value % (size / 10) == 0):
            return short(value / size, 3) + letter if abs(value) < 1e9 else short(value, 2)
    return short(value, 3)


def _path(line: Line, index: int, across: Callable, up: Callable) -> str:
    """The line, broken where a value is not finite; a dot at its end, and wherever a point stands alone."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for round_, value in thinned(line.series):
        if math.isfinite(value):
            pieces[-1].append((across(round_), up(value)))
        elif pieces[-1]:
            pieces.append([])
    pieces = [piece for piece in pieces if piece]
    if not pieces:
        return ""
    d = "".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in piece) for piece in pieces)
    dots = [piece[0] for piece in pieces if len(piece) == 1] + [pieces[-1][-1]]
    colour = colour_of(index)
    dash = f' stroke-dasharray="{DASHES[index % len(DASHES)]}"' if DASHES[index % len(DASHES)] else ""
    circles = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.2" style="fill:{colour}"/>' for x, y in dots)
    return f'<path class="line" fill="none" style="stroke:{colour}"{dash} d="{d}"/>{circles}'


def _band(line: Line, index: int, across: Callable, up: Callable) -> str:
    errors = dict(line.error or [])
    points = [
        (r, v, errors[r])
        for r, v in thinned(line.series)
        if math.isfinite(v) and math.isfinite(errors.get(r, math.nan))
    ]
    if len(points) < 2:
        return ""
    edge = [f"{across(r):.1f},{up(v + e):.1f}" for r, v, e in points]
    edge += [f"{across(r):.1f},{up(v - e):.1f}" for r, v, e in reversed(points)]
    return f'<polygon class="band" style="fill:{colour_of(index)}" fill-opacity=".18" points="{" ".join(edge)}"/>'


def colour_of(index: int) -> str:
    """A line's colour: the page's variable, and what stands for it where the page sets none."""
    i = index % len(COLOURS)
    return f"var(--series-{i + 1},{COLOURS[i]})"
