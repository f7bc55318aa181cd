"""A target is what is learned or estimated: data that can be sampled, or a log-density, or both."""

from __future__ import annotations

import abc
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from pushforward.numerics.slopes import LogDensity, Sloped
from pushforward.problem import UserError
from pushforward.randomness import Draw

Split = Literal["train", "validation", "test"]
Domain = Literal["reals", "bounded", "box", "torus"]


class Batch(NamedTuple):
    """Some rows of a target.

    Attributes:
        x: data, (n, *shape).
        labels: classes, (n,) of int64, or None.
    """

    x: Tensor
    labels: Tensor | None = None


class Target(abc.ABC):
    """Abstract: something to learn or to estimate.

    A target overrides `sample` (endless: fresh samples every round, fixed ones for validation and test), or `rows`
    (finite: rows by number), or `log_density`, and declares the same as capabilities where it is registered.

    Attributes:
        shape: the shape of one datum.
        classes: number of classes, or None.
        levels: how many equally spaced values from -1 to 1 each number is one of, where data are rounded; or None.
        log_z: log of the integral of exp(-U), where it is known; U is minus `log_density`.
        log_z_reference: an estimate of log Z by others and its standard error, where the truth is not known.
        domain: where the density lives: all `reals`; a `bounded` part of them, outside of which it is zero; the `box`
            [0, 1]^D; or the `torus`, of angles, which are the same modulo 2 pi, with samples from -pi to pi.
        modes: centres of the modes, (modes, *shape), where they are points.
        mode_scale: standard deviation across a mode, for counting what lies within three of it; None: no modes.
        mode_weights: fair share of each mode, (modes,); None means equal ones.
    """

    shape: tuple[int, ...]
    classes: int | None = None
    levels: int | None = None
    log_z: float | None = None
    log_z_reference: tuple[float, float] | None = None
    domain: Domain = "reals"
    modes: Tensor | None = None
    mode_scale: float | None = None
    mode_weights: Tensor | None = None

    def sample(self, n: int, draw: Draw) -> Batch:
        """n exact and independent samples."""
        raise TypeError(f"{type(self).__name__} cannot be sampled")

    def log_density(self, x: Tensor) -> Tensor:
        """log of the unnormalised density, -U(x), of shape (n,); differentiable in x."""
        raise TypeError(f"{type(self).__name__} has no density")

    def size(self, split: Split) -> int | None:
        """Rows of a split; None where it is endless."""
        return None

    def rows(self, split: Split, indices: Tensor) -> Batch:
        """The given rows of a finite split."""
        raise TypeError(f"{type(self).__name__} has no rows")

    def batch(self, draw: Draw) -> Batch:
        """The training data of a draw: each pass takes every row once, an endless target gives fresh samples."""
        size = self.size("train")
        if size is None:
            return self.sample(draw.n, draw)
        return self.rows("train", draw.indices(size))

    def held_out(self, split: Split, n: int | None = None, seed: int = 0) -> Batch:
        """Up to n rows of a split, always the same ones for a seed: what measures compare with."""
        size = self.size(split)
        if size is None:
            n = n if n is not None else 5000
            return self.sample(n, Draw(seed, ("held-out", split), n))
        return self.rows(split, torch.arange(size if n is None else min(n, size)))

    def distance_to_modes(self, x: Tensor) -> Tensor:
        """How far each row of x is from each mode, (n, modes); overridden where modes are no points."""
        if self.modes is None:
            raise TypeError(f"{type(self).__name__} has no modes")
        modes = self.modes.to(x).flatten(1)
        return torch.cdist(x.flatten(1), modes, compute_mode="donot_use_mm_for_euclid_dist")

    def dequantised(self, x: Tensor, draw: Draw) -> Tensor:
        """Data with every number moved uniformly within the cell of its level: what has a density.

        Raises:
            UserError: if the data are not rounded to levels.
        """
        return x + self.cell * (draw.uniform("dequantise", *self.shape) - 0.5).to(x)

    @property
    def cell(self) -> float:
        """How far neighbouring levels are apart.

        Raises:
            UserError: if the data are not rounded to levels.
        """
        if self.levels is None:
            raise UserError(f"{type(self).__name__} is not rounded to levels: there is nothing to dequantise")
        return 2 / (self.levels - 1)

    def score(self, x: Tensor) -> Tensor:
        """grad log density, in the shape of x."""
        with torch.enable_grad():
            x = x if x.requires_grad else x.detach().requires_grad_()
            (slope,) = torch.autograd.grad(self.log_density(x).sum(), x, create_graph=True)
        return slope

    @property
    def law(self) -> LogDensity:
        """The log-density as samplers want it: with its gradient in closed form where `score` is overridden."""
        return self.log_density if type(self).score is Target.score else Sloped(self.log_density, self.score)

    def log_density_and_score(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Both at once, without a graph, as samplers want them: in closed form where `score` is overridden."""
        if type(self).score is not Target.score:
            with torch.no_grad():
                return self.log_density(x), self.score(x)
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            value = self.log_density(x)
            (slope,) = torch.autograd.grad(value.sum(), x)
        return value.detach(), slope


class Nothing(Target):
    """No data at all: what a recipe without a `target` has.

    For games whose costs are formulas, such as those of the laboratory.
    """

    shape = ()
