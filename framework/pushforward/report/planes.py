"""The eigenvalues of a grid's cells in one plane: how they move as what is swept changes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pushforward.report.maps import dress, finite

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 100
MOST_LABELS = 24
DIGITS = 9  # after which eigenvalues, relative to the largest, are the same
KNOWN = re.compile(r"eigenvalue-(\d+)-real")  # what a game knows of its eigenvalues, by number
REAL, IMAGINARY = "real", "imaginary"  # what is computed: the least stable one of the field

Results = dict[str, Any]


def eigenvalue_plane(results: Results) -> Figure | None:
    """The field's eigenvalues of every group, a colour each: crosses as computed, circles as known in closed form.

    Of groups with the same ones the first stands for all.

    Args:
        results: of a grid.

    Returns:
        The picture; None where no measure tells eigenvalues, all groups have the same, or too many differ.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    groups = _distinct([group for group in results["groups"] if computed(group) or known(group)])
    if not 1 < len(groups) <= MOST_LABELS:
        return None
    figure = Figure(figsize=(6.4, 4.4), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.axhline(0, color="#9aa0a6", linewidth=0.8)
    axes.axvline(0, color="#9aa0a6", linewidth=0.8, linestyle=":")
    handles = []
    for i, group in enumerate(groups):
        colour = colormaps["viridis"](0.95 * i / (len(groups) - 1))
        _points(axes, known(group), "o", colour, 8)
        _points(axes, computed(group), "x", colour, 5)
        handles.append(Line2D([], [], marker="s", linestyle="", color=colour, label=group["label"]))
    marks = [("o", "closed form", known), ("x", "computed", computed)]
    handles += [
        Line2D([], [], marker=mark, linestyle="", color="black", fillstyle="none", label=label)
        for mark, label, of in marks
        if any(of(group) for group in groups)
    ]
    dress(axes, "real part: below 0 play comes nearer", "imaginary part: other than 0 it turns")
    where = "at the equilibrium" if all(map(_settled, groups)) else "at the equilibrium, or else where play ended"
    axes.set_title(f"eigenvalues of the flow {where}", fontsize=10, loc="left")
    figure.legend(handles=handles, loc="outside right upper", fontsize=8, frameon=False)
    return figure


def _distinct(groups: Sequence[Results]) -> list[Results]:
    """The first of every set of eigenvalues, up to rounding."""
    sets = [computed(group) + known(group) for group in groups]
    size = max((abs(value) for values in sets for value in values), default=0.0) or 1.0
    first: dict[frozenset[tuple[float, float]], Results] = {}
    for group, values in zip(groups, sets, strict=True):
        rounded = frozenset((round(v.real / size, DIGITS) + 0.0, round(v.imag / size, DIGITS) + 0.0) for v in values)
        first.setdefault(rounded, group)
    return list(first.values())


def known(group: Results) -> list[complex]:
    """The eigenvalues that a measure names by number."""
    found = {}
    for numbers in group["measures"].values():
        for match in filter(None, map(KNOWN.fullmatch, numbers)):
            found[match[1]] = complex(finite(numbers, match[0]), finite(numbers, f"eigenvalue-{match[1]}-imaginary"))
    return list(found.values())


def computed(group: Results) -> list[complex]:
    """The least stable eigenvalue that a measure computed, with its conjugate."""
    found = []
    for numbers in group["measures"].values():
        if REAL in numbers and IMAGINARY in numbers:
            value = complex(finite(numbers, REAL), finite(numbers, IMAGINARY))
            found += [value, value.conjugate()]
    return found


def _settled(group: Results) -> bool:
    """Whether what was computed is of an equilibrium."""
    return all(finite(numbers, "settled") != 0 for numbers in group["measures"].values() if "settled" in numbers)


def _points(axes: Any, values: Sequence[complex], mark: str, colour: Any, size: float) -> None:
    if values:
        x, y = [value.real for value in values], [value.imag for value in values]
        axes.plot(x, y, mark, color=colour, markersize=size, fillstyle="none", markeredgewidth=1.4, linestyle="")
