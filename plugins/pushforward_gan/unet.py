"""A U-Net: an image to an image of the same size, coarse and fine features side by side."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from pushforward import Network, UserError
from pushforward_gan.r3gan import doubled
from pushforward_gan.stages import halvings


class UNet(Network):
    r"""Two convolutions a size, down to the coarsest and up again, where every size also sees what it was on the way.

    Leaky ReLU of slope .2, no normalisation, so that no sample sees another. As a critic it scores every pixel, and its
    logit is the mean over them.

    Reference: Ronneberger, Fischer, Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", 2015,
    arXiv:1505.04597; Schonfeld, Schiele, Khoreva, "A U-Net Based Discriminator for Generative Adversarial Networks",
    2020, arXiv:2002.12655.

    Args:
        inputs: the shape of an image, (C, H, W).
        outputs: (C', H, W) of the same height and width, or () for one number.
        width: channels of the finest size; they double from size to size.
        most: channels of a size at most.

    Raises:
        UserError: if the input is no image that can be halved, or the output is of another size.
    """

    def __init__(
        self, inputs: tuple[int, ...], outputs: tuple[int, ...], width: PositiveInt = 32, most: PositiveInt = 256
    ) -> None:
        super().__init__()
        count, _ = halvings(inputs, "unet")
        self.inputs, self.outputs, self.width, self.most = tuple(inputs), tuple(outputs), width, most
        if outputs and (len(outputs) != 3 or tuple(outputs[1:]) != tuple(inputs[1:])):
            raise UserError(f"unet: from an image {tuple(inputs)} to {tuple(outputs)}: expected (C, H, W) of its size")
        widths = [min(width * 2**k, most) for k in range(count + 1)]
        self.down = nn.ModuleList(twice(a, b) for a, b in zip([inputs[0], *widths], widths, strict=False))
        self.up = nn.ModuleList(twice(widths[k] + widths[k + 1], widths[k]) for k in reversed(range(count)))
        self.last = nn.Conv2d(widths[0], outputs[0] if outputs else 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, *inputs) to (n, *outputs)."""
        seen: list[Tensor] = []
        for k, layers in enumerate(self.down):
            x = layers(F.avg_pool2d(x, 2) if k else x)
            seen.append(x)
        seen.pop()
        for layers in self.up:
            x = layers(torch.cat([doubled(x), seen.pop()], 1))
        image: Tensor = self.last(x)
        return image if self.outputs else image.mean((1, 2, 3))


def twice(before: int, after: int) -> nn.Sequential:
    """Two convolutions."""
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(after, after, 3, padding=1),
        nn.LeakyReLU(0.2),
    )
