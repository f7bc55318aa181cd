"""Glow: a flow of images in several scales, each of which lets half of its channels go as noise."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pushforward import Flow, UserError
from pushforward_flow.actnorm import ActNorm
from pushforward_flow.layered import Condition, Layer, Moved
from pushforward_flow.linear import LU
from pushforward_flow.monotone import Affine

AFFINE = Affine(bound=2.0)  # a layer of images that scales by more blows up while it learns


class Glow(Flow):
    r"""Images squeezed, mixed and coupled in several scales.

    .. math:: \text{squeeze} \to (\text{actnorm} \to \text{1x1 convolution} \to \text{affine coupling})^{steps}
        \to \text{split}

    For densities of images and samples of one pass. Every scale halves height and width and has four times the
    channels; half of these leave as noise, which what stays shifts and scales, and the last scale leaves whole.
    Rounded images want `dequantise`.

    Reference: Kingma, Dhariwal, "Glow: Generative Flow with Invertible 1x1 Convolutions", 2018, arXiv:1807.03039.

    Args:
        shape: the shape of an image, (channels, height, width); it follows from the data.
        scales: how often an image is halved; its sides must be multiples of 2 to this power.
        steps: coupling layers in every scale.
        width: channels within the network of each of these.
        classes: number of classes, for a conditional flow.
        conditional: whether every image comes with its class, or with a vector of `context` numbers.
        context: how many numbers that vector has; 0: the condition is the class.

    Raises:
        UserError: if data are no images, sides cannot be halved so often, a number is below 1, or there are no labels
            where they are the condition.
    """

    compiles = True

    def __init__(
        self,
        shape: tuple[int, ...],
        scales: int = 2,
        steps: int = 8,
        width: int = 64,
        classes: int | None = None,
        conditional: bool = False,
        context: int = 0,
    ) -> None:
        super().__init__()
        if min(scales, steps, width) < 1:
            raise UserError(f"glow: scales is {scales}, steps {steps}, width {width}: expected at least 1 each")
        if len(shape) != 3 or any(side % 2**scales for side in shape[1:]):
            raise UserError(
                f"glow: data of shape {tuple(shape)}: expected (channels, height, width) with sides that are multiples"
                f" of {2**scales} for {scales} scales"
            )
        self.shape, self.scales, self.steps, self.width = tuple(shape), scales, steps, width
        self.condition = Condition(conditional, classes, context)
        self.conditional, self.classes, self.context = self.condition.width > 0, self.condition.classes, context
        self.stages, self.splits = nn.ModuleList(), nn.ModuleList()
        channels, height, across = shape
        for scale in range(scales):
            channels, height, across = 4 * channels, height // 2, across // 2
            stage: list[Layer] = []
            for _ in range(steps):
                stage += [ActNorm((channels, height, across)), Convolution(channels, height * across)]
                stage.append(ImageCoupling(channels, width, self.condition.width))
            self.stages.append(nn.ModuleList(stage))
            if scale < scales - 1:
                channels //= 2
                self.splits.append(Split(channels, self.condition.width))

    def pull(self, x: Tensor, condition: Tensor | None = None) -> Moved:
        """Image to noise: what left first stands first."""
        context, total, noise = self.condition(condition, x), x.new_zeros(len(x)), []
        for scale, stage in enumerate(self.stages):
            x = squeezed(x)
            for layer in stage:
                x, log_det = layer.to_base(x, context)
                total = total + log_det
            if scale < len(self.splits):
                x, gone, log_det = self.splits[scale].to_base(x, context)
                total = total + log_det
                noise.append(gone.flatten(1))
        return torch.cat([*noise, x.flatten(1)], 1).view(-1, *self.shape), total

    def push(self, z: Tensor, condition: Tensor | None = None) -> Moved:
        """Noise to image."""
        context, total, rest = self.condition(condition, z), z.new_zeros(len(z)), z.flatten(1)
        channels, height, across = self.shape
        noise = []
        for scale in range(self.scales):
            channels, height, across = 4 * channels, height // 2, across // 2
            if scale < self.scales - 1:
                channels //= 2
            size = channels * height * across
            noise.append(rest[:, :size].view(-1, channels, height, across))
            rest = rest[:, size:]
        x = noise[-1]
        for scale in reversed(range(self.scales)):
            if scale < len(self.splits):
                x, log_det = self.splits[scale].to_data(x, noise[scale], context)
                total = total + log_det
            for layer in reversed(self.stages[scale]):
                x, log_det = layer.to_data(x, context)
                total = total + log_det
            x = unsqueezed(x)
        return x, total


class Convolution(Layer):
    """The channels of every pixel times a matrix: a convolution of one pixel, which begins as a rotation.

    Args:
        channels: how many there are.
        places: pixels of an image.
    """

    def __init__(self, channels: int, places: int) -> None:
        super().__init__()
        self.matrix, self.places = LU(channels, rotated=True), places

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
    """Half of the channels are scaled and shifted by what a convolutional network says of the others.

    Args:
        channels: how many there are.
        width: channels of the network.
        context: how many numbers of a context stand beside each image.
    """

    def __init__(self, channels: int, width: int, context: int) -> None:
        super().__init__()
        self.stay, self.move = channels - channels // 2, channels // 2
        self.network = nn.Sequential(
            nn.Conv2d(self.stay + context, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 1),
            nn.ReLU(),
            zero_convolution(width, 2 * self.move),
        )

    def to_base(self, x: Tensor, context: Tensor | None = None) -> Moved:
        """Scale and shift."""
        stay, move = x.split([self.stay, self.move], 1)
        moved, log_slope = AFFINE.bend(move, self._theta(stay, context))
        return torch.cat([stay, moved], 1), log_slope.flatten(1).sum(1)

    def to_data(self, z: Tensor, context: Tensor | None = None) -> Moved:
        """Back."""
        stay, move = z.split([self.stay, self.move], 1)
        moved, log_slope = AFFINE.unbend(move, self._theta(stay, context))
        return torch.cat([stay, moved], 1), log_slope.flatten(1).sum(1)

    def _theta(self, stay: Tensor, context: Tensor | None) -> Tensor:
        theta: Tensor = self.network(beside(stay, context))
        return theta.unflatten(1, (2, self.move)).movedim(1, -1)


class Split(nn.Module):
    """Half of the channels leave as noise, once what stays has scaled and shifted them.

    Args:
        channels: how many stay, and how many leave.
        context: how many numbers of a context stand beside each image.
    """

    def __init__(self, channels: int, context: int) -> None:
        super().__init__()
        self.channels = channels
        self.network = zero_convolution(channels + context, 2 * channels)

    def to_base(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """What stays, what leaves, and the log-determinant."""
        stay, move = x.split(self.channels, 1)
        gone, log_slope = AFFINE.bend(move, self._theta(stay, context))
        return stay, gone, log_slope.flatten(1).sum(1)

    def to_data(self, stay: Tensor, gone: Tensor, context: Tensor | None = None) -> Moved:
        """Both together again."""
        moved, log_slope = AFFINE.unbend(gone, self._theta(stay, context))
        return torch.cat([stay, moved], 1), log_slope.flatten(1).sum(1)

    def _theta(self, stay: Tensor, context: Tensor | None) -> Tensor:
        theta: Tensor = self.network(beside(stay, context))
        return theta.unflatten(1, (2, self.channels)).movedim(1, -1)


def squeezed(x: Tensor) -> Tensor:
    """Every square of 2x2 pixels as four channels of one; torch's own takes no empty batch."""
    n, channels, height, width = x.shape
    x = x.reshape(n, channels, height // 2, 2, width // 2, 2).permute(0, 1, 3, 5, 2, 4)
    return x.reshape(n, 4 * channels, height // 2, width // 2)


def unsqueezed(x: Tensor) -> Tensor:
    """Back."""
    n, channels, height, width = x.shape
    x = x.reshape(n, channels // 4, 2, 2, height, width).permute(0, 1, 4, 2, 5, 3)
    return x.reshape(n, channels // 4, 2 * height, 2 * width)


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
