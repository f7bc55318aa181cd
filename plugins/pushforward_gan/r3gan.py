"""The networks of R3GAN: plain residual stages without any normalisation."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from pushforward import Discriminator, Generator, Latent, UserError
from pushforward_gan.conditioning import known_classes, one_hot
from pushforward_gan.stages import by_stage, halvings


class R3GANGenerator(Generator):
    r"""Noise to images: a learned basis of the coarsest size, then stages of residual blocks, each doubling the size.

    .. math:: x \mapsto x + C_3\, \sigma(C_2\, \sigma(C_1 x)), \qquad C_1, C_3: 1 \times 1, \quad
        C_2: 3 \times 3 \text{ in groups}

    No normalisation; leaky ReLU of slope .2 with a bias before it; the last convolution of a block begins at 0 and the
    others are scaled by L^(-1/4), for L blocks. Sizes change by bilinear filters [1, 2, 1]. Outputs are not bounded.
    The embedding of a class is put beside the noise.

    Reference: Huang, Gokaslan, Kuleshov, Tompkin, "The GAN is dead; long live the GAN! A Modern GAN Baseline", 2025,
    arXiv:2501.05441, section 4.

    Args:
        shape: of one image, (C, H, W).
        classes: of the target.
        latent: how many numbers of noise.
        width: channels of every stage, or one number a stage, the coarsest first.
        blocks: residual blocks of a stage.
        group: channels of each group of the 3x3 convolutions, whose widths are twice those of the stages.
        embedding: numbers of a class.
        conditional: whether the class is given.

    Raises:
        UserError: if the target has no images that can be halved, no labels where they are asked for, the widths are
            not one a stage, or groups do not divide twice a width.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int | None = None,
        latent: PositiveInt = 64,
        width: PositiveInt | list[PositiveInt] = 64,
        blocks: PositiveInt = 2,
        group: PositiveInt = 16,
        embedding: PositiveInt = 16,
        conditional: bool = False,
    ) -> None:
        super().__init__()
        count, base = halvings(shape, "r3gan")
        widths = by_stage(width, count + 1, "r3gan")
        self.latent, self.width, self.blocks, self.group = Latent(latent), width, blocks, group
        self.embedding, self.conditional, self.classes = embedding, conditional, known_classes(classes, conditional)
        self.labels = nn.Linear(self.classes, embedding, bias=False) if conditional else None
        self.basis = nn.Parameter(torch.randn(widths[0], *base))
        self.first = nn.Linear(latent + (embedding if conditional else 0), widths[0], bias=False)
        self.stages = stages(widths, blocks, group)
        self.turns = turns(widths)
        self.last = nn.Conv2d(widths[-1], shape[0], 1)
        nn.init.normal_(self.first.weight, 0.0, 1 / math.sqrt(self.first.in_features))
        nn.init.normal_(self.last.weight, 0.0, 1 / math.sqrt(widths[-1]))

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """(n, latent) to (n, C, H, W)."""
        if self.labels is not None:
            z = torch.cat([z, self.labels(one_hot(condition, self.classes, z))], 1)
        x = self.first(z)[:, :, None, None] * self.basis
        for i, layers in enumerate(self.stages):
            x = layers(doubled(self.turns[i - 1](x)) if i else x)
        images: Tensor = self.last(x)
        return images


