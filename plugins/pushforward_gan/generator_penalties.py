"""Penalties on generators: even steps through latent space, and samples that differ as their noise does."""

from __future__ import annotations

import math

import torch
from pydantic import NonNegativeFloat
from torch import Tensor

from pushforward import Draw, Generator, GeneratorPenalty, Remembering


class PathLength(GeneratorPenalty, Remembering):
    r"""Ask a step in latent space for a change of the same size everywhere.

    .. math:: \lambda\, \mathbb{E}\, (\|J^\top y\| - a)^2, \qquad J = \partial G / \partial z, \quad
        y \sim \mathcal{N}(0, I) / \sqrt{HW}

    a is the running mean of the lengths; vectors have H W = 1. Makes a generator easier to invert and to walk through.

    Reference: Karras, Laine, Aittala, Hellsten, Lehtinen, Aila, "Analyzing and Improving the Image Quality of
    StyleGAN", 2019, arXiv:1912.04958, eq. 4.

    Args:
        weight: the strength lambda.
        decay: the weight of the past in the running mean.
    """

    def __init__(self, weight: NonNegativeFloat = 2.0, decay: NonNegativeFloat = 0.99) -> None:
        Remembering.__init__(self)
        self.weight, self.decay = weight, decay
        self.register_buffer("length", torch.tensor(0.0))
        self.length: Tensor

    def __call__(self, generator: Generator, z: Tensor, fake: Tensor, draw: Draw) -> dict[str, Tensor]:
        """The penalty, and the mean length."""
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            x = generator(z, draw.labels if generator.conditional else None)
            y = draw.normal("path-length", *x.shape[1:]).to(x) / math.sqrt(math.prod(x.shape[2:]))
            (moved,) = torch.autograd.grad((x * y).sum(), z, create_graph=True)
        lengths = torch.linalg.vector_norm(moved, dim=1)  # its gradient at 0 is 0
        return {
            "path-length": self.weight * (lengths - self.length).square().mean(),
            "~path-length": lengths.detach().mean(),
        }

    def remember(self, seen: dict[str, Tensor]) -> None:
        """The running mean follows."""
        self.length.lerp_(seen["~path-length"].to(self.length), 1 - self.decay)


class ModeSeeking(GeneratorPenalty):
    r"""Ask for samples that differ where their noise does.

    .. math:: \lambda \Big/ \Big(\mathbb{E}\, \frac{\|G(z_1) - G(z_2)\|_1 / D}{\|z_1 - z_2\|_1 / d} + \epsilon\Big),
        \qquad \epsilon = 10^{-5}

    Neighbours in the batch are the pairs. Against generators that ignore a part of their noise, as conditional ones
    do.

    Reference: Mao, Lee, Tseng, Ma, Yang, "Mode Seeking Generative Adversarial Networks for Diverse Image Synthesis",
    2019, arXiv:1903.05628, eq. 5.

    Args:
        weight: the strength lambda.
    """

    def __init__(self, weight: NonNegativeFloat = 1.0) -> None:
        self.weight = weight

    def __call__(self, generator: Generator, z: Tensor, fake: Tensor, draw: Draw) -> dict[str, Tensor]:
        """The penalty."""
        apart = (fake - fake.roll(1, 0)).abs().flatten(1).mean(1)
        noise = (z - z.roll(1, 0)).abs().mean(1)
        ratio = (apart / noise.clamp_min(1e-12)).mean()
        return {"mode-seeking": self.weight / (ratio + 1e-5)}
