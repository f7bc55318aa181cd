"""Where a velocity field carries the points of the plane."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from PIL import Image

from pushforward.problem import UserError
from pushforward.roles.measure import Look
from pushforward.roles.watcher import Watcher
from pushforward.watchers import plane
from pushforward.watchers.field import held


class VelocityStreams(Watcher):
    r"""Draw the streamlines of the model's velocity at one time, over the target.

    .. math:: \dot{x} = b(t, x)

    Colour is speed. Grey lines are the target's log-density at 1 to 5 deviations of a normal law; where it has none,
    dots are held-out data.

    Args:
        time: the t at which the field is drawn; it does not matter for a field that does not change in time.
        density: how close streamlines lie; 1 is matplotlib's own.
        cells: the field is computed on cells x cells points.
        extent: half-width of the window about the origin, in units of the data; None fits it to the target.

    Raises:
        UserError: if an argument but `time` is not positive, or (when drawing) if the model holds no velocity or the
            data are no points of the plane.
    """

    def __init__(self, time: float = 0.5, density: float = 1.1, cells: int = 40, extent: float | None = None) -> None:
        plane.require_at_least("cells", cells, 2)
        plane.require_extent(extent)
        if not density > 0:
            raise UserError(f"density {density}: expected a positive number; 1 is usual")
        self.time, self.density, self.cells, self.extent = time, density, cells, extent

    @torch.no_grad()
    def picture(self, look: Look) -> Image.Image:
        """The picture of this round, in RGB."""
        plane.require_plane(look, "velocity-field")
        field = held(look.game, "velocity")
        if field is None:
            raise UserError("velocity-field draws a velocity, and this model has none; remove it from `watch`")
        place = plane.window(look, self.extent)
        across, up, points = place.centres(self.cells)
        velocity = field(self.time, points.to(look.device)).detach().to("cpu", torch.float64)
        u, v = velocity.reshape(self.cells, self.cells, 2).permute(2, 0, 1).numpy()
        figure, axes = plane.sheet(f"round {look.round} · velocity at t = {self.time:g}", place, bar=True)
        plane.contours(axes, look, place)
        self._streams(figure, axes, across, up, u, v)
        axes.set_xlim(place.extent[:2])
        axes.set_ylim(place.extent[2:])
        return plane.painted(figure)

    def _streams(
        self, figure: Figure, axes: Axes, across: np.ndarray, up: np.ndarray, u: np.ndarray, v: np.ndarray
    ) -> None:
        speed = np.hypot(u, v)
        finite = speed[np.isfinite(speed)]
        if not finite.size or finite.max() == 0:  # nothing moves: no line to draw
            axes.text(0.5, 0.5, "at rest" if finite.size else "not finite", transform=axes.transAxes, ha="center")
            return
        # From 0, so that a slow field looks slow beside a fast part of itself.
        norm = Normalize(0, float(np.quantile(finite, 0.99)) or float(finite.max()))
        lines = axes.streamplot(
            across,
            up,
            np.ma.masked_invalid(u),
            np.ma.masked_invalid(v),
            color=np.ma.masked_invalid(speed),
            cmap="viridis_r",
            norm=norm,
            density=self.density,
            linewidth=1.0,
            arrowsize=0.8,
        )
        plane.colour_bar(figure, axes, lines.lines, "speed")
