"""DCGAN: strided convolutions and nothing else."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from pushforward import Discriminator, Generator, Latent
from pushforward_gan.conditioning import known_classes, one_hot
from pushforward_gan.normalisation import BatchNorm2d, SpectralConv2d
from pushforward_gan.stages import halvings

SPREAD = 0.02  # standard deviation of all weights at the start


class DCGANGenerator(Generator):
    r"""Noise to images in [-1, 1] by transposed convolutions, each doubling the size.

    .. math:: z \mapsto \tanh(T_k\, \sigma(\mathrm{BN}(T_{k-1} \cdots \sigma(\mathrm{BN}(W z)))))

    The first stage has the size at which the image cannot be halved any more (4x4 of 32x32, 7x7 of 28x28), and every
    next one half the channels. Batch normalisation, ReLU, weights from N(0, .02). A class is put beside the noise.

    Reference: Radford, Metz, Chintala, "Unsupervised Representation Learning with Deep Convolutional Generative
    Adversarial Networks", 2015, arXiv:1511.06434.

    Args:
        shape: of one image, (C, H, W).
        classes: of the target.
        latent: how many numbers of noise.
        width: channels of the last hidden stage.
        conditional: whether the class is given.

    Raises:
        UserError: if the target has no images that can be halved, or no labels where they are asked for.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int | None = None,
        latent: PositiveInt = 64,
        width: PositiveInt = 64,
        conditional: bool = False,
    ) -> None:
        super().__init__()
        count, self.base = halvings(shape, "dcgan")
        self.latent, self.width, self.conditional = Latent(latent), width, conditional
        self.classes = known_classes(classes, conditional)
        channels = [width * 2**k for k in reversed(range(count))]
        rows, columns = self.base
        self.first = nn.Linear(latent + self.classes, channels[0] * rows * columns, bias=False)
        layers: list[nn.Module] = [BatchNorm2d(channels[0]), nn.ReLU()]
        for before, after in pairwise(channels):
            layers += [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False), BatchNorm2d(after), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(channels[-1], shape[0], 4, 2, 1), nn.Tanh())
        begin(self)

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """(n, latent) to (n, C, H, W)."""
        if self.conditional:
            z = torch.cat([z, one_hot(condition, self.classes, z)], 1)
        images: Tensor = self.layers(self.first(z).view(len(z), -1, *self.base))
        return images


class DCGANDiscriminator(Discriminator):
    r"""Images to one logit by strided convolutions, each halving the size.

    .. math:: x \mapsto w^\top h(x) + b \;(+ \langle e_y, h(x) \rangle), \qquad h = \sigma(C_k \cdots \sigma(C_1 x))

    Every stage has twice the channels of the one before. Leaky ReLU of slope .2; weights from N(0, .02). A class
    enters by projection. Batch normalisation is the paper's and refuses penalties on slopes; spectral normalisation
    goes with the hinge.

    Reference: Radford, Metz, Chintala, 2015, arXiv:1511.06434; Miyato, Koyama, "cGANs with Projection Discriminator",
    2018, arXiv:1802.05637.

    Args:
        shape: of one image, (C, H, W).
        classes: of the target.
        width: channels of the first stage.
        norm: none, batch or spectral normalisation.
        conditional: whether the class is given.

    Raises:
        UserError: if the target has no images that can be halved, or no labels where they are asked for.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int | None = None,
        width: PositiveInt = 64,
        norm: Literal["none", "batch", "spectral"] = "none",
        conditional: bool = False,
    ) -> None:
        super().__init__()
        count, (rows, columns) = halvings(shape, "dcgan")
        self.width, self.norm, self.conditional = width, norm, conditional
        self.classes, self.couples_samples = known_classes(classes, conditional), norm == "batch"
        channels = [shape[0], *(width * 2**k for k in range(count))]
        convolution = SpectralConv2d if norm == "spectral" else nn.Conv2d
        layers: list[nn.Module] = []
        for i in range(count):
            layers.append(convolution(channels[i], channels[i + 1], 4, 2, 1))
            layers += [BatchNorm2d(channels[i + 1])] if norm == "batch" and i else []
            layers.append(nn.LeakyReLU(0.2))
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.last = nn.Linear(channels[-1] * rows * columns, 1)
        self.embedding = nn.Embedding(self.classes, self.last.in_features) if conditional else None
        begin(self)

    def features(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """What the last layer sees, (n, features)."""
        found: Tensor = self.layers(x)
        return found

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """(n, C, H, W) to logits (n,)."""
        h = self.features(x)
        logits: Tensor = self.last(h).squeeze(1)
        if self.embedding is None:
            return logits
        return logits + (one_hot(condition, self.classes, h) @ self.embedding.weight * h).sum(1)


def begin(module: nn.Module) -> None:
    """Weights from N(0, .02), biases at 0; spectral norms take the new weights in."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(part.weight, 0.0, SPREAD)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        if isinstance(part, SpectralConv2d):
            part.hold()
        if isinstance(part, nn.Embedding):
            nn.init.normal_(part.weight, 0.0, SPREAD)
