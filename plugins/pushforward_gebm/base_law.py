"""A base law seen through its noise: where noise comes from, how probable it is, and where it goes."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pushforward import Draw, Flow, Generator

Energies = Callable[[Tensor], Tensor]


class BaseLaw:
    """A flow or a generator as noise pushed forward: it owns nothing.

    Args:
        model: the flow or generator.
    """

    def __init__(self, model: Flow | Generator) -> None:
        self.model = model

    def noise(self, draw: Draw) -> Tensor:
        """Noise for every sample of the draw."""
        return self.model.sample_base(draw) if isinstance(self.model, Flow) else self.model.latent.sample(draw)

    def log_density(self, z: Tensor) -> Tensor:
        """log density of the noise, (n,)."""
        if isinstance(self.model, Flow):
            return self.model.base_log_density(z)
        latent = self.model.latent
        if latent.law == "uniform":
            outside = (z.abs() > 1).any(1)
            return (-latent.dimension * math.log(2) + 0 * z.sum(1)).masked_fill(outside, -math.inf)
        return -0.5 * (z.square().sum(1) + latent.dimension * math.log(2 * math.pi))

    def push(self, z: Tensor) -> Tensor:
        """Data from noise."""
        return self.model.to_data(z)[0] if isinstance(self.model, Flow) else self.model(z)

    def weighted_noise(self, energies: Energies, candidates: int, draw: Draw) -> Tensor:
        """For every sample of the draw, one of its own `candidates` pieces of noise, picked by its share of exp(-E).

        The law is that of the model as candidates go to infinity; each row depends on its own randomness alone.
        """
        draws = [numbered(draw, k) for k in range(candidates)]
        noises = torch.stack([self.noise(d) for d in draws])  # (candidates, n, ...)
        with torch.no_grad():
            weights = torch.stack([-energies(self.push(z)) for z in noises])  # (candidates, n)
        luck = torch.stack([d.uniform("pick") for d in draws])
        best = (weights - (-luck.log()).log()).argmax(0)  # Gumbel's trick: P(k) is the softmax of the weights
        return noises[best, torch.arange(len(best), device=best.device)]


def numbered(draw: Draw, number: int) -> Draw:
    """One of several draws of the same samples, each with numbers of its own."""
    key = (*draw.key, "candidate", number)
    return Draw(draw.seed, key, draw.total, draw.rows, device=draw.device, dtype=draw.dtype)