class R3GANDiscriminator(Discriminator):
    r"""Images to one logit: stages of residual blocks, each halving the size, and a learned basis of the coarsest one.

    .. math:: D(x) = w^\top h(x) \;\text{ or }\; \langle e_y, h(x) \rangle

    The generator's blocks in the opposite order, so that both have the same power. A class enters by projection alone.

    Reference: Huang, Gokaslan, Kuleshov, Tompkin, "The GAN is dead; long live the GAN! A Modern GAN Baseline", 2025,
    arXiv:2501.05441, section 4.

    Args:
        shape: of one image, (C, H, W).
        classes: of the target.
        width: channels of every stage, or one number a stage, the coarsest first.
        blocks: residual blocks of a stage.
        group: channels of each group of the 3x3 convolutions, whose widths are twice those of the stages.
        conditional: whether the class is given.

    Raises:
        UserError: if the target has no images that can be halved, no labels where they are asked for, the widths are
            not one a stage, or groups do not divide twice a width.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int | None = None,
        width: PositiveInt | list[PositiveInt] = 64,
        blocks: PositiveInt = 2,
        group: PositiveInt = 16,
        conditional: bool = False,
    ) -> None:
        super().__init__()
        count, base = halvings(shape, "r3gan")
        widths = by_stage(width, count + 1, "r3gan")[::-1]
        self.width, self.blocks, self.group, self.conditional = width, blocks, group, conditional
        self.classes = known_classes(classes, conditional)
        self.first = nn.Conv2d(shape[0], widths[0], 1)
        self.stages = stages(widths, blocks, group)
        self.turns = turns(widths)
        self.basis = nn.Parameter(torch.randn(widths[-1], *base) / math.sqrt(math.prod(base)))
        self.last = nn.Linear(widths[-1], self.classes or 1, bias=False)
        nn.init.normal_(self.first.weight, 0.0, 1 / math.sqrt(shape[0]))
        nn.init.normal_(self.last.weight, 0.0, 1 / math.sqrt(widths[-1]))

    def features(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """What the last layer sees, (n, the coarsest width)."""
        x = self.first(x)
        for i, layers in enumerate(self.stages):
            x = layers(self.turns[i - 1](halved(x)) if i else x)
        return (x * self.basis).sum((2, 3))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """(n, C, H, W) to logits (n,)."""
        logits: Tensor = self.last(self.features(x))
        if self.conditional:
            return (logits * one_hot(condition, self.classes, logits)).sum(1)
        return logits.squeeze(1)


class Block(nn.Module):
    """One residual block, of so many in the network."""

    def __init__(self, width: int, groups: int, depth: int) -> None:
        super().__init__()
        inner = 2 * width
        self.widen = nn.Conv2d(width, inner, 1)
        self.mix = nn.Conv2d(inner, inner, 3, padding=1, groups=groups)
        self.narrow = nn.Conv2d(inner, width, 1, bias=False)
        for convolution in (self.widen, self.mix):  # the bias stands before the activation that follows
            assert convolution.bias is not None
            fan = convolution.weight[0].numel()
            nn.init.normal_(convolution.weight, 0.0, math.sqrt(2 / 1.04 / fan) * depth**-0.25)
            nn.init.zeros_(convolution.bias)
        nn.init.zeros_(self.narrow.weight)

    def forward(self, x: Tensor) -> Tensor:
        """x and what is added to it."""
        inner = F.leaky_relu(self.mix(F.leaky_relu(self.widen(x), 0.2)), 0.2)
        added: Tensor = self.narrow(inner)
        return x + added


def stages(widths: list[int], blocks: int, group: int) -> nn.ModuleList:
    """The blocks of every size, in this order.

    Raises:
        UserError: if groups do not divide twice a width.
    """
    for width in widths:
        if 2 * width % group:
            raise UserError(f"r3gan: groups of {group} do not divide {2 * width} channels, twice the width of {width}")
    depth = blocks * len(widths)
    return nn.ModuleList(
        nn.Sequential(*(Block(width, 2 * width // group, depth) for _ in range(blocks))) for width in widths
    )


def turns(widths: list[int]) -> nn.ModuleList:
    """What leads from the channels of each size to those of the next: nothing where they are as many."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers.append(nn.Identity() if before == after else nn.Conv2d(before, after, 1, bias=False))
        if before != after:
            nn.init.normal_(layers[-1].weight, 0.0, 1 / math.sqrt(before))
    return nn.ModuleList(layers)


def doubled(x: Tensor) -> Tensor:
    """Twice the size, by the filter [1, 2, 1] between pixels."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def halved(x: Tensor) -> Tensor:
    """Half the size: the filter [1, 2, 1] / 4 along both axes, then the mean of two by two pixels' places."""
    kernel = x.new_tensor([1.0, 3.0, 3.0, 1.0]) / 8  # [1, 2, 1] / 4 after [1, 1] / 2
    weight = (kernel[:, None] * kernel).expand(x.shape[1], 1, 4, 4)
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), weight, stride=2, groups=x.shape[1])
