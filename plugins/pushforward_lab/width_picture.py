"""How the error of finite critics falls as they are made wider, on axes where a power is a line."""

from __future__ import annotations

import math

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator, ScalarFormatter
from PIL import Image
from torch import Tensor

from pushforward import Look, Watcher
from pushforward_lab.width_error import WidthError

POINT, LINE, INK, EDGE = "#0072b2", "#d55e00", "#202124", "#dadce0"


class WidthLine(Watcher):
    r"""Draw the error of critics of each width, their mean, and the line that the theory expects.

    .. math:: \frac{\sup_x |f_n(x) - f_\infty(x)|}{\sup_x |f_\infty(x)|} \sim n^{-1/2}

    Faint dots are critics, large ones the mean of a width with its standard error. The line has slope -1/2 and the
    height that fits the means best; the slope that they have is in the title. It is drawn anew in every report, from
    the critics that `width-error` measures there if it has the same arguments.

    Reference: Franceschi et al., "A Neural Tangent Kernel Perspective of GANs", 2021, arXiv:2106.05566.

    Args:
        widths: units of each hidden layer, two or more widths.
        seeds: critics of each width.
        step: the longest gradient step, in the units of the critic's training time.

    Raises:
        UserError: if there are not two different widths, `seeds` is below 2, the step is not positive, or (when
            drawing) the model is not `tangent-gan` with the kernel of a network.
    """

    def __init__(self, widths: tuple[int, ...] = (64, 256, 1024), seeds: int = 5, step: float = 0.1) -> None:
        self._measure = WidthError(widths, seeds, step)
        self.widths, self.seeds, self.step = tuple(widths), seeds, step

    def picture(self, look: Look) -> Image.Image:
        """The picture of this round, in RGB."""
        errors = self._measure.train_critics(look)
        self._measure.update(errors)
        found = self._measure.compute()
        figure = Figure(figsize=(5.6, 4.4), dpi=100, layout="constrained", facecolor="white")
        canvas = FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        slope = f"slope {found['value']:.3f} ± {found['standard_error']:.3f}"
        title = f"round {look.round} · {self.seeds} critics of each width · {slope}"
        axes.set_title(title, fontsize=10, color=INK, loc="left")
        _draw(axes, torch.tensor(self.widths, dtype=torch.float64), errors.double())
        canvas.draw()
        return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def _draw(axes: Axes, widths: Tensor, errors: Tensor) -> None:
    mean, spread = errors.mean(1), errors.std(1) / math.sqrt(errors.shape[1])
    height = (mean.log() + widths.log() / 2).mean().exp()
    ends = torch.stack([widths.min() / 1.3, widths.max() * 1.3])
    axes.plot(ends, height / ends.sqrt(), color=LINE, linestyle="--", linewidth=1.4, label="slope -1/2", zorder=2)
    every = widths[:, None].expand_as(errors)
    axes.scatter(every, errors, s=10, c=POINT, alpha=0.3, linewidths=0, label="one critic", zorder=1)
    axes.errorbar(
        widths, mean, spread, color=POINT, fmt="o", markersize=6, capsize=3, label="mean, standard error", zorder=3
    )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(FixedLocator(sorted(set(widths.tolist()))))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(FixedLocator([a * 10.0**k for k in range(-8, 4) for a in (1, 2, 5)]))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("width: units of each hidden layer", fontsize=9)
    axes.set_ylabel("largest error over largest value of the limit", fontsize=9)
    axes.tick_params(labelsize=8, colors="#5f6368", length=2)
    axes.grid(color="#e3e4e0", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.legend(fontsize=8, frameon=False)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(EDGE)
