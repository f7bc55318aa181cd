"""Which data have no particle yet: free points, their data, and the way that is left between them."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from pushforward import Look, UserError, Watcher
from pushforward_lab.assignment import matched
from pushforward_lab.tangent_gan import TangentGAN

DATA, MODEL, INK, EDGE = "#9aa0a6", "#d55e00", "#202124", "#dadce0"


class Particles(Watcher):
    r"""Draw a game's particles over its data, each joined to the datum to which the cheapest assignment sends it.

    .. math:: \min_\pi \frac{1}{2N} \sum_i \|x_i - y_{\pi(i)}\|^2

    The title gives this cost. Where particles are home no line is seen; a long line is mass in the wrong place. A
    particle that runs away leaves the window, and the title says how many have.

    Reference: Franceschi et al., "A Neural Tangent Kernel Perspective of GANs", 2021, arXiv:2106.05566.

    Args:
        extent: half-width of the window about the middle of the data; None means what holds them, and a tenth more.

    Raises:
        UserError: if `extent` is not positive, or (when drawing) the model is not `tangent-gan`, or has so many points
            that they cannot be assigned.
    """

    def __init__(self, extent: float | None = None) -> None:
        if extent is not None and not extent > 0:
            raise UserError(f"extent {extent}: expected a positive half-width of the window, or null to fit the data")
        self.extent = extent

    @torch.no_grad()
    def picture(self, look: Look) -> Image.Image:
        """The picture of this round, in RGB."""
        game = look.game
        if not isinstance(game, TangentGAN):
            raise UserError("particles draws the model tangent-gan; remove it from `watch`")
        x, y = game.generator.value.detach().cpu(), game.real.cpu()
        figure = Figure(figsize=(4.8, 5.0), dpi=100, layout="constrained", facecolor="white")
        canvas = FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        middle, half = self._window(y)
        inside = (x - middle).abs().amax(1) <= half  # false where a number is not finite
        said = [f"round {look.round}"]
        if bool(x.isfinite().all()):
            start, end = matched(x, y)
            cost = float((start - end).square().sum(1).mean()) / 2
            said.append(f"transport cost left {cost:.2g}")
            ways = LineCollection(list(torch.stack([start, end], 1).numpy()), colors=MODEL, linewidths=0.6, alpha=0.5)
            axes.add_collection(ways)
        said += [f"{int((~inside).sum())} of {len(x)} outside"] if not bool(inside.all()) else []
        axes.set_title(" · ".join(said), fontsize=10, color=INK, loc="left")
        axes.scatter(y[:, 0], y[:, 1], s=42, c=DATA, linewidths=0, alpha=0.7, label="data", zorder=2)
        axes.scatter(x[inside, 0], x[inside, 1], s=8, c=MODEL, linewidths=0, label="particles", zorder=3)
        figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)
        _dress(axes, middle, half)
        canvas.draw()
        return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")

    def _window(self, y: Tensor) -> tuple[Tensor, float]:
        """Its middle, (2,), and half-width; it depends on the data alone, so that a film does not jump."""
        low, high = y.amin(0), y.amax(0)
        half = 0.55 * float((high - low).max()) if self.extent is None else self.extent
        return (low + high) / 2, max(half, 1e-3)


def _dress(axes: Axes, middle: Tensor, half: float) -> None:
    axes.set_xlim(float(middle[0]) - half, float(middle[0]) + half)
    axes.set_ylim(float(middle[1]) - half, float(middle[1]) + half)
    axes.set_aspect("equal")
    axes.set_xlabel("first coordinate", fontsize=9)
    axes.set_ylabel("second coordinate", fontsize=9)
    axes.tick_params(labelsize=8, colors="#5f6368", length=2)
    for spine in axes.spines.values():
        spine.set_color(EDGE)
