"""The residual networks of Mescheder et al.: no normalisation, residual branches of a tenth."""

from __future__ import annotations

from itertools import pairwise

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from pushforward import Discriminator, Generator, Latent
from pushforward_gan.conditioning import known_classes, one_hot
from pushforward_gan.stages import halvings

BRANCH = 0.1  # the weight of what a block adds


class MeschederGenerator(Generator):
    r"""Noise to images in [-1, 1]: one residual block a size, each size twice the one before.

    .. math:: x \mapsto S x + \tfrac1{10} C_2\, \sigma(C_1\, \sigma(x))

    Leaky ReLU of slope .2; S is the identity where channels stay, else a 1x1 convolution; channels double from the
    finest size on, up to `most`. The embedding of a class, of length one, is put beside the noise.

    Reference: Mescheder, Geiger, Nowozin, "Which Training Methods for GANs do actually Converge?", 2018,
    arXiv:1801.04406, appendix.

    Args:
        shape: of one image, (C, H, W).
        classes: of the target.
        latent: how many numbers of noise.
        width: channels of the finest size.
        most: channels of a size at most.
        embedding: numbers of a class.
        conditional: whether the class is given.

    Raises:
        UserError: if the target has no images that can be halved, or no labels where they are asked for.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int | None = None,
        latent: PositiveInt = 256,
        width: PositiveInt = 64,
        most: PositiveInt = 512,
        embedding: PositiveInt = 256,
        conditional: bool = False,
    ) -> None:
        super().__init__()
        count, self.base = halvings(shape, "mescheder")
        widths = doubling(width, most, count)[::-1]
        self.latent, self.width, self.most, self.conditional = Latent(latent), width, most, conditional
        self.classes = known_classes(classes, conditional)
        self.labels = nn.Linear(self.classes, embedding, bias=False) if conditional else None
        rows, columns = self.base
        self.first = nn.Linear(latent + (embedding if conditional else 0), widths[0] * rows * columns)
        self.blocks = nn.ModuleList(Block(a, b) for a, b in [*pairwise(widths), (widths[-1], widths[-1])])
        self.last = nn.Conv2d(widths[-1], shape[0], 3, padding=1)
        if self.labels is not None:
            nn.init.normal_(self.labels.weight)

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """(n, latent) to (n, C, H, W)."""
        if self.labels is not None:
            z = torch.cat([z, F.normalize(self.labels(one_hot(condition, self.classes, z)), dim=1)], 1)
        x = self.first(z).view(len(z), -1, *self.base)
        for i, block in enumerate(self.blocks):
            x = block(F.interpolate(x, scale_factor=2) if i else x)
        return torch.tanh(self.last(F.leaky_relu(x, 0.2)))


class MeschederDiscriminator(Discriminator):
    r"""Images to one logit: the generator's blocks, each size half the one before.

    Means of 3x3 pixels lead from size to size. With classes there is a logit for each, and that of the sample's class
    counts.

    Reference: Mescheder, Geiger, Nowozin, "Which Training Methods for GANs do actually Converge?", 2018,
    arXiv:1801.04406, appendix.

    Args:
        shape: of one image, (C, H, W).
        classes: of the target.
        width: channels of the finest size.
        most: channels of a size at most.
        conditional: whether the class is given.

    Raises:
        UserError: if the target has no images that can be halved, or no labels where they are asked for.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int | None = None,
        width: PositiveInt = 64,
        most: PositiveInt = 1024,
        conditional: bool = False,
    ) -> None:
        super().__init__()
        count, (rows, columns) = halvings(shape, "mescheder")
        widths = doubling(width, most, count)
        self.width, self.most, self.conditional = width, most, conditional
        self.classes = known_classes(classes, conditional)
        self.first = nn.Conv2d(shape[0], widths[0], 3, padding=1)
        self.blocks = nn.ModuleList(Block(a, b) for a, b in [(widths[0], widths[0]), *pairwise(widths)])
        self.last = nn.Linear(widths[-1] * rows * columns, self.classes or 1)

    def features(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """What the last layer sees, (n, features)."""
        x = self.first(x)
        for i, block in enumerate(self.blocks):
            x = block(F.avg_pool2d(x, 3, 2, 1) if i else x)
        return F.leaky_relu(x, 0.2).flatten(1)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """(n, C, H, W) to logits (n,)."""
        logits: Tensor = self.last(self.features(x))
        if self.conditional:
            return (logits * one_hot(condition, self.classes, logits)).sum(1)
        return logits.squeeze(1)


class Block(nn.Module):
    """One residual block."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        inner = min(before, after)
        self.one = nn.Conv2d(before, inner, 3, padding=1)
        self.two = nn.Conv2d(inner, after, 3, padding=1)
        self.aside = nn.Identity() if before == after else nn.Conv2d(before, after, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """x, and a tenth of what is added to it."""
        kept: Tensor = self.aside(x)
        return kept + BRANCH * self.two(F.leaky_relu(self.one(F.leaky_relu(x, 0.2)), 0.2))


def doubling(width: int, most: int, count: int) -> list[int]:
    """Channels of every size, the finest first."""
    return [min(width * 2**k, most) for k in range(count + 1)]
