"""Pictures of an alignment: both shapes before and after, and the reparametrisation itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from pushforward import Look, UserError, Watcher
from pushforward_shapes.alignment import ShapeAlignment

FIXED, MOVING, KNOWN, INK, EDGE = "#3c4043", "#d55e00", "#0072b2", "#202124", "#dadce0"
FINE = 400  # points along a drawn line


class AlignedShapes(Watcher):
    """Draw both shapes before and after, with what belongs together joined.

    A thin line joins the places that both shapes have reached at the same time, of curves at equal times, of surfaces
    at the corners of a net. Of a shape against itself these lines vanish where it is aligned; of two different shapes
    they become as short as shapes allow. Of more than three coordinates the first three are drawn.

    Args:
        marks: how many places are joined, in each direction.

    Raises:
        UserError: if there are fewer than 2 marks, or (when drawing) if the model is not `shape-alignment`.
    """

    def __init__(self, marks: int = 16) -> None:
        if marks < 2:
            raise UserError(f"aligned-shapes: marks is {marks}, expected at least 2")
        self.marks = marks

    @torch.no_grad()
    def picture(self, look: Look) -> Image.Image:
        """The picture of this round, in RGB."""
        game = aligned(look, "aligned-shapes")
        figure = Figure(figsize=(8.4, 4.4), dpi=100, layout="constrained", facecolor="white")
        canvas = FigureCanvasAgg(figure)
        panels = {"before": game.distance_before(), f"round {look.round}": game.distance(game.points_each_way)}
        for number, (title, distance) in enumerate(panels.items(), start=1):
            flat = game.shapes.moving.space == 2
            axes: Any = figure.add_subplot(1, 2, number, **({} if flat else {"projection": "3d"}))
            axes.set_title(f"{title} · squared distance {float(distance):.4g}", fontsize=10, color=INK, loc="left")
            self._draw(axes, game, moved=number == 2)
            plain(axes)
            axes.set_aspect("equal")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", fontsize=8, ncols=2, frameon=False)
        return painted(canvas)

    def _draw(self, axes: Any, game: ShapeAlignment, moved: bool) -> None:
        d = game.shapes.moving.parameters
        for label, colour, held in (("fixed", FIXED, True), ("moving", MOVING, False)):
            drawn = together([_on(game, line, held, moved) for line in lines(d, self.marks)])
            axes.plot(*drawn, color=colour, linewidth=1.6 if d == 1 else 0.6, label=label)
        marks = torch.linspace(0, 1, self.marks, dtype=torch.float64)
        at = torch.cartesian_prod(*[marks] * d).view(-1, d)
        here, there = _on(game, at, True, moved), _on(game, at, False, moved)
        axes.plot(*together(list(np.stack([here, there], 1))), color=KNOWN, linewidth=0.8, alpha=0.7, zorder=1)
        if d == 1:
            axes.scatter(*here.T, s=12, c=FIXED, zorder=3)
            axes.scatter(*there.T, s=12, c=MOVING, zorder=3)


class ReparametrisationPicture(Watcher):
    """Draw the reparametrisation: of curves its graph, of surfaces where it takes a net of lines.

    The reparametrisation that is known is dashed, where one is. A graph that is flat stands still on the moving shape;
    in a net, cells are large where it hurries. The title has the least determinant on the drawn points.

    Args:
        lines: how many lines of the net go each way.

    Raises:
        UserError: if there are fewer than 2 lines, or (when drawing) if the model is not `shape-alignment`.
    """

    def __init__(self, lines: int = 17) -> None:
        if lines < 2:
            raise UserError(f"reparametrisation: lines is {lines}, expected at least 2")
        self.lines = lines

    @torch.no_grad()
    def picture(self, look: Look) -> Image.Image:
        """The picture of this round, in RGB."""
        game = aligned(look, "reparametrisation")
        figure = Figure(figsize=(4.8, 4.8), dpi=100, layout="constrained", facecolor="white")
        canvas = FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        d, net = game.shapes.moving.parameters, lines(game.shapes.moving.parameters, self.lines)
        moved = [game.flow.to_data(line) for line in net]
        least = min(float(log_det.min().exp()) for _, log_det in moved)
        known = [points for line in net if (points := game.shapes.known(line)) is not None]
        for label, drawn, style in (("the flow", [x for x, _ in moved], "-"), ("known", known, "--")):
            if drawn:
                each = [torch.cat(pair, 1) for pair in zip(net, drawn, strict=True)] if d == 1 else drawn
                colour, width = MOVING if style == "-" else KNOWN, 1.6 if d == 1 else 0.7
                lined = together([line.numpy() for line in each])
                axes.plot(*lined, color=colour, linestyle=style, linewidth=width, label=label)
        if d == 1:
            axes.plot([0, 1], [0, 1], color=EDGE, linewidth=1, zorder=0, label="identity")
        axes.set_title(f"round {look.round} · least determinant {least:.3g}", fontsize=10, color=INK, loc="left")
        axes.set_aspect("equal")
        figure.legend(loc="outside lower center", fontsize=8, ncols=3, frameon=False)
        plain(axes)
        return painted(canvas)


def lines(parameters: int, count: int) -> list[Tensor]:
    """The interval itself, or the lines of a net over the square, each (FINE, d)."""
    t = torch.linspace(0, 1, FINE, dtype=torch.float64)
    if parameters == 1:
        return [t[:, None]]
    at = torch.linspace(0, 1, count, dtype=torch.float64).tolist()
    return [torch.stack(pair, 1) for c in at for pair in ((t, torch.full_like(t, c)), (torch.full_like(t, c), t))]


def together(lines: list[np.ndarray]) -> np.ndarray:
    """Lines (n, m) as one that is interrupted between them, (m, N): one call draws it."""
    gap = np.full((1, lines[0].shape[1]), np.nan)
    return np.concatenate([part for line in lines for part in (line, gap)]).T


def aligned(look: Look, name: str) -> ShapeAlignment:
    """The model, if it is the one that these pictures are of.

    Raises:
        UserError: if it is not.
    """
    if not isinstance(look.game, ShapeAlignment):
        raise UserError(f"{name} draws the model shape-alignment; remove it from `watch`")
    return look.game


def plain(axes: Any) -> None:
    """Small grey ticks and a light frame."""
    axes.tick_params(labelsize=8, colors="#5f6368", length=2)
    for spine in axes.spines.values():
        spine.set_color(EDGE)


def painted(canvas: FigureCanvasAgg) -> Image.Image:
    """What was drawn, in RGB."""
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def _on(game: ShapeAlignment, x: Tensor, held: bool, moved: bool) -> np.ndarray:
    """Places of the fixed shape, or of the moving one as it was or as it is gone through, (n, 2 or 3)."""
    if held:
        points = game.shapes.held_at(x)[0]
    else:
        points = game.shapes.moving.at(game.flow.to_data(x)[0] if moved else x)[0]
    return points[:, :3].numpy()
