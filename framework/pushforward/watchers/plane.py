"""How pictures of the plane are made: one size, one set of colours, and a window that holds still."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from pushforward.problem import UserError
from pushforward.roles.measure import Look
from pushforward.roles.target import Target

INCHES, DPI = 4.8, 100  # 480 pixels: legible as it is, and small in a report
BAR = 0.55  # inches more, to the right, for a bar of colours

# Okabe and Ito's colours, told apart by colour-blind readers too.
DATA, MODEL, INK = "#9aa0a6", "#d55e00", "#202124"


class Window(NamedTuple):
    """A square of the plane.

    Attributes:
        left: the smallest first coordinate.
        bottom: the smallest second coordinate.
        side: its length.
    """

    left: float
    bottom: float
    side: float

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """left, right, bottom, top: as matplotlib wants it."""
        return self.left, self.left + self.side, self.bottom, self.bottom + self.side

    def centres(self, cells: int) -> tuple[np.ndarray, np.ndarray, Tensor]:
        """Centres of cells x cells squares: both axes, and the points row by row from the bottom, (cells^2, 2)."""
        steps = (np.arange(cells) + 0.5) / cells * self.side
        across, up = self.left + steps, self.bottom + steps
        points = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
        return across, up, torch.as_tensor(points, dtype=torch.get_default_dtype())

    def outside(self, points: np.ndarray) -> float:
        """The share of the points, (n, 2), that do not lie in the window; one that is not finite does not."""
        if len(points) == 0:
            return 0.0
        low = np.array([self.left, self.bottom])
        with np.errstate(invalid="ignore"):
            inside = ((points >= low) & (points <= low + self.side)).all(1)
        return float(1 - inside.mean())


def is_plane(look: Look) -> bool:
    """Whether data are points of the plane."""
    return tuple(look.target.shape) == (2,)


def require_plane(look: Look, watcher: str) -> None:
    """Refuse data that are no points of the plane.

    Raises:
        UserError: if the shape of a datum is not (2,).
    """
    if not is_plane(look):
        raise UserError(
            f"{watcher} draws functions of the plane: a datum has shape {tuple(look.target.shape)}, expected (2,); "
            "remove it from `watch`"
        )


def require_extent(extent: float | None) -> None:
    """Refuse a window without an inside.

    Raises:
        UserError: if the half-width is not positive.
    """
    if extent is not None and not extent > 0:
        raise UserError(f"extent {extent}: expected a positive half-width of the window, or null to take it from data")


def require_at_least(name: str, number: int, least: int) -> None:
    """Refuse a count that is too small.

    Raises:
        UserError: if it is.
    """
    if number < least:
        raise UserError(f"{name} {number}: expected at least {least}")


def window(look: Look, extent: float | None = None) -> Window:
    """The square to draw: of half-width `extent` about the origin, or about what the target holds.

    It depends on the target alone where that can be sampled or has modes, so that a film does not jump.
    """
    if extent is not None:
        return Window(-extent, -extent, 2 * extent)
    target = look.target
    if can_sample(target):
        return _around(first_two(look.real(2000).x), margin=0.1)
    if target.modes is not None:
        return _around(first_two(target.modes), pad=4 * (target.mode_scale or 1.0))
    try:
        return _around(first_two(look.fake(1000)), margin=0.1)
    except TypeError:  # neither can be sampled
        return Window(-4.0, -4.0, 8.0)


def _around(points: np.ndarray, margin: float = 0.0, pad: float = 0.0) -> Window:
    points = points[np.isfinite(points).all(1)]
    if len(points) == 0:
        return Window(-4.0, -4.0, 8.0)
    low, high = np.quantile(points, [0.001, 0.999], axis=0)
    side = float((high - low).max()) * (1 + 2 * margin) + 2 * pad
    left, bottom = (low + high) / 2 - max(side, 1e-3) / 2
    return Window(float(left), float(bottom), max(side, 1e-3))


def can_sample(target: Target) -> bool:
    """Whether the target can give samples."""
    return type(target).sample is not Target.sample or type(target).rows is not Target.rows


def can_weigh(target: Target) -> bool:
    """Whether the target has a log-density."""
    return type(target).log_density is not Target.log_density


def first_two(x: Tensor) -> np.ndarray:
    """The first two coordinates of data, (n, 2); a zero stands for a second one that is not there."""
    flat = x.detach().flatten(1).to("cpu", torch.float64)[:, :2]
    if flat.shape[1] < 2:
        flat = torch.nn.functional.pad(flat, (0, 2 - flat.shape[1]))
    return flat.numpy()


@torch.no_grad()
def on_cells(function: Callable[[Tensor], Tensor], place: Window, cells: int, look: Look) -> np.ndarray:
    """A function (n, 2) -> (n,) at the centres of the window's cells, (cells, cells), bottom row first."""
    points = place.centres(cells)[2].to(look.device)
    return function(points).detach().reshape(cells, cells).to("cpu", torch.float64).numpy()


def sheet(title: str, place: Window, bar: bool = False) -> tuple[Figure, Axes]:
    """An empty sheet with the window's axes, and room for a bar of colours if asked."""
    figure = Figure(figsize=(INCHES + BAR * bar, INCHES), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=10, color=INK, loc="left")
    axes.set_xlim(place.extent[:2])
    axes.set_ylim(place.extent[2:])
    axes.set_aspect("equal")
    axes.tick_params(labelsize=8, colors="#5f6368", length=2)
    for spine in axes.spines.values():
        spine.set_color("#dadce0")
    return figure, axes


def colour_bar(figure: Figure, axes: Axes, drawn: ScalarMappable, label: str = "") -> None:
    """What the colours mean, to the right of the axes."""
    bar = figure.colorbar(drawn, ax=axes, shrink=0.8, pad=0.02, aspect=25)
    bar.ax.tick_params(labelsize=8, length=2)
    bar.outline.set_visible(False)
    bar.set_label(label, fontsize=8)


def contours(axes: Axes, look: Look, place: Window, cells: int = 80) -> None:
    """The target beneath a picture: lines of equal log-density where it has one, else held-out data."""
    if can_weigh(look.target) and is_plane(look):
        height = on_cells(look.target.log_density, place, cells, look)
        finite = height[np.isfinite(height)]
        if finite.size and finite.max() > finite.min():
            across, up, _ = place.centres(cells)
            height = np.maximum(height, finite.max() - 50)  # a line needs numbers on both its sides
            levels = finite.max() - np.array([12.5, 8.0, 4.5, 2.0, 0.5])  # 5, 4, 3, 2, 1 deviations of a normal law
            axes.contour(across, up, height, levels=levels, colors=DATA, linewidths=0.8, linestyles="solid")
    elif can_sample(look.target):
        dots(axes, first_two(look.real(1000).x), DATA, size=2)


def dots(axes: Axes, points: np.ndarray, colour: str, size: float = 4, label: str | None = None) -> None:
    """Points as dots without edges."""
    axes.scatter(points[:, 0], points[:, 1], s=size, c=colour, alpha=0.6, linewidths=0, label=label, rasterized=True)


def painted(figure: Figure) -> Image.Image:
    """The sheet as a picture in RGB."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
