"""The residual networks of SNGAN: batch normalisation in the generator, spectral normalisation in the critic."""

from __future__ import annotations

from itertools import pairwise

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from pushforward import Discriminator, Generator, Latent, UserError
from pushforward_gan.conditioning import known_classes, one_hot
from pushforward_gan.normalisation import BatchNorm2d, ClassBatchNorm2d, SpectralConv2d, SpectralLinear
from pushforward_gan.r3gan import doubled
from pushforward_gan.stages import by_stage, halvings


class SNGANGenerator(Generator):
    r"""Noise to images in [-1, 1] by residual blocks, each doubling the size.

    .. math:: x \mapsto S(Ux) + C_2\, \sigma(\mathrm{BN}(C_1\, U\, \sigma(\mathrm{BN}(x))))

    U doubles the size, S is a 1x1 and the C are 3x3 convolutions. The gain and bias of each batch normalisation belong
    to the class where it is given. Of 32x32 images, a width of 256 is the published network.

    Reference: Miyato, Kataoka, Koyama, Yoshida, "Spectral Normalization for Generative Adversarial Networks", 2018,
    arXiv:1802.05957, appendix B.4.

    Args:
        shape: of one image, (C, H, W).
        classes: of the target.
        latent: how many numbers of noise.
        width: channels of every stage, or one number a stage, the coarsest first.
        conditional: whether the class is given.

    Raises:
        UserError: if the target has no images that can be halved, no labels where they are asked for, or the widths
            are not one a stage.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int | None = None,
        latent: PositiveInt = 128,
        width: PositiveInt | list[PositiveInt] = 256,
        conditional: bool = False,
    ) -> None:
        super().__init__()
        count, self.base = halvings(shape, "sngan")
        widths = by_stage(width, count + 1, "sngan")
        self.latent, self.width, self.conditional = Latent(latent), width, conditional
        self.classes = known_classes(classes, conditional)
        rows, columns = self.base
        self.first = nn.Linear(latent, widths[0] * rows * columns)
        self.blocks = nn.ModuleList(UpBlock(a, b, self.classes) for a, b in pairwise(widths))
        self.norm = BatchNorm2d(widths[-1])
        self.last = nn.Conv2d(widths[-1], shape[0], 3, padding=1)
        begin(self)

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """(n, latent) to (n, C, H, W)."""
        rows = one_hot(condition, self.classes, z) if self.conditional else None
        x = self.first(z).view(len(z), -1, *self.base)
        for block in self.blocks:
            x = block(x, rows)
        return torch.tanh(self.last(F.relu(self.norm(x))))


class SNGANDiscriminator(Discriminator):
    r"""Images to one logit by residual blocks, every layer with a largest singular value of one.

    .. math:: x \mapsto S x + C_2\, \sigma(C_1\, \sigma(x)), \qquad
        D(x) = w^\top h(x) + b \;(+ \langle e_y, h(x) \rangle)

    The first blocks halve the size by means of 2x2 pixels, the others keep it; h is the sum over all places. A class
    enters by projection. Of 32x32 images, the defaults are the published network.

    Reference: Miyato, Kataoka, Koyama, Yoshida, 2018, arXiv:1802.05957, appendix B.4; Miyato, Koyama, "cGANs with
    Projection Discriminator", 2018, arXiv:1802.05637.

    Args:
        shape: of one image, (C, H, W).
        classes: of the target.
        width: channels of every block, or one number a block, the finest first.
        blocks: how many blocks.
        halving: how many of them, the first, halve the size; None means two, or as many as its size allows.
        conditional: whether the class is given.

    Raises:
        UserError: if the target has no images that can be halved so often, no labels where they are asked for, or the
            widths are not one a block.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int | None = None,
        width: PositiveInt | list[PositiveInt] = 128,
        blocks: PositiveInt = 4,
        halving: NonNegativeInt | None = None,
        conditional: bool = False,
    ) -> None:
        super().__init__()
        count, _ = halvings(shape, "sngan")
        halving = min(count, blocks, 2) if halving is None else halving
        if halving > min(count, blocks):
            raise UserError(
                f"sngan: {halving} of {blocks} blocks are to halve an image of {shape[1]}x{shape[2]}, which can be"
                f" halved {count} times"
            )
        widths = by_stage(width, blocks, "sngan")
        self.width, self.halving, self.conditional = width, halving, conditional
        self.classes = known_classes(classes, conditional)
        sizes = pairwise([shape[0], *widths])
        self.blocks = nn.ModuleList(DownBlock(a, b, k < halving, first=not k) for k, (a, b) in enumerate(sizes))
        self.last = SpectralLinear(widths[-1], 1)
        self.embedding = SpectralLinear(self.classes, widths[-1], bias=False) if conditional else None
        begin(self)

    def features(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """What the last layer sees, (n, the last width)."""
        for block in self.blocks:
            x = block(x)
        return F.relu(x).sum((2, 3))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """(n, C, H, W) to logits (n,)."""
        h = self.features(x)
        logits: Tensor = self.last(h).squeeze(1)
        if self.embedding is None:
            return logits
        return logits + (self.embedding(one_hot(condition, self.classes, h)) * h).sum(1)


class UpBlock(nn.Module):
    """A residual block of the generator."""

    def __init__(self, before: int, after: int, classes: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(ClassBatchNorm2d(n, classes) if classes else BatchNorm2d(n) for n in (before, after))
        self.convolutions = nn.ModuleList(
            [nn.Conv2d(before, after, 3, padding=1), nn.Conv2d(after, after, 3, padding=1)]
        )
        self.aside = nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor, classes: Tensor | None) -> Tensor:
        """Twice the size; `classes` are rows of zeros with a one, or None."""
        h = self.convolutions[0](doubled(F.relu(self._normed(0, x, classes))))
        added: Tensor = self.convolutions[1](F.relu(self._normed(1, h, classes)))
        return added + self.aside(doubled(x))

    def _normed(self, which: int, x: Tensor, classes: Tensor | None) -> Tensor:
        normed: Tensor = self.norms[which](x) if classes is None else self.norms[which](x, classes)
        return normed


class DownBlock(nn.Module):
    """A residual block of the critic; the first one of all begins without an activation."""

    def __init__(self, before: int, after: int, halves: bool, first: bool) -> None:
        super().__init__()
        self.halves, self.first = halves, first
        inner = after if first else before
        self.convolutions = nn.ModuleList(
            [SpectralConv2d(before, inner, 3, padding=1), SpectralConv2d(inner, after, 3, padding=1)]
        )
        self.aside = SpectralConv2d(before, after, 1) if halves or before != after else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Half the size, or the same."""
        added: Tensor = self.convolutions[1](F.relu(self.convolutions[0](x if self.first else F.relu(x))))
        if not self.halves:
            return added + self.aside(x)
        return F.avg_pool2d(added, 2) + self.aside(F.avg_pool2d(x, 2))  # a 1x1 convolution and a mean may change places


def begin(module: nn.Module) -> None:
    """Xavier's uniform weights, those within blocks twice as wide in variance; spectral norms take them in."""
    inner = {c for m in module.modules() if isinstance(m, UpBlock | DownBlock) for c in m.convolutions}
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(part.weight, 2**0.5 if part in inner else 1.0)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        if isinstance(part, SpectralConv2d | SpectralLinear):
            part.hold()
