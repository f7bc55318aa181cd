"""Bits per dimension: how many bits a model spends on a pixel of a held-out image, against pixels by themselves."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward.measures.likelihood import ROWS, fitted_gaussian
from pushforward.problem import UserError
from pushforward.randomness import Draw
from pushforward.roles.measure import Look, Measure
from pushforward.roles.target import Target


class BitsPerDimension(Measure):
    r"""Bits that held-out rows of rounded data cost under the model, a number.

    .. math:: -\frac{1}{D} \mathbb{E}_u \log_2 \big( p(x + \delta (u - \tfrac12))\, \delta^D \big)
        \ge -\frac{1}{D} \log_2 P(x), \qquad u \sim U(0, 1)^D

    The measure of a density of images. Values are delta apart; the model's density, of dequantised data, gives each
    cell the probability P, whose cost in bits is at most what is measured. The noise u is the draw's: one for a row,
    the same at every look.

    Beside it stand what the same rows cost under laws that know little: `pixels`, every number by itself, by its
    histogram over the training rows (each level counted 1/levels more often than it was seen); and `gaussian`, the
    mean and covariance of dequantised training rows, left out where there are too few. The standard error is that of
    a mean; `non_finite` counts rows whose density is not finite, and these are not dropped from the mean.

    Reference: Theis, van den Oord, Bethge, "A note on the evaluation of generative models", 2015, arXiv:1511.01844,
    section 3.1.

    Args:
        samples: at most how many held-out rows are looked at; None means all.
        train_rows: at most how many training rows the other laws are fitted to.

    Raises:
        UserError: if either is below 2; when measuring, if the target's data are not rounded to levels.
    """

    better = "lower"
    bits: list[Tensor]
    gaussian: list[Tensor]
    pixels: list[Tensor]

    def __init__(self, samples: int | None = 10_000, train_rows: int = 50_000) -> None:
        super().__init__(sync_on_compute=False)
        if min(train_rows, 2 if samples is None else samples) < 2:
            raise UserError(f"bits-per-dimension: samples {samples} and train_rows {train_rows} must be at least 2")
        self.samples = samples  # type: ignore[assignment]
        self.train_rows = train_rows
        self._known: tuple[Target, torch.distributions.MultivariateNormal | None, Tensor] | None = None
        for name in ("bits", "gaussian", "pixels"):
            self.add_state(name, default=[], dist_reduce_fx="cat")

    def measure(self, look: Look) -> dict[str, float]:
        """Evaluate the held-out rows of the split."""
        self.reset()
        target, x = look.target, look.real(self.samples).x
        _, gaussian, pixels = self._laws(target)
        noisy = target.dequantised(x, look.draw("dequantise", len(x)))
        for rows, moved in zip(x.split(ROWS), noisy.to(x).split(ROWS), strict=True):
            with torch.no_grad():
                log_density = look.game.log_density(moved.to(look.device))
            fitted = None if gaussian is None else gaussian.log_prob(moved.flatten(1).double())
            levels = _levels(rows, target.cell)
            alone = pixels.gather(1, levels.T).mean(0)
            self.update(log_density, moved[0].numel(), target.cell, fitted, alone)
        return self.compute()

    def update(
        self,
        log_density: Tensor,
        dimension: int,
        cell: float,
        gaussian: Tensor | None = None,
        pixels: Tensor | None = None,
    ) -> None:
        """Take in log-densities of dequantised rows, (n,), in nats, of the model and of a Gaussian; and bits a number.

        Args:
            log_density: the model's.
            dimension: numbers of a row.
            cell: how far levels are apart.
            gaussian: a Gaussian's, where there is one.
            pixels: bits a number of these rows where each is by itself.
        """
        for name, nats in (("bits", log_density), ("gaussian", gaussian)):
            if nats is not None:
                value = -nats.detach().double().cpu() / (dimension * math.log(2)) - math.log2(cell)
                getattr(self, name).append(value)
        if pixels is not None:
            self.pixels.append(pixels)

    def compute(self) -> dict[str, float]:
        """The mean with its standard error."""
        values = torch.cat(self.bits)
        out = {
            "value": float(values.mean()),
            "standard_error": float(values.std()) / math.sqrt(len(values)),
            "n": len(values),
            "non_finite": int((~values.isfinite()).sum()),
        }
        for name in ("pixels", "gaussian"):
            if getattr(self, name):
                out[name] = float(torch.cat(getattr(self, name)).mean())
        return out

    def _laws(self, target: Target) -> tuple[Target, torch.distributions.MultivariateNormal | None, Tensor]:
        if self._known is None or self._known[0] is not target:
            x = target.held_out("train", self.train_rows).x
            noisy = target.dequantised(x, Draw(0, ("dequantise", "train"), len(x)))
            self._known = (target, fitted_gaussian(noisy), _bits_of_levels(_levels(x, target.cell), target.levels or 0))
        return self._known


def _levels(x: Tensor, cell: float) -> Tensor:
    """The number of each value's level, (n, D)."""
    return ((x.flatten(1) + 1) / cell).round().to(torch.int64)


def _bits_of_levels(levels: Tensor, count: int) -> Tensor:
    """What each level of each number costs by the histogram of these rows, in bits, (D, count)."""
    seen = torch.zeros(levels.shape[1], count, dtype=torch.float64)
    seen.scatter_add_(1, levels.T, torch.ones_like(levels.T, dtype=torch.float64))
    return -((seen + 1 / count) / (len(levels) + 1)).log2()
