"""Pictures of a NEIS: where walkers go, and how its estimate comes to rest beside those of others."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from PIL import Image
from pydantic import PositiveInt

from pushforward import Estimate, Estimator, Look, Target, UserError, Watcher

INK, GREY, FAINT = "#202124", "#9aa0a6", "#dadce0"
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")


class Trajectories(Watcher):
    """Draw where walkers go in the window, each in the colour of its weight, over the target.

    A dot is where a walker starts. Dark lines have weights near Z or above, pale ones next to none. Of data with more
    than two numbers the first two are drawn; grey dots are exact samples, where the target has any.

    Args:
        walkers: how many are drawn.

    Raises:
        UserError: if there is none or, when drawing, if the model has no walkers or a datum is one number.
    """

    def __init__(self, walkers: PositiveInt = 60) -> None:
        if walkers < 1:
            raise UserError(f"walkers is {walkers}: expected at least 1")
        self.walkers = walkers

    @torch.no_grad()
    def picture(self, look: Look) -> Image.Image:
        """The picture of this round, in RGB."""
        game: Any = look.game
        if not hasattr(game, "trajectories"):
            raise UserError(f"trajectories: {type(look.game).__name__} has no walkers; it is for neis")
        if tuple(look.target.shape) < (2,):
            raise UserError("trajectories draws a plane, and a datum is one number: leave it out of `watch`")
        starts, paths, log_a = game.trajectories(self.walkers, look.draw("trajectories", self.walkers))
        lines, starts = paths[..., :2].transpose(0, 1).cpu().numpy(), starts[:, :2].cpu().numpy()
        figure, axes = _sheet(f"round {look.round} · {self.walkers} walkers")
        behind = [lines.reshape(-1, 2)]
        if type(look.target).sample is not Target.sample:
            data = look.real(1000).x[:, :2].cpu().numpy()
            axes.scatter(data[:, 0], data[:, 1], s=3, c=FAINT, linewidths=0)
            behind.append(data)
        share = (log_a - log_a.max()).exp().sqrt().cpu().numpy()
        axes.add_collection(LineCollection(list(lines), array=share, cmap="YlGnBu", clim=(-0.3, 1.0), linewidths=1.0))
        axes.scatter(starts[:, 0], starts[:, 1], s=6, c=INK, linewidths=0)
        seen = np.concatenate(behind)
        seen = seen[np.isfinite(seen).all(1)]
        low, high = np.quantile(seen, [0.002, 0.998], axis=0) if len(seen) else (np.full(2, -4.0), np.full(2, 4.0))
        side, middle = 1.15 * max(float((high - low).max()), 1e-3), (low + high) / 2
        axes.set_xlim(middle[0] - side / 2, middle[0] + side / 2)
        axes.set_ylim(middle[1] - side / 2, middle[1] + side / 2)
        axes.set_aspect("equal")
        return _painted(figure)


class LogZTrace(Watcher):
    r"""Draw the estimate of log Z with its error over what it has cost, beside those of other estimators.

    Each point is an estimate of its own, with its 95 % interval, from twice the evaluations of the one before;
    evaluations of U and of its gradient count alike, and those of training come first. A line is the truth, where the
    target knows it.

    Args:
        estimators: others to draw, such as `annealed-importance-sampling`.
        evaluations: what the last estimate of each may cost.
        points: how many estimates each has.

    Raises:
        UserError: if there is no point, or (when drawing) if there is nothing that estimates.
    """

    def __init__(
        self,
        estimators: list[Estimator] = [],  # noqa: B006
        evaluations: PositiveInt = 200_000,
        points: PositiveInt = 6,
    ) -> None:
        if points < 1 or evaluations < 1:
            raise UserError(f"points is {points} and evaluations {evaluations}: expected at least 1")
        self.estimators, self.evaluations, self.points = estimators, evaluations, points

    @torch.no_grad()
    def picture(self, look: Look) -> Image.Image:
        """The picture of this round, in RGB."""
        game: Any = look.game
        own = getattr(game, "estimate", None)
        asked = ([(_words(type(game)), own)] if own else []) + [(_words(type(e)), e.estimate) for e in self.estimators]
        if not asked:
            raise UserError(f"log-z-trace: {type(game).__name__} estimates no log Z; give it estimators")
        figure, axes = _sheet(f"round {look.round} · log Z against what it has cost")
        ends = []
        for i, (name, estimate) in enumerate(asked):
            before = game.spent.evaluations + game.spent.gradients if i == 0 and hasattr(game, "spent") else 0
            found = []
            for k in range(self.points):
                budget = self.evaluations >> (self.points - 1 - k)
                try:
                    found.append(estimate(look.target, budget, look.draw(f"trace-{name}-{k}", 1)))
                except UserError:  # so few evaluations do not pay
                    continue
            ends += _drawn(axes, found, before, PALETTE[i % len(PALETTE)], name)
        if look.log_z is not None:
            axes.axhline(look.log_z, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
            ends.append(look.log_z)
        if ends:
            middle, reach = float(np.median(ends)), max(1.5 * float(np.ptp(ends)), 0.05)
            axes.set_ylim(middle - min(reach, 5.0), middle + min(reach, 5.0))
        axes.set_xscale("log")
        axes.set_xlabel("evaluations of U and of its gradient", fontsize=8)
        axes.set_ylabel("log Z", fontsize=8)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=7, frameon=False)
        return _painted(figure)


def _drawn(axes: Axes, found: list[Estimate], before: int, colour: str, name: str) -> list[float]:
    """Draw the finite ones with their intervals; gives what the last of them says."""
    finite = [e for e in found if np.isfinite(e.log_z)]
    if not finite:
        return []
    cost = [before + e.evaluations + e.gradient_evaluations for e in finite]
    value = np.array([e.log_z for e in finite])
    reach = np.array([min(1.96 * e.standard_error, 1e3) for e in finite])
    axes.errorbar(cost, value, reach, fmt="o-", color=colour, markersize=3, linewidth=1, capsize=2, label=name)
    return [float(value[-1])]


def _words(kind: type) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", kind.__name__).lower()


def _sheet(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(4.8, 4.8), dpi=100, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=10, color=INK, loc="left")
    axes.tick_params(labelsize=8, colors=GREY, length=2)
    for spine in axes.spines.values():
        spine.set_color(FAINT)
    return figure, axes


def _painted(figure: Figure) -> Image.Image:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
