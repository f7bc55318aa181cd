"""Layers of images: channels mixed at every pixel, half of them bent by what a network sees of the rest."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pushforward_flow.layered import Layer, Moved
from pushforward_flow.linear import LU
from pushforward_flow.monotone import Monotone


class Convolution(Layer):
    """The channels of every pixel times a matrix: a convolution of one pixel.

    Args:
        channels: how many there are.
        places: pixels of an image.
        begins: as a random `rotation`, or a random `permutation`.
    """

    def __init__(self, channels: int, places: int, begins: Literal["rotation", "permutation"]) -> None:
        super().__init__()
        self.matrix, self.places = LU(channels, begins), places

    def to_base(self, x: Tensor, context: Tensor | None = None) -> Moved:
        """W x at every pixel."""
        matrix = self.matrix.times(self._one(x))
        return F.conv2d(x, matrix[:, :, None, None]), self.places * self.matrix.log_size.sum().expand(len(x))

    def to_data(self, z: Tensor, context: Tensor | None = None) -> Moved:
        """W^-1 z at every pixel."""
        matrix = self.matrix.divided(self._one(z))
        return F.conv2d(z, matrix[:, :, None, None]), -self.places * self.matrix.log_size.sum().expand(len(z))

    def _one(self, like: Tensor) -> Tensor:
        return torch.eye(len(self.matrix.lower), dtype=like.dtype, device=like.device)


class ImageCoupling(Layer):
    """Half of the channels are bent by what a convolutional network says of the others.

    Args:
        channels: how many there are.
        width: channels of the network; None means a single convolution.
        monotone: how one number is bent.
        context: how many numbers of a context stand beside each image.
    """

    def __init__(self, channels: int, width: int | None, monotone: Monotone, context: int) -> None:
        super().__init__()
        self.monotone = monotone
        self.stay, self.move = channels - channels // 2, channels // 2
        seen, numbers = self.stay + context, monotone.numbers * self.move
        layers: list[nn.Module] = []
        if width is not None:
            layers = [nn.Conv2d(seen, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 1), nn.ReLU()]
        self.network = nn.Sequential(*layers, zero_convolution(seen if width is None else width, numbers))

    def to_base(self, x: Tensor, context: Tensor | None = None) -> Moved:
        """Bend."""
        stay, move = x.split([self.stay, self.move], 1)
        moved, log_slope = self.monotone.bend(move, self._theta(stay, context))
        return torch.cat([stay, moved], 1), log_slope.flatten(1).sum(1)

    def to_data(self, z: Tensor, context: Tensor | None = None) -> Moved:
        """Back."""
        stay, move = z.split([self.stay, self.move], 1)
        moved, log_slope = self.monotone.unbend(move, self._theta(stay, context))
        return torch.cat([stay, moved], 1), log_slope.flatten(1).sum(1)

    def _theta(self, stay: Tensor, context: Tensor | None) -> Tensor:
        theta: Tensor = self.network(beside(stay, context))
        return theta.unflatten(1, (self.monotone.numbers, self.move)).movedim(1, -1)


def zero_convolution(channels: int, outputs: int) -> nn.Conv2d:
    """A convolution that begins at zero."""
    made = nn.Conv2d(channels, outputs, 3, padding=1)
    for parameter in made.parameters():
        nn.init.zeros_(parameter)
    return made


def beside(x: Tensor, context: Tensor | None) -> Tensor:
    """The numbers of a context as constant channels beside those of an image."""
    if context is None:
        return x
    return torch.cat([x, context[:, :, None, None].expand(-1, -1, *x.shape[2:])], 1)
