"""Networks in the manner of StyleGAN2: styles that scale weights, images summed over sizes."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from pushforward import Discriminator, Generator, Latent
from pushforward_gan.conditioning import known_classes, one_hot
from pushforward_gan.r3gan import doubled, halved
from pushforward_gan.stages import halvings

GAIN = math.sqrt(2)  # of a leaky ReLU of slope .2, as the paper's code has it


class StyleGAN2Generator(Generator):
    r"""Noise to images: a mapping gives a style, and the style scales the weights of every convolution.

    .. math:: w = f(z / |z|_{rms}), \qquad
        w'_{ijk} = \frac{s_i w_{ijk}}{\sqrt{\sum_{ik} s_i^2 w_{ijk}^2 + \epsilon}}, \quad s = A w + b

    Two convolutions a size; every size adds its image to the doubled one of the size before. All weights are standard
    normal and scaled by one over the root of their fan-in as they are used. There are `base` channels over the number
    of pixels along a side, at most `most`. Differences from the paper's code: no noise is added to pixels and styles
    are not mixed, so that an image is a function of z alone.

    Reference: Karras, Laine, Aittala, Hellsten, Lehtinen, Aila, "Analyzing and Improving the Image Quality of
    StyleGAN", 2019, arXiv:1912.04958.

    Args:
        shape: of one image, (C, H, W).
        classes: of the target.
        latent: how many numbers of noise, and of the style.
        mapping: layers of the mapping; they learn a hundred times slower.
        base: channels times pixels along the longer side.
        most: channels of a size at most.
        conditional: whether the class is given; its embedding is put beside the noise.

    Raises:
        UserError: if the target has no images that can be halved, or no labels where they are asked for.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int | None = None,
        latent: PositiveInt = 512,
        mapping: PositiveInt = 8,
        base: PositiveInt = 16384,
        most: PositiveInt = 512,
        conditional: bool = False,
    ) -> None:
        super().__init__()
        count, coarsest = halvings(shape, "stylegan2")
        widths = by_size(shape, count, base, most)[::-1]
        self.latent, self.mapping, self.conditional = Latent(latent), mapping, conditional
        self.classes = known_classes(classes, conditional)
        self.labels = Linear(self.classes, latent) if conditional else None
        first = 2 * latent if conditional else latent
        self.style = nn.ModuleList(Linear(latent if k else first, latent, slower=100.0) for k in range(mapping))
        self.begin = nn.Parameter(torch.randn(widths[0], *coarsest))
        self.convolutions = nn.ModuleList([Styled(widths[0], widths[0], 3, latent)])
        self.images = nn.ModuleList([Styled(widths[0], shape[0], 1, latent)])
        for before, after in pairwise(widths):
            self.convolutions.extend([Styled(before, after, 3, latent), Styled(after, after, 3, latent)])
            self.images.append(Styled(after, shape[0], 1, latent))

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """(n, latent) to (n, C, H, W)."""
        w = of_length_one(z)
        if self.labels is not None:
            w = torch.cat([w, of_length_one(self.labels(one_hot(condition, self.classes, z)))], 1)
        for layer in self.style:
            w = GAIN * F.leaky_relu(layer(w), 0.2)
        x = self.begin.expand(len(z), *self.begin.shape)
        x = lit(self.convolutions[0](x, w))
        image: Tensor = self.images[0](x, w, False)
        for k in range(1, len(self.images)):
            x = lit(self.convolutions[2 * k - 1](doubled(x), w))
            x = lit(self.convolutions[2 * k](x, w))
            image = doubled(image) + self.images[k](x, w, False)
        return image


