"""Where the model's samples lie, beside where they should."""

from __future__ import annotations

from PIL import Image

from pushforward.roles.measure import Look
from pushforward.roles.watcher import Watcher
from pushforward.watchers import plane


class SampleScatter(Watcher):
    """Draw samples of the model over held-out samples of the target.

    Missing modes, bridges between them and a collapsed model are seen at once. Of data with more than two numbers the
    first two are drawn, and the title says so; it also says how many samples lie outside the window.

    Args:
        samples: how many samples are drawn, of the model and (at most) of the target.
        extent: half-width of the window about the origin, in units of the data; None fits it to the target.

    Raises:
        UserError: if `samples` is less than 1 or `extent` is not positive.
    """

    def __init__(self, samples: int = 2000, extent: float | None = None) -> None:
        plane.require_at_least("samples", samples, 1)
        plane.require_extent(extent)
        self.samples, self.extent = samples, extent

    def picture(self, look: Look) -> Image.Image:
        """The picture of this round, in RGB."""
        place = plane.window(look, self.extent)
        model = plane.first_two(look.fake(self.samples))
        figure, axes = plane.sheet(self._title(look, place.outside(model)), place)
        if plane.can_sample(look.target):
            plane.dots(axes, plane.first_two(look.real(self.samples).x), plane.DATA, label="target")
        else:
            plane.contours(axes, look, place)
        plane.dots(axes, model, plane.MODEL, label="model")
        axes.legend(loc="upper right", fontsize=8, markerscale=2.5, frameon=True, framealpha=0.85, edgecolor="none")
        return plane.painted(figure)

    def _title(self, look: Look, outside: float) -> str:
        shape = tuple(look.target.shape)
        parts = [f"round {look.round}"]
        parts += [] if plane.is_plane(look) else [f"first two coordinates of {shape}"]
        parts += [f"{outside:.1%} outside"] if outside > 0 else []
        return " · ".join(parts)
