"""A critic of patches: a logit for every place, each seeing a part of the image."""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveInt
from torch import Tensor, nn

from pushforward import Discriminator, UserError
from pushforward_gan.conditioning import known_classes, one_hot
from pushforward_gan.dcgan import begin
from pushforward_gan.normalisation import BatchNorm2d, SpectralConv2d
from pushforward_gan.stages import halvings


class PatchDiscriminator(Discriminator):
    r"""Images to a map of logits, one for every patch.

    `depth` strided 4x4 convolutions with doubling channels, then two 3x3 ones of stride one: with three of them a
    logit sees 54 by 54 pixels. Objectives take the mean over places, so that every patch counts alike. A class enters
    by projection at every place.

    Reference: Isola, Zhu, Zhou, Efros, "Image-to-Image Translation with Conditional Adversarial Networks", 2016,
    arXiv:1611.07004, section 3.2.2.

    Args:
        shape: of one image, (C, H, W).
        classes: of the target.
        width: channels of the first convolution.
        depth: convolutions that halve the size; None means three, or as many as its size allows.
        norm: none, batch or spectral normalisation.
        conditional: whether the class is given.

    Raises:
        UserError: if the target has no images that can be halved so often, or no labels where they are asked for.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int | None = None,
        width: PositiveInt = 64,
        depth: PositiveInt | None = None,
        norm: Literal["none", "batch", "spectral"] = "none",
        conditional: bool = False,
    ) -> None:
        super().__init__()
        count, _ = halvings(shape, "patch")
        depth = depth or min(count, 3)
        if depth > count:
            raise UserError(f"patch: an image of {shape[1]}x{shape[2]} can be halved {count} times, not {depth}")
        self.width, self.depth, self.norm, self.conditional = width, depth, norm, conditional
        self.classes, self.couples_samples = known_classes(classes, conditional), norm == "batch"
        channels = [shape[0], *(width * 2**k for k in range(depth))]
        convolution = SpectralConv2d if norm == "spectral" else nn.Conv2d
        layers: list[nn.Module] = []
        for k in range(depth):
            layers.append(convolution(channels[k], channels[k + 1], 4, 2, 1))
            layers += [BatchNorm2d(channels[k + 1])] if norm == "batch" and k else []
            layers.append(nn.LeakyReLU(0.2))
        self.layers = nn.Sequential(*layers, convolution(channels[-1], channels[-1], 3, 1, 1), nn.LeakyReLU(0.2))
        self.last = nn.Conv2d(channels[-1], 1, 3, 1, 1)
        self.embedding = nn.Embedding(self.classes, channels[-1]) if conditional else None
        begin(self)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """(n, C, H, W) to logits (n, rows, columns)."""
        h = self.layers(x)
        logits: Tensor = self.last(h).squeeze(1)
        if self.embedding is None:
            return logits
        toward = one_hot(condition, self.classes, h) @ self.embedding.weight
        return logits + (toward[:, :, None, None] * h).sum(1)
