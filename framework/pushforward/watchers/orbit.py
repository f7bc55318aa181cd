"""The orbit of a game of a few numbers, over the arrows of its field where there are two."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.axes import Axes
from PIL import Image

from pushforward.field import Field
from pushforward.play import Play
from pushforward.problem import RunFailed, UserError
from pushforward.randomness import Draw
from pushforward.roles.measure import Look
from pushforward.roles.watcher import Watcher
from pushforward.trace import SMALL
from pushforward.watchers.plane import DATA, INK, MODEL, Window, painted, sheet

CELLS = 17  # arrows along a side


class Orbit(Watcher):
    """Where play has been, from its start to where it is now, with the equilibrium as a cross.

    The second number stands across and the first upwards, so that a GAN of two numbers shows its generator across. For
    two numbers the arrows are the flow, in logarithmic length; of more, two are shown.

    Args:
        numbers: which two of the game's numbers, counted from 0.
        extent: half-width of the window about the equilibrium, or about 0; None fits it to the orbit.

    Raises:
        UserError: if these are not two numbers.
    """

    def __init__(self, numbers: list[int] | None = None, extent: float | None = None) -> None:
        if numbers is not None and (len(numbers) != 2 or min(numbers) < 0):
            raise UserError(f"watcher orbit: numbers {numbers}: expected two, counted from 0")
        self.numbers, self.extent = numbers, extent

    def picture(self, look: Look) -> Image.Image:
        """Arrows, orbit, start, end and equilibrium."""
        play = look.play
        if play is None or not play.trace.small:
            raise RunFailed(f"watcher orbit: this game is none of up to {SMALL} numbers; remove it from `watch`")
        up, across = self.numbers or (0, 1)
        now = torch.cat([p.detach().reshape(-1).double() for p in play.field.live.values()])
        kept = [piece for piece in (play.trace.start, play.trace.points, now.cpu()) if piece is not None]
        orbit = torch.cat([piece.view(-1, len(now)) for piece in kept]).numpy()[:, [across, up]]
        known = play.game.equilibrium()
        middle = _flat(known, play)[[across, up]] if known is not None else np.zeros(2)
        place = self._window(orbit, middle)
        figure, axes = sheet(f"orbit, round {look.round}", place)
        names = _names(play)
        axes.set_xlabel(names[across], fontsize=8, color=INK)
        axes.set_ylabel(names[up], fontsize=8, color=INK)
        if len(now) == 2:
            arrows(axes, play, place, swap=(across, up) == (1, 0))
        axes.plot(*orbit.T, color=MODEL, linewidth=0.9)
        axes.plot(*orbit[0], "o", color=INK, markersize=4, label="start")
        axes.plot(*orbit[-1], "o", color=MODEL, markersize=5, label="now")
        if known is not None:
            axes.plot(*middle, "+", color=INK, markersize=10, label="equilibrium")
        axes.legend(loc="upper right", fontsize=7, framealpha=0.8)
        return painted(figure)

    def _window(self, orbit: np.ndarray, middle: np.ndarray) -> Window:
        finite = orbit[np.isfinite(orbit).all(1)]
        reach = self.extent or max(float(np.abs(finite - middle).max(initial=0.0)) * 1.15, 1e-3)
        return Window(float(middle[0] - reach), float(middle[1] - reach), 2 * reach)


def arrows(axes: Axes, play: Play, place: Window, swap: bool = True) -> None:
    """The flow of a game of two numbers, z' = -v(z), over a window."""
    field = Field(play.game)
    points = place.centres(CELLS)[2].double()
    flow = []
    for point in points.flip(1) if swap else points:
        field.deal([Draw(0, ("field", 0), 256)])
        direction = field(at=_pieces(point, play))
        flow.append(-torch.cat([g.reshape(-1).double() for g in direction.gradients.values()]))
    vectors = torch.stack(flow).flip(1) if swap else torch.stack(flow)
    length = vectors.norm(dim=1, keepdim=True)
    shown = vectors / length.clamp_min(1e-300) * torch.log1p(9 * length / length.max().clamp_min(1e-300))
    axes.quiver(*points.T.numpy(), *shown.T.numpy(), color=DATA, width=0.003, scale=2.4 * CELLS, pivot="mid")


def _names(play: Play) -> list[str]:
    """What each number is called: its player, and where one has several their count."""
    owners = [play.owner[key] for key, p in play.field.live.items() for _ in range(p.numel())]
    counts = [owners[: i + 1].count(owner) for i, owner in enumerate(owners)]
    return [o if owners.count(o) == 1 else f"{o} {c}" for o, c in zip(owners, counts, strict=True)]


def _pieces(flat: torch.Tensor, play: Play) -> dict[str, torch.Tensor]:
    sizes = [p.numel() for p in play.field.live.values()]
    return {
        key: piece.view_as(p).to(p) for (key, p), piece in zip(play.field.live.items(), flat.split(sizes), strict=True)
    }


def _flat(point: dict[str, torch.Tensor], play: Play) -> np.ndarray:
    return torch.cat([point[key].detach().reshape(-1).double() for key in play.field.live]).cpu().numpy()
