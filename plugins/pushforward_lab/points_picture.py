"""Where isolated points stand, where they came from, and what the kernel critic says of every place."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from pushforward import Look, UserError, Watcher
from pushforward_lab.isolated_points import IsolatedPoints

Places = tuple[Tensor, Tensor] | Tensor  # abscissae and ordinates

DATA, MODEL, INK, EDGE = "#3c4043", "#d55e00", "#202124", "#dadce0"


class PointsField(Watcher):
    """Draw generated and true points over the critic's value: a curve for points of a line, colours for the plane.

    Green is where the critic misses points, purple where there have been too many, white where it has no opinion.
    A point's area is its mass; grey crosses are the true points, thin lines the remembered ways. A point that runs
    away leaves the window, and the title says how many have.

    Args:
        cells: the critic is computed on so many points along each axis.
        extent: half-width of the window about the middle of the true points; None means what holds them and three
            widths of the kernel beyond.
        remembered: how many remembered rounds of each point are drawn.

    Raises:
        UserError: if an argument is not positive, or (when drawing) if the model is not one of isolated points, or
            its points have more than two coordinates.
    """

    def __init__(self, cells: int = 120, extent: float | None = None, remembered: int = 200) -> None:
        if cells < 2 or remembered < 0 or (extent is not None and not extent > 0):
            raise UserError(
                f"cells {cells}, extent {extent}, remembered {remembered}: expected at least 2 cells, a positive "
                "half-width or null, and a count of rounds"
            )
        self.cells, self.extent, self.remembered = cells, extent, remembered

    @torch.no_grad()
    def picture(self, look: Look) -> Image.Image:
        """The picture of this round, in RGB."""
        game = look.game
        if not isinstance(game, IsolatedPoints):
            raise UserError("points-field draws the model isolated-points; remove it from `watch`")
        dimension = game.critic.true.shape[1]
        if dimension > 2:
            raise UserError(f"points-field draws points of 1 or 2 coordinates, these have {dimension}; remove it")
        figure = Figure(figsize=(4.8, 4.8), dpi=100, layout="constrained", facecolor="white")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        low, high = self._window(game)
        points = game.generator.value
        gone = int(((points < low) | (points > high) | ~points.isfinite()).any(1).sum())
        title = f"round {look.round} · kernel critic" + (f" · {gone} of {len(points)} points outside" if gone else "")
        axes.set_title(title, fontsize=10, color=INK, loc="left")
        (self._line if dimension == 1 else self._plane)(axes, game, low, high)
        return _painted(figure, axes)

    def _window(self, game: IsolatedPoints) -> tuple[Tensor, Tensor]:
        """Its lowest and highest corner, (d,); it depends on the true points alone, so that a film does not jump."""
        true = game.critic.true
        low, high = true.amin(0), true.amax(0)
        half = (high - low).max() / 2 + 3 * game.kernel.reach if self.extent is None else self.extent
        return (low + high) / 2 - half, (low + high) / 2 + half

    def _line(self, axes: Axes, game: IsolatedPoints, low: Tensor, high: Tensor) -> None:
        x = torch.linspace(float(low), float(high), 4 * self.cells, dtype=torch.float64)
        axes.plot(x, game.critic(x[:, None]).numpy(), color="#7a5195", linewidth=1.5, label="critic")
        axes.axhline(0, color=EDGE, linewidth=0.8, zorder=0)
        for place in game.critic.true[:, 0].tolist():
            axes.axvline(place, color=DATA, linewidth=0.8, linestyle=":")
        at_true, at_points = game.critic(game.critic.true), game.critic(game.generator.value)
        self._marks(axes, game, (game.critic.true[:, 0], at_true), (game.generator.value[:, 0], at_points))
        axes.set_xlim(float(low), float(high))

    def _plane(self, axes: Axes, game: IsolatedPoints, low: Tensor, high: Tensor) -> None:
        steps = torch.linspace(0, 1, self.cells, dtype=torch.float64)
        across, up = (low + steps[:, None] * (high - low)).T
        grid = torch.stack(torch.meshgrid(across, up, indexing="xy"), -1)
        value = game.critic(grid.flatten(0, 1)).reshape(self.cells, self.cells).numpy()
        bound = float(np.abs(value[np.isfinite(value)]).max(initial=1e-12))
        drawn = axes.contourf(across, up, value, levels=np.linspace(-1.4 * bound, 1.4 * bound, 22), cmap="PRGn")
        figure = axes.figure
        figure.colorbar(drawn, ax=axes, shrink=0.8, pad=0.02, aspect=25, format="%.2g").ax.tick_params(labelsize=8)
        known = game.critic.past[(game.critic.weights != 0)][: self.remembered]
        for way in known.permute(1, 2, 0).numpy():
            axes.plot(way[0], way[1], color=MODEL, linewidth=0.6, alpha=0.6)
        self._marks(axes, game, game.critic.true.T, game.generator.value.T)
        axes.set_xlim(float(low[0]), float(high[0]))
        axes.set_ylim(float(low[1]), float(high[1]))
        axes.set_aspect("equal")

    def _marks(self, axes: Axes, game: IsolatedPoints, true: Places, points: Places) -> None:
        p, q = game.critic.true_masses.numpy(), game.critic.masses.numpy()
        area = 90 / max(p.max(), q.max())
        axes.scatter(true[0], true[1], s=area * p, c=DATA, marker="x", linewidths=1.5, label="true", zorder=3)
        axes.scatter(points[0], points[1], s=area * q, c=MODEL, alpha=0.8, linewidths=0, label="generated", zorder=4)
        axes.legend(loc="best", fontsize=8, frameon=True, framealpha=0.85, edgecolor="none")


def _painted(figure: Figure, axes: Axes) -> Image.Image:
    axes.tick_params(labelsize=8, colors="#5f6368", length=2)
    for spine in axes.spines.values():
        spine.set_color(EDGE)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
