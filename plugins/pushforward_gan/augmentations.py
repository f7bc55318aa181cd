"""Augmentations that gradients pass through, each sample changed with some chance."""

from __future__ import annotations

import abc
from typing import Literal

import torch
from pydantic import NonNegativeFloat
from torch import Tensor
from torch.nn.functional import pad

from pushforward import Augmentation, Draw, UserError


class ByChance(Augmentation):
    """Abstract: changes each sample with probability `p`, and leaves it bit for bit as it is otherwise.

    Attributes:
        p: the probability.
    """

    p: float

    def __call__(self, x: Tensor, draw: Draw) -> Tensor:
        """Changed by the chance `p`."""
        return self.applied(x, draw, self.p)

    @abc.abstractmethod
    def applied(self, x: Tensor, draw: Draw, p: float | Tensor) -> Tensor:
        """Changed by any chance: what an adaptive augmentation asks for."""


class InstanceNoise(Augmentation):
    r"""Add normal noise to all that the discriminator sees.

    .. math:: x + \sigma \epsilon, \qquad \epsilon \sim \mathcal{N}(0, I)

    Gives both laws a common support. A schedule of the scale that ends at 0 lets it die out.

    Reference: Sonderby, Caballero, Theis, Shi, Huszar, "Amortised MAP Inference for Image Super-resolution", 2016,
    arXiv:1610.04490, section 5.

    Args:
        scale: the standard deviation sigma, in units of the data.
    """

    def __init__(self, scale: NonNegativeFloat = 0.1) -> None:
        self.scale = scale

    def __call__(self, x: Tensor, draw: Draw) -> Tensor:
        """With noise."""
        if isinstance(self.scale, float) and self.scale == 0.0:
            return x
        return x + self.scale * draw.normal("instance-noise", *x.shape[1:]).to(x)


class Flip(ByChance):
    """Mirror images left to right.

    For what has no left and right: faces and animals, not digits.

    Args:
        p: the probability that a sample is a candidate; half of these are mirrored.

    Raises:
        UserError: if samples are not images, or p is no probability.
    """

    def __init__(self, p: float = 1.0) -> None:
        self.p = probability(p)

    def applied(self, x: Tensor, draw: Draw, p: float | Tensor) -> Tensor:
        """Mirrored by chance."""
        images(x, "flip")
        return torch.where(chosen(draw, "flip", p / 2, x), x.flip(3), x)


class DiffAugment(ByChance):
    r"""Change colours, shift and cut out, each with its own chance.

    Colours: brightness plus u - 1/2, saturation times 2u, contrast times u + 1/2, u uniform in [0, 1). Shifts of up to
    an eighth of the size, what comes in being 0. A square of half the size set to 0.

    For few data: the discriminator cannot learn them by heart, and the generator does not learn the changes.

    Reference: Zhao, Liu, Lin, Zhu, Han, "Differentiable Augmentation for Data-Efficient GAN Training", 2020,
    arXiv:2006.10738.

    Args:
        policy: which changes, in this order.
        p: the probability of each.

    Raises:
        UserError: if samples are not images, or p is no probability.
    """

    def __init__(
        self,
        policy: list[Literal["colour", "shift", "cutout"]] = ["colour", "shift", "cutout"],  # noqa: B006
        p: float = 1.0,
    ) -> None:
        self.policy, self.p = policy, probability(p)

    def applied(self, x: Tensor, draw: Draw, p: float | Tensor) -> Tensor:
        """Every change of the policy, by chance."""
        images(x, "diff-augment")
        change = {"colour": _coloured, "shift": _shifted, "cutout": _cut}
        for name in self.policy:
            x = torch.where(chosen(draw, name, p, x), change[name](x, draw), x)
        return x


def probability(p: float) -> float:
    """The number, if it is one."""
    if not 0 <= p <= 1:
        raise UserError(f"p is {p}: expected a probability, 0 to 1")
    return p


def images(x: Tensor, what: str) -> None:
    """Refuse what is no batch of images."""
    if x.ndim != 4:
        raise UserError(f"augmentation {what} changes images (C, H, W): the samples have shape {tuple(x.shape[1:])}")


def chosen(draw: Draw, name: str, p: float | Tensor, like: Tensor) -> Tensor:
    """Which samples are changed, (n, 1, ...)."""
    return (draw.uniform(f"augment-{name}").to(like) < p).view(-1, *[1] * (like.ndim - 1))


def _coloured(x: Tensor, draw: Draw) -> Tensor:
    u = draw.uniform("augment-colours", 3).to(x).view(-1, 3, 1, 1, 1).unbind(1)
    x = x + (u[0] - 0.5)
    grey = x.mean(1, keepdim=True)
    x = (x - grey) * (2 * u[1]) + grey
    level = x.mean((1, 2, 3), keepdim=True)
    return (x - level) * (u[2] + 0.5) + level


def _shifted(x: Tensor, draw: Draw) -> Tensor:
    n, _, height, width = x.shape
    far = (height + 4) // 8, (width + 4) // 8
    u = draw.uniform("augment-shifts", 2).to(x)
    rows, columns = ((u[:, i] * (2 * far[i] + 1)).long().clamp(max=2 * far[i]) for i in range(2))
    padded = pad(x, (far[1], far[1], far[0], far[0])).permute(0, 2, 3, 1)
    row = rows[:, None, None] + torch.arange(height, device=x.device)[None, :, None]
    column = columns[:, None, None] + torch.arange(width, device=x.device)[None, None, :]
    return padded[torch.arange(n, device=x.device)[:, None, None], row, column].permute(0, 3, 1, 2)


def _cut(x: Tensor, draw: Draw) -> Tensor:
    height, width = x.shape[2:]
    u = draw.uniform("augment-cuts", 2).to(x)
    inside = []
    for i, size in enumerate((height, width)):
        centre = (u[:, i : i + 1] * (size + 1)).floor()
        place = torch.arange(size, device=x.device, dtype=x.dtype)[None]
        half = (size // 2) / 2
        inside.append((place >= centre - half) & (place < centre + half))
    hole = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return x.masked_fill(hole, 0.0)
