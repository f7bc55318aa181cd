"""Eigenvalues in the plane: of the field over the region where the rule contracts, of a round in the unit disc."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from pushforward.optimizers import SGD
from pushforward.play import Play
from pushforward.report.verdict import listed
from pushforward.rules.rule import Rule
from pushforward.stability import acts_on_each, round_radius, shared_descent
from pushforward.watchers.plane import DPI, INK, MODEL

SIDE = 3.4  # inches of a panel
CELLS = 121  # points along a side on which a region is computed
STABLE = "#0072b2"
SEEN = 0.004  # share of the window from which a residual is drawn
CLOSE = 6.0  # half-width of a closer look, in distances from the boundary


class View(NamedTuple):
    """A square window.

    Attributes:
        x: its middle, across.
        y: its middle, upwards.
        half: half of its side.
    """

    x: float
    y: float
    half: float


class Plane(NamedTuple):
    """What one column of the picture shows.

    Attributes:
        values: eigenvalues, (N,), complex.
        residuals: of each, in the same unit.
        leading: the one that decides, with an imaginary part of at least 0.
        rule: whose region is drawn; None draws none.
        descent: how players step, where there is a region.
        labels: of both axes.
        title: what is shown.
        disc: whether the boundary is the unit circle.
    """

    values: np.ndarray
    residuals: np.ndarray
    leading: complex
    rule: Rule | None
    descent: SGD | None
    labels: tuple[str, str]
    title: str
    disc: bool


def eigenvalue_figure(play: Play, rule_name: str, verdict: dict[str, Any]) -> Figure | None:
    """The eigenvalues that a verdict holds, as a whole and closer to the boundary of stability; None if it has none."""
    columns = [plane for plane in (_of_field(play, rule_name, verdict), _of_round(verdict)) if plane is not None]
    if not columns:
        return None
    views = [(plane, whole := whole_view(plane), closer_view(plane, whole)) for plane in columns]
    rows = 2 if any(closer is not None for _, _, closer in views) else 1
    figure = Figure(figsize=(SIDE * len(columns), SIDE * rows), dpi=DPI, layout="constrained", facecolor="white")
    for column, (plane, whole, closer) in enumerate(views):
        _draw(figure.add_subplot(rows, len(columns), column + 1), plane, whole, plane.title)
        if closer is not None:
            axes = figure.add_subplot(rows, len(columns), len(columns) + column + 1)
            _draw(axes, plane, closer, "closer")
    return figure


def _of_field(play: Play, rule_name: str, verdict: dict[str, Any]) -> Plane | None:
    pairs = listed(verdict, "field")
    evidence = verdict["evidence"]
    if not pairs:
        return None
    descent = shared_descent(play)
    rule = play.rule if descent is not None and acts_on_each(play.rule) else None
    step = descent.lr if descent is not None else 1.0
    values, residuals = _arrays(pairs)
    leading = complex(evidence.get("eigenvalue-real", 0.0), evidence.get("eigenvalue-imaginary", 0.0))
    if rule is not None:
        title = f"field times step {step:.3g}, {rule_name}"
    elif descent is not None:
        title = f"field times step {step:.3g}; no region"
    else:
        title = "field; no shared step, no region"
    name = "h λ" if descent is not None else "λ"
    labels = (f"Re {name} (flow stable below 0)", f"Im {name}")
    return Plane(values * step, residuals * step, leading * step, rule, descent, labels, title, False)


def _of_round(verdict: dict[str, Any]) -> Plane | None:
    pairs = listed(verdict, "round")
    if not pairs:
        return None
    values, residuals = _arrays(pairs)
    radius = verdict["evidence"].get("predicted-contraction", np.abs(values).max())
    leading = complex(values[np.argmin(np.abs(np.abs(values) - radius))])
    leading = complex(leading.real, abs(leading.imag))
    title = f"a round: modulus {radius:.6g}"
    return Plane(values, residuals, leading, None, None, ("Re λ", "Im λ"), title, True)


def _arrays(pairs: list[tuple[float, float, float]]) -> tuple[np.ndarray, np.ndarray]:
    numbers = np.array(pairs, dtype=float)
    return numbers[:, 0] + 1j * numbers[:, 1], numbers[:, 2]


def whole_view(plane: Plane) -> View:
    """All eigenvalues, and the region or the disc."""
    reach = 1.25 * float(np.abs(plane.values).max(initial=0.0))
    if plane.disc:
        return View(0.0, 0.0, max(reach, 1.25))
    if plane.rule is not None:
        return View(-1.0, 0.0, 2.5) if reach < 1.4 else View(0.0, 0.0, max(reach, 3.2))
    return View(0.0, 0.0, reach or 1.0)


def closer_view(plane: Plane, whole: View) -> View | None:
    """The decisive eigenvalue and the boundary beside it, where the whole picture cannot tell them apart."""
    size = abs(plane.leading)
    if plane.disc:
        away = abs(size - 1)
        least = 1e-3
    elif plane.rule is not None and plane.descent is not None:
        away = abs(
            float(round_radius(plane.rule, plane.descent, torch.tensor([plane.leading], dtype=torch.complex128))) - 1
        )
        least = 0.05 * size
    else:
        return View(0.0, 0.0, 2 * size) if 0 < size < 0.1 * whole.half else None
    half = max(CLOSE * away, least)
    return View(plane.leading.real, plane.leading.imag, half) if 0 < half < 0.3 * whole.half else None


def _draw(axes: Axes, plane: Plane, view: View, title: str) -> None:
    axes.set_title(title, fontsize=9, color=INK, loc="left")
    axes.set_xlim(view.x - view.half, view.x + view.half)
    axes.set_ylim(view.y - view.half, view.y + view.half)
    axes.set_aspect("equal")
    axes.axhline(0, color="#dadce0", linewidth=0.8, zorder=0)
    axes.axvline(0, color="#dadce0" if plane.disc else INK, linewidth=0.8, linestyle="-" if plane.disc else ":")
    if plane.disc:
        angle = np.linspace(0, 2 * math.pi, 20001)
        axes.fill(np.cos(angle), np.sin(angle), color=STABLE, alpha=0.10, linewidth=0)
        axes.plot(np.cos(angle), np.sin(angle), color=STABLE, linewidth=1.0)
    elif plane.rule is not None and plane.descent is not None:
        _region(axes, plane.rule, plane.descent, view)
    for value, residual in zip(plane.values, plane.residuals, strict=True):
        if residual > SEEN * view.half:
            axes.add_patch(Circle((value.real, value.imag), residual, color=MODEL, alpha=0.15, linewidth=0))
    axes.plot(plane.values.real, plane.values.imag, "o", color=MODEL, markersize=4.5, markeredgecolor="white", mew=0.6)
    axes.plot(plane.leading.real, plane.leading.imag, "o", color="none", markeredgecolor=INK, markersize=9, mew=0.9)
    axes.set_xlabel(plane.labels[0], fontsize=8, color=INK)
    axes.set_ylabel(plane.labels[1], fontsize=8, color=INK)
    axes.tick_params(labelsize=8, colors="#5f6368", length=2)
    axes.locator_params(nbins=5)
    axes.ticklabel_format(useOffset=False)
    for spine in axes.spines.values():
        spine.set_color("#dadce0")


def _region(axes: Axes, rule: Rule, descent: SGD, view: View) -> None:
    """Where one round of the rule contracts, by computing its radius on a grid."""
    across = np.linspace(view.x - view.half, view.x + view.half, CELLS)
    up = np.linspace(view.y - view.half, view.y + view.half, CELLS)
    places = torch.as_tensor(across[None, :] + 1j * up[:, None])
    growth = (round_radius(rule, descent, places) - 1).numpy()
    axes.contourf(across, up, growth, levels=[-1.0, 0.0], colors=[STABLE], alpha=0.10, zorder=0)
    axes.contour(across, up, growth, levels=[0.0], colors=[STABLE], linewidths=1.0, zorder=0)