class StyleGAN2Discriminator(Discriminator):
    r"""Images to one logit by residual blocks, each halving the size.

    .. math:: x \mapsto (S x + C_2\, \sigma(C_1 x)) / \sqrt 2

    Every layer scales its weights as the generator's do. `group` lets the last block see the spread of so many samples
    of a batch, as the paper does; samples then see each other, and penalties on slopes refuse it.

    Reference: Karras, Laine, Aittala, Hellsten, Lehtinen, Aila, "Analyzing and Improving the Image Quality of
    StyleGAN", 2019, arXiv:1912.04958.

    Args:
        shape: of one image, (C, H, W).
        classes: of the target.
        base: channels times pixels along the longer side.
        most: channels of a size at most.
        group: samples whose spread is seen; 0 for none.
        conditional: whether the class is given; it enters by projection.

    Raises:
        UserError: if the target has no images that can be halved, or no labels where they are asked for.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int | None = None,
        base: PositiveInt = 16384,
        most: PositiveInt = 512,
        group: NonNegativeInt = 0,
        conditional: bool = False,
    ) -> None:
        super().__init__()
        count, (rows, columns) = halvings(shape, "stylegan2")
        widths = by_size(shape, count, base, most)
        self.group, self.conditional, self.couples_samples = group, conditional, group > 0
        self.classes = known_classes(classes, conditional)
        self.first = Convolution(shape[0], widths[0], 1)
        self.blocks = nn.ModuleList(Halving(a, b) for a, b in pairwise(widths))
        self.mixed = Convolution(widths[-1] + (1 if group else 0), widths[-1], 3)
        self.dense = Linear(widths[-1] * rows * columns, widths[-1])
        self.last = Linear(widths[-1], 1)
        self.embedding = Linear(self.classes, widths[-1]) if conditional else None

    def features(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """What the last layer sees, (n, the coarsest width)."""
        x = lit(self.first(x))
        for block in self.blocks:
            x = block(x)
        x = lit(self.mixed(beside_spread(x, self.group) if self.group else x))
        return lit(self.dense(x.flatten(1)))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """(n, C, H, W) to logits (n,)."""
        h = self.features(x)
        logits: Tensor = self.last(h).squeeze(1)
        if self.embedding is None:
            return logits
        toward = of_length_one(self.embedding(one_hot(condition, self.classes, h)))
        return logits + (toward * h).sum(1) / math.sqrt(h.shape[1])


class Linear(nn.Module):
    """A linear map that scales its weights by one over the root of the fan-in, and learns `slower` times slower."""

    def __init__(self, inputs: int, outputs: int, bias: float = 0.0, slower: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * slower)
        self.bias = nn.Parameter(torch.full((outputs,), bias * slower))
        self.scale, self.slower = 1 / (math.sqrt(inputs) * slower), slower

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs) to (n, outputs)."""
        return F.linear(x, self.weight * self.scale, self.bias / self.slower)


class Convolution(nn.Module):
    """A convolution that scales its weights by one over the root of the fan-in."""

    def __init__(self, before: int, after: int, size: int, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before, size, size))
        self.bias = nn.Parameter(torch.zeros(after)) if bias else None
        self.scale = 1 / math.sqrt(before * size * size)

    def forward(self, x: Tensor) -> Tensor:
        """The same size."""
        return F.conv2d(x, self.weight * self.scale, self.bias, padding=self.weight.shape[-1] // 2)


class Styled(nn.Module):
    """A convolution whose weights a style scales, input channel by input channel."""

    def __init__(self, before: int, after: int, size: int, style: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before, size, size))
        self.bias = nn.Parameter(torch.zeros(after))
        self.affine = Linear(style, before, bias=1.0)
        self.scale = 1 / math.sqrt(before * size * size)

    def forward(self, x: Tensor, w: Tensor, evened: bool = True) -> Tensor:
        """x convolved under the style w, (n, style); evened, every output channel keeps the variance of its input."""
        style, weight = self.affine(w), self.weight * self.scale
        x = F.conv2d(x * style[:, :, None, None], weight, padding=weight.shape[-1] // 2)
        if evened:
            power = style.square() @ weight.square().sum((2, 3)).T
            x = x * (power + 1e-8).rsqrt()[:, :, None, None]
        return x + self.bias[:, None, None]


class Halving(nn.Module):
    """A residual block that halves the size."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.one, self.two = Convolution(before, before, 3), Convolution(before, after, 3)
        self.aside = Convolution(before, after, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Half the size."""
        added = lit(self.two(halved(lit(self.one(x)))))
        return (self.aside(halved(x)) + added) / math.sqrt(2)


def by_size(shape: tuple[int, ...], count: int, base: int, most: int) -> list[int]:
    """Channels of every size, the finest first."""
    longer = max(shape[1:])
    return [max(min(base // (longer // 2**k), most), 1) for k in range(count + 1)]


def lit(x: Tensor) -> Tensor:
    """Leaky ReLU of slope .2, times the root of two."""
    return GAIN * F.leaky_relu(x, 0.2)


def of_length_one(x: Tensor) -> Tensor:
    """Rows with a mean square of one."""
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


def beside_spread(x: Tensor, group: int) -> Tensor:
    """x, and beside it the mean standard deviation over every so many samples, one channel."""
    n = len(x)
    whole = n // group if n % group == 0 else 1
    parts = x.view(n // whole, whole, *x.shape[1:])
    spread = (parts.var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
    return torch.cat([x, spread.repeat(n // whole).view(n, 1, 1, 1).expand(n, 1, *x.shape[2:])], 1)
