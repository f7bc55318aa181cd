"""The pictures of a diagnosis: eigenvalues, contraction against prediction, and the field with the orbit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter
from PIL import Image

from pushforward.builder import Built
from pushforward.plan import Planned
from pushforward.problem import RunFailed
from pushforward.randomness import Draw
from pushforward.report.eigenvalues import eigenvalue_figure
from pushforward.report.folder import Series
from pushforward.report.verdict import picture_file
from pushforward.reporter import looking
from pushforward.settle import find_equilibrium, flat
from pushforward.stability import acts_on_each, shared_descent
from pushforward.trace import Trace
from pushforward.watchers.orbit import Orbit
from pushforward.watchers.plane import DATA, DPI, INK, MODEL, painted

STABLE = "#0072b2"
ROUNDING = 1e-12  # a distance below this share of the largest is no longer motion
NAMES = ("eigenvalues", "contraction", "orbit")

Verdict = dict[str, Any]
Drawn = tuple[str, str, Image.Image]  # name, caption, picture


def draw_diagnosis(built: Built, verdict: Verdict, history: dict[str, Series], folder: Path) -> dict[str, str]:
    """Draw what a verdict rests on into images/, and take away what an earlier diagnosis drew.

    Args:
        built: the run, at the round that was judged.
        verdict: with its evidence and spectrum.
        history: metrics.csv by column.
        folder: the run's folder.

    Returns:
        The caption of each picture, by its name.

    Raises:
        RunFailed: if the disk does not take them.
    """
    pictures = {name: (caption, image) for name, caption, image in _pictures(built, verdict, history)}
    try:
        (folder / "images").mkdir(exist_ok=True)
        for name in NAMES:
            path = picture_file(folder, name)
            if name not in pictures:
                path.unlink(missing_ok=True)
                continue
            part = path.with_suffix(".png.part")
            pictures[name][1].save(part, format="PNG")
            os.replace(part, path)
    except OSError as error:
        raise RunFailed(f"the pictures of {folder} cannot be written: {error.strerror or error}") from None
    return {name: caption for name, (caption, _) in pictures.items()}


def _pictures(built: Built, verdict: Verdict, history: dict[str, Series]) -> Iterator[Drawn]:
    play = built.play
    play.follow_schedules(max(play.played - 1, 0))  # the steps of the round that was judged
    figure = eigenvalue_figure(play, rule_name(built), verdict)
    if figure is not None:
        yield "eigenvalues", eigenvalues_caption(built), painted(figure)
    trace = play.trace
    if trace.small and trace.points is not None:
        figure, caption = _orbit_figure(built, trace, verdict)
        yield "contraction", caption, painted(figure)
        if trace.points.shape[1] == 2:
            with looking(built, "validation") as look:
                yield "orbit", "the flow, and the orbit that was played over it", Orbit().picture(look)
    else:
        found = _series_figure(built, verdict, history) or _norm_figure(trace)
        if found is not None:
            yield "contraction", found[1], painted(found[0])


def rule_name(built: Built) -> str:
    """What the recipe calls the rule that was played."""
    planned = built.plan.model.argument("rule")
    return planned.component.name if isinstance(planned, Planned) else "alternating"


def eigenvalues_caption(built: Built) -> str:
    """What the picture of eigenvalues shows, and why it shows no region where it does not."""
    name, play = rule_name(built), built.play
    ringed = "eigenvalues of the field and of a round, the one that decides ringed, residuals as discs"
    if shared_descent(play) is None:
        return f"{ringed}; players share no plain step, so {name} has no region in the plane of the field"
    if not acts_on_each(play.rule):
        return f"{ringed}; {name} tells players apart, so it has no region in the plane of the field"
    return f"{ringed}; {name} contracts what lies in the blue"


def _orbit_figure(built: Built, trace: Trace, verdict: Verdict) -> tuple[Figure, str]:
    """The distance from the equilibrium over rounds, beside the slope that the spectrum predicts."""
    distance, what = distances(built)
    rounds = trace.rounds.numpy()
    figure, axes = _sheet()
    moving = distance > ROUNDING * distance.max(initial=0.0)
    axes.semilogy(rounds[moving], distance[moving], color=MODEL, linewidth=1.2, label="played")
    radius = verdict["evidence"].get("predicted-contraction")
    if isinstance(radius, float) and radius > 0 and moving.sum() > 8:
        near = nearest_stretch(distance, moving)
        middle = float(np.log(distance[near]).mean() - np.log(radius) * rounds[near].mean())
        line = np.exp(np.clip(middle + np.log(radius) * rounds, -700, 700))
        low, high = axes.get_ylim()
        label = f"predicted: {radius:.6g} a round"
        axes.semilogy(rounds, line, color=STABLE, linewidth=1.2, linestyle="--", label=label)
        axes.set_ylim(low, high)
    low, high = axes.get_ylim()
    if high < 100 * low:  # powers of ten alone would leave few numbers
        axes.yaxis.set_major_formatter(FormatStrFormatter("%.3g"))
        axes.yaxis.set_minor_formatter(FormatStrFormatter("%.3g"))
    axes.set_ylabel(what, fontsize=8, color=INK)
    axes.legend(fontsize=8, framealpha=0.85, edgecolor="none")
    return figure, "distance over rounds, beside the slope that the spectrum predicts near the equilibrium"


def distances(built: Built) -> tuple[np.ndarray, str]:
    """How far each kept point of a small game is from its equilibrium, and from what."""
    play, points = built.play, built.play.trace.points
    if points is None:
        return np.zeros(0), ""
    middle = points[len(points) // 2 :].mean(0)
    draw = Draw(play.seed, ("diagnosis", 0), 512, device=play.device)
    turn = draw.with_data(*built.target.batch(draw)) if play.game.needs_data else draw
    centre = find_equilibrium(play, turn)
    away = points - (middle if centre is None else flat(centre, play).cpu())
    what = "distance from the mean of the orbit's later half" if centre is None else "distance from the equilibrium"
    return away.norm(dim=1).numpy(), what


def nearest_stretch(distance: np.ndarray, moving: np.ndarray) -> np.ndarray:
    """The first or last third of a series, as indices: the one nearer to the equilibrium, where the spectrum speaks."""
    where = np.flatnonzero(moving)
    thirds = where[: max(len(where) // 3, 2)], where[-max(len(where) // 3, 2) :]
    return min(thirds, key=lambda part: float(np.log(distance[part]).mean()))


def _series_figure(built: Built, verdict: Verdict, history: dict[str, Series]) -> tuple[Figure, str] | None:
    """The measure that the verdict read, with its errors, its trend and its later half."""
    name = next((name for name in built.measures if f"{name}-trend" in verdict["evidence"]), None)
    series = history.get(f"validation/{name}", [])
    if name is None or not series:
        return None
    rounds, values = np.array(series, dtype=float).T
    errors = dict(history.get(f"validation/{name}/standard_error", []))
    band = np.array([errors.get(int(r), 0.0) for r in rounds])
    half = len(values) // 2
    later = rounds[half:]
    figure, axes = _sheet()
    axes.axvspan(later[0], later[-1], color=DATA, alpha=0.12, linewidth=0, label="what was judged")
    axes.fill_between(rounds, values - band, values + band, color=MODEL, alpha=0.2, linewidth=0)
    axes.plot(rounds, values, color=MODEL, linewidth=1.2, label=name)
    trend = verdict["evidence"][f"{name}-trend"]
    line = values[half:].mean() + trend * np.linspace(-0.5, 0.5, len(later))
    axes.plot(later, line, color=STABLE, linewidth=1.2, linestyle="--", label=f"trend {trend:+.3g}")
    axes.set_ylabel(name, fontsize=8, color=INK)
    axes.legend(fontsize=8, framealpha=0.85, edgecolor="none")
    return figure, f"{name} over rounds with its standard error, and its trend over the later half"


def _norm_figure(trace: Trace) -> tuple[Figure, str] | None:
    """How strong the field was, where no measure was read."""
    rounds, norms = trace.rounds.numpy(), trace.norms.numpy()
    seen = np.isfinite(norms) & (norms > 0)
    if seen.sum() < 2:
        return None
    figure, axes = _sheet()
    axes.semilogy(rounds[seen], norms[seen], color=MODEL, linewidth=1.0)
    axes.set_ylabel("norm of the joint field", fontsize=8, color=INK)
    return figure, "how strong the joint field was in every round"


def _sheet() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.4, 4.2), dpi=DPI, layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    axes.set_xlabel("round", fontsize=8, color=INK)
    axes.tick_params(labelsize=8, colors="#5f6368", length=2, which="both")
    for spine in axes.spines.values():
        spine.set_color("#dadce0")
    return figure, axes
