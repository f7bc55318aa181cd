"""Pictures of a team: which generator covers what, and what each pays against each critic."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from pushforward import Draw, Look, Measure, UserError, Watcher
from pushforward_team.game import TeamGAN

INK, DATA = "#202124", "#dadce0"
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d3b", "#5f6368")


class TeamScatter(Watcher):
    """Draw the samples of each generator in its colour, over held-out data: who covers what.

    Of data with more than two numbers the first two are drawn.

    Args:
        samples: how many samples are drawn.

    Raises:
        UserError: if `samples` is less than 1 or, when drawing, if the model is no team.
    """

    def __init__(self, samples: int = 2000) -> None:
        if samples < 1:
            raise UserError(f"samples {samples}: expected at least 1")
        self.samples = samples

    @torch.no_grad()
    def picture(self, look: Look) -> Image.Image:
        """The picture of this round, in RGB."""
        game = team(look, "team-scatter")
        draw = Draw(look.seed, ("watch", "team"), self.samples, device=look.device)
        points, makers = plane(game.sample(self.samples, draw)), game.made_by(draw).cpu().numpy()
        figure = Figure(figsize=(4.8, 4.8), dpi=100, layout="constrained", facecolor="white")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.set_title(f"round {look.round} · {len(game.generators)} generators", fontsize=10, color=INK, loc="left")
        data = plane(look.real(self.samples).x)
        axes.scatter(data[:, 0], data[:, 1], s=4, c=DATA, linewidths=0, label="target")
        for i in range(len(game.generators)):
            own = points[makers == i]
            share = len(own) / len(points)
            axes.scatter(own[:, 0], own[:, 1], s=4, c=colour(i, game), linewidths=0, label=f"{i}: {share:.0%}")
        low, high = data.min(0), data.max(0)
        side, middle = 1.2 * float((high - low).max()), (low + high) / 2
        axes.set_xlim(middle[0] - side / 2, middle[0] + side / 2)
        axes.set_ylim(middle[1] - side / 2, middle[1] + side / 2)
        axes.set_aspect("equal")
        axes.tick_params(labelsize=8, colors="#5f6368", length=2)
        for spine in axes.spines.values():
            spine.set_color("#dadce0")
        axes.legend(loc="center", fontsize=7, markerscale=2.5, frameon=False, ncols=1 + len(game.generators) // 6)
        return painted(figure)


class PayOff(Watcher):
    """Draw what each generator pays against each discriminator: the pay-off matrix of the two teams.

    A row is a generator, a column a discriminator; blue is cheap for the generator, red is dear.

    Args:
        samples: how many samples the costs are taken over.

    Raises:
        UserError: if `samples` is less than 1 or, when drawing, if the model is no team.
    """

    def __init__(self, samples: int = 2000) -> None:
        if samples < 1:
            raise UserError(f"samples {samples}: expected at least 1")
        self.samples = samples

    @torch.no_grad()
    def picture(self, look: Look) -> Image.Image:
        """The picture of this round, in RGB."""
        game = team(look, "pay-off")
        draw = Draw(look.seed, ("watch", "team"), self.samples, device=look.device)
        table = game.pay_off(draw.with_data(look.real(self.samples).x)).cpu().double().numpy()
        n, m = table.shape
        figure = Figure(figsize=(1.4 + 0.5 * m, 1.0 + 0.4 * n), dpi=100, layout="constrained", facecolor="white")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.set_title(f"round {look.round}", fontsize=10, color=INK, loc="left")
        middle = float(np.nanmean(table)) if np.isfinite(table).any() else 0.0
        spread = max(float(np.nanmax(np.abs(table - middle))) if np.isfinite(table).any() else 0.0, 1e-6)
        axes.imshow(table, cmap="RdBu_r", vmin=middle - spread, vmax=middle + spread, aspect="auto")
        digits = 2 if spread > 0.05 else 3
        for (i, j), value in np.ndenumerate(table):
            shade = "white" if abs(value - middle) > 0.6 * spread else INK
            axes.text(j, i, f"{value:.{digits}f}", ha="center", va="center", fontsize=7, color=shade)
        axes.set_xticks(range(m), [f"D{j}" for j in range(m)], fontsize=8)
        axes.set_yticks(range(n), [f"G{i}" for i in range(n)], fontsize=8)
        axes.tick_params(length=0)
        return painted(figure)


class Specialisation(Measure):
    r"""How far each generator of a team keeps to one mode: the mean over generators of their largest share of a mode.

    .. math:: \frac1n \sum_i \max_k P(\text{mode } k \mid G_i)

    It is 1 where every generator has a mode of its own, and the largest share of a mode where all do the same. Beside
    the `value` stand `dominated`, how many generators have more than .8 of their samples at one mode, and
    `least-share`, the smallest share of a generator in the mixture.

    Args:
        samples: how many samples of the mixture are looked at.

    Raises:
        UserError: if the target has no modes or the model is no team.
    """

    better = None

    def __init__(self, samples: int = 4000) -> None:
        super().__init__()
        self.samples = samples
        self.add_state("counts", default=torch.zeros(0, 0), dist_reduce_fx="sum")
        self.counts: Tensor

    def measure(self, look: Look) -> dict[str, float]:
        """Look at samples of the mixture."""
        game = team(look, "specialisation")
        draw = Draw(look.seed, ("measure", "team", look.round), self.samples, device=look.device)
        self.reset()
        self.update(look.target.distance_to_modes(game.sample(self.samples, draw).cpu()), game.made_by(draw).cpu())
        return self.compute()

    def update(self, distances: Tensor, makers: Tensor) -> None:
        """Distances of samples to every mode, (n, modes), and the number of the generator of each, (n,)."""
        n, modes = int(makers.max()) + 1, distances.shape[1]
        cells = makers * modes + distances.argmin(1)
        self.counts = torch.bincount(cells, minlength=n * modes).view(n, modes).double()

    def compute(self) -> dict[str, float]:
        """The mean of the largest shares."""
        made = self.counts.sum(1)
        largest = self.counts.max(1).values[made > 0] / made[made > 0]
        n = len(largest)
        error = float(largest.std() / n**0.5) if n > 1 else 0.0
        least = float(made.min() / made.sum())
        return {
            "value": float(largest.mean()),
            "standard_error": error,
            "n": int(made.sum()),
            "dominated": float((largest > 0.8).sum()),
            "least-share": least,
        }


def team(look: Look, name: str) -> TeamGAN:
    """The model, which must be a team.

    Raises:
        UserError: if it is none.
    """
    if not isinstance(look.game, TeamGAN):
        raise UserError(f"{name} looks at the model team-gan; remove it")
    return look.game


def plane(x: Tensor) -> np.ndarray:
    """The first two numbers of data, (n, 2)."""
    flat = x.detach().flatten(1).cpu().double().numpy()[:, :2]
    return flat if flat.shape[1] == 2 else np.pad(flat, ((0, 0), (0, 1)))


def colour(i: int, game: TeamGAN) -> str:
    """Of generator i."""
    if len(game.generators) <= len(PALETTE):
        return PALETTE[i]
    from matplotlib import colormaps

    return to_hex(colormaps["turbo"](i / len(game.generators)))


def painted(figure: Figure) -> Image.Image:
    """The figure as a picture."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
