"""The networks of R3GAN: plain residual stages without any normalisation."""

from __future__ import annotations

import math

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from pushforward import Discriminator, Generator, Latent, UserError
from pushforward_gan.conditioning import known_classes, one_hot
from pushforward_gan.stages import halvings


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
        width: channels of every stage.
        blocks: residual blocks of a stage.
        groups: groups of the 3x3 convolutions, of twice the width.
        embedding: numbers of a class.
        conditional: whether the class is given.

    Raises:
        UserError: if the target has no images that can be halved, no labels where they are asked for, or groups do not
            divide twice the width.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int | None = None,
        latent: PositiveInt = 64,
        width: PositiveInt = 64,
        blocks: PositiveInt = 2,
        groups: PositiveInt = 8,
        embedding: PositiveInt = 16,
        conditional: bool = False,
    ) -> None:
        super().__init__()
        count, base = halvings(shape, "r3gan")
        refuse_groups(width, groups)
        self.latent, self.width, self.blocks, self.groups = Latent(latent), width, blocks, groups
        self.embedding, self.conditional, self.classes = embedding, conditional, known_classes(classes, conditional)
        self.labels = nn.Linear(self.classes, embedding, bias=False) if conditional else None
        self.basis = nn.Parameter(torch.randn(width, *base))
        self.first = nn.Linear(latent + (embedding if conditional else 0), width, bias=False)
        depth = blocks * (count + 1)
        self.stages = nn.ModuleList(stage(width, blocks, groups, depth) for _ in range(count + 1))
        self.last = nn.Conv2d(width, shape[0], 1)
        nn.init.normal_(self.first.weight, 0.0, 1 / math.sqrt(self.first.in_features))
        nn.init.normal_(self.last.weight, 0.0, 1 / math.sqrt(width))

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """(n, latent) to (n, C, H, W)."""
        if self.labels is not None:
            z = torch.cat([z, self.labels(one_hot(condition, self.classes, z))], 1)
        x = self.first(z)[:, :, None, None] * self.basis
        for i, layers in enumerate(self.stages):
            x = layers(doubled(x) if i else x)
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
        width: channels of every stage.
        blocks: residual blocks of a stage.
        groups: groups of the 3x3 convolutions, of twice the width.
        conditional: whether the class is given.

    Raises:
        UserError: if the target has no images that can be halved, no labels where they are asked for, or groups do not
            divide twice the width.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int | None = None,
        width: PositiveInt = 64,
        blocks: PositiveInt = 2,
        groups: PositiveInt = 8,
        conditional: bool = False,
    ) -> None:
        super().__init__()
        count, base = halvings(shape, "r3gan")
        refuse_groups(width, groups)
        self.width, self.blocks, self.groups, self.conditional = width, blocks, groups, conditional
        self.classes = known_classes(classes, conditional)
        depth = blocks * (count + 1)
        self.first = nn.Conv2d(shape[0], width, 1)
        self.stages = nn.ModuleList(stage(width, blocks, groups, depth) for _ in range(count + 1))
        self.basis = nn.Parameter(torch.randn(width, *base) / math.sqrt(math.prod(base)))
        self.last = nn.Linear(width, self.classes or 1, bias=False)
        nn.init.normal_(self.first.weight, 0.0, 1 / math.sqrt(shape[0]))
        nn.init.normal_(self.last.weight, 0.0, 1 / math.sqrt(width))

    def features(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """What the last layer sees, (n, width)."""
        x = self.first(x)
        for i, layers in enumerate(self.stages):
            x = layers(halved(x) if i else x)
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


def stage(width: int, blocks: int, groups: int, depth: int) -> nn.Sequential:
    """The blocks of one size."""
    return nn.Sequential(*(Block(width, groups, depth) for _ in range(blocks)))


def doubled(x: Tensor) -> Tensor:
    """Twice the size, by the filter [1, 2, 1] between pixels."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def halved(x: Tensor) -> Tensor:
    """Half the size: the filter [1, 2, 1] / 4 along both axes, then the mean of two by two pixels' places."""
    kernel = x.new_tensor([1.0, 3.0, 3.0, 1.0]) / 8  # [1, 2, 1] / 4 after [1, 1] / 2
    weight = (kernel[:, None] * kernel).expand(x.shape[1], 1, 4, 4)
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), weight, stride=2, groups=x.shape[1])


def refuse_groups(width: int, groups: int) -> None:
    """Groups that do not divide the channels of the 3x3 convolutions."""
    if 2 * width % groups:
        raise UserError(f"r3gan: {groups} groups do not divide {2 * width} channels, twice the width of {width}")
