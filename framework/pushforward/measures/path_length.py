"""Perceptual path length: how fast what is seen of a sample changes as its noise does."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import PositiveFloat
from torch import Tensor

from pushforward.measures.features import Identity
from pushforward.problem import UserError
from pushforward.randomness import Draw
from pushforward.roles.estimator import Features
from pushforward.roles.generator import Generator
from pushforward.roles.measure import Look, Measure

CHUNK = 256  # pairs that are made together


class PerceptualPathLength(Measure):
    r"""The mean squared speed of features along paths between two random points of latent space.

    .. math:: \mathbb{E}\, \frac{1}{\epsilon^2}
        \big| f(G(z(t))) - f(G(z(t + \epsilon))) \big|^2, \qquad t \sim U[0, 1 - \epsilon]

    with z(t) on the great circle through both points, or on the straight line. Low where neighbouring noise looks
    alike; a generator that jumps between modes has it high, and one that makes a single sample has it at zero, so read
    it beside recall. The standard error is that of the mean.

    Reference: Karras, Laine, Aila, "A Style-Based Generator Architecture for Generative Adversarial Networks", 2018,
    arXiv:1812.04948, section 4.1.

    Args:
        features: what is seen; None means the data themselves (`identity`).
        samples: how many pairs.
        epsilon: the step along the path, as a share of it.
        path: `spherical`, for normal noise, or `straight`.

    Raises:
        UserError: if the model has no single generator.
    """

    better = "lower"
    squares: Tensor

    def __init__(
        self,
        features: Features | None = None,
        samples: int = 1000,
        epsilon: PositiveFloat = 1e-3,
        path: Literal["spherical", "straight"] = "spherical",
    ) -> None:
        super().__init__(sync_on_compute=False)
        if samples < 2 or epsilon >= 1:
            raise UserError(f"path-length: {samples} samples, epsilon {epsilon}: expected at least 2, and below 1")
        self.features, self.samples, self.epsilon, self.path = features or Identity(), samples, epsilon, path
        self.add_state("squares", default=torch.zeros(0, dtype=torch.float64), dist_reduce_fx="cat")

    def label(self, name: str) -> str:
        """With the name of the features and the number of samples."""
        return f"{name}/{self.features.name}/{self.samples}"

    @torch.no_grad()
    def measure(self, look: Look) -> dict[str, float]:
        """Walk along random paths."""
        generator = getattr(look.game, "generator", None)
        if not isinstance(generator, Generator):
            raise UserError("path-length: the model has no single generator to walk through")
        self.features.prepare(look.target)
        self.reset()
        draw = Draw(look.seed, ("path-length", look.round), self.samples, device=look.device)
        a, b = (draw.normal(name, generator.latent.dimension) for name in ("from", "to"))
        t = draw.uniform("t")[:, None] * (1 - self.epsilon)
        kinds = None
        if generator.conditional:
            kinds = torch.arange(self.samples, device=look.device) % (look.target.classes or 1)
        for rows in torch.arange(self.samples, device=look.device).split(CHUNK):
            kind = None if kinds is None else kinds[rows]
            ends = [generator(self._at(a[rows], b[rows], t[rows] + s), kind) for s in (0.0, self.epsilon)]
            self.update(*ends)
        return self.compute()

    def update(self, x: Tensor, y: Tensor) -> None:
        """Take in both ends of steps, (n, *shape) each."""
        gap = self.features(x).double() - self.features(y).double()
        self.squares = torch.cat([self.squares, gap.flatten(1).square().sum(1).cpu() / self.epsilon**2])

    def compute(self) -> dict[str, float]:
        """The mean, with its error."""
        n = len(self.squares)
        return {
            "value": float(self.squares.mean()),
            "standard_error": float(self.squares.std()) / math.sqrt(n),
            "n": n,
        }

    def _at(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        if self.path == "straight":
            return a + t * (b - a)
        lengths = a.norm(dim=1, keepdim=True), b.norm(dim=1, keepdim=True)
        cosine = ((a / lengths[0]) * (b / lengths[1])).sum(1, keepdim=True).clamp(-1 + 1e-6, 1 - 1e-6)
        angle = cosine.acos()
        return (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / angle.sin()
