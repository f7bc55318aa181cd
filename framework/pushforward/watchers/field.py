"""What a critic or an energy says of every point of the plane."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pushforward.game import Game
from pushforward.problem import UserError
from pushforward.roles.adversarial import one_logit_a_sample
from pushforward.roles.discriminator import Discriminator
from pushforward.roles.measure import Look
from pushforward.roles.watcher import Watcher
from pushforward.watchers import plane

DEPTH = 15.0  # nats below the highest value that a heat map shows


class CriticField(Watcher):
    """Draw the discriminator's logits over the plane, with samples of the model and of the target.

    Green is judged real, purple fake, white undecided. A white sheet is a critic that has nothing left to say; two
    full colours with a sharp edge between samples and data are a saturated one. Where the critic wants classes, the
    mean over them is drawn.

    Args:
        samples: how many samples are drawn, of the model and (at most) of the target.
        cells: the logits are computed on cells x cells points.
        extent: half-width of the window about the origin, in units of the data; None fits it to the target.

    Raises:
        UserError: if an argument is not positive, or (when drawing) if the model holds no discriminator or the data
            are no points of the plane.
    """

    def __init__(self, samples: int = 500, cells: int = 120, extent: float | None = None) -> None:
        plane.require_at_least("samples", samples, 1)
        plane.require_at_least("cells", cells, 2)
        plane.require_extent(extent)
        self.samples, self.cells, self.extent = samples, cells, extent

    def picture(self, look: Look) -> Image.Image:
        """The picture of this round, in RGB."""
        plane.require_plane(look, "critic-field")
        critic = held(look.game, "discriminator")
        if critic is None:
            raise UserError("critic-field draws a discriminator, and this model has none; remove it from `watch`")
        place = plane.window(look, self.extent)
        logits = plane.on_cells(_logits(critic, look.target.classes), place, self.cells, look)
        figure, axes = plane.sheet(f"round {look.round} · logits of the discriminator", place, bar=True)
        bound = float(np.abs(logits[np.isfinite(logits)]).max(initial=1e-6))
        image = axes.imshow(
            logits, "PRGn", extent=place.extent, origin="lower", vmin=-bound, vmax=bound, interpolation="bilinear"
        )
        plane.colour_bar(figure, axes, image)
        if plane.can_sample(look.target):
            plane.dots(axes, plane.first_two(look.real(self.samples).x), "#3c4043", size=3, label="target")
        plane.dots(axes, plane.first_two(look.fake(self.samples)), plane.MODEL, size=5, label="model")
        axes.legend(loc="upper right", fontsize=8, markerscale=2.5, frameon=True, framealpha=0.85, edgecolor="none")
        return plane.painted(figure)


class EnergyField(Watcher):
    """Draw the model's log-density, or minus its energy, as a heat map, with the target over it.

    The map is shifted so that its highest value is 0, and cut 15 nats below: an energy needs no constant. Lines are
    the target's log-density at 1 to 5 deviations of a normal law; where it has none, dots are held-out data.

    Args:
        cells: the values are computed on cells x cells points.
        extent: half-width of the window about the origin, in units of the data; None fits it to the target.

    Raises:
        UserError: if an argument is not positive, or (when drawing) if the model has neither energy nor density or
            the data are no points of the plane.
    """

    def __init__(self, cells: int = 120, extent: float | None = None) -> None:
        plane.require_at_least("cells", cells, 2)
        plane.require_extent(extent)
        self.cells, self.extent = cells, extent

    def picture(self, look: Look) -> Image.Image:
        """The picture of this round, in RGB."""
        plane.require_plane(look, "energy-field")
        place = plane.window(look, self.extent)
        height, what = self._heights(look, place)
        finite = height[np.isfinite(height)]
        height = np.maximum(height - finite.max(), -DEPTH) if finite.size else np.full_like(height, np.nan)
        figure, axes = plane.sheet(f"round {look.round} · {what}", place, bar=True)
        image = axes.imshow(
            height, "cividis", extent=place.extent, origin="lower", vmin=-DEPTH, vmax=0, interpolation="bilinear"
        )
        plane.colour_bar(figure, axes, image, "nats below the highest")
        plane.contours(axes, look, place)
        return plane.painted(figure)

    def _heights(self, look: Look, place: plane.Window) -> tuple[np.ndarray, str]:
        # Where a model is exp(-E) times a base law, only its log-density says so: that is asked first.
        if type(look.game).log_density is not Game.log_density:
            return plane.on_cells(look.game.log_density, place, self.cells, look), "log-density of the model"
        energy = held(look.game, "energy")
        if energy is None:
            raise UserError("energy-field: this model has neither an energy nor a log-density; remove it from `watch`")
        return plane.on_cells(lambda x: -energy(x), place, self.cells, look), "minus the energy of the model"


def held(game: Game, role: str) -> torch.nn.Module | None:
    """The part of a game that has the role, or None."""
    try:
        return game.held(role)
    except AttributeError:
        return None


def _logits(critic: torch.nn.Module, classes: int | None) -> Callable[[Tensor], Tensor]:
    """Points to logits, (n,): for a critic that wants classes, the mean over them."""
    if not (isinstance(critic, Discriminator) and critic.conditional and classes):
        return lambda x: one_logit_a_sample(critic(x), len(x))

    def mean_over_classes(x: Tensor) -> Tensor:
        labels = [torch.full((len(x),), c, dtype=torch.int64, device=x.device) for c in range(classes)]
        return torch.stack([one_logit_a_sample(critic(x, c), len(x)) for c in labels]).mean(0)

    return mean_over_classes
