"""What a model of images makes of the same noise, round after round."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pushforward.problem import UserError
from pushforward.randomness import Draw
from pushforward.roles.measure import Look
from pushforward.roles.watcher import Watcher

PIXELS = 480  # about how wide a picture is
GAP = 2  # pixels between images
NOT_FINITE = (213, 94, 0)  # the colour of a pixel that is no number, so that none passes for black


class SampleGrid(Watcher):
    """Draw images made from fixed noise: the same at every report, so that one sees each of them change.

    Images have one channel or three, with values in [-1, 1]; what lies beyond is cut. They are enlarged without
    smoothing, and a pixel that is not finite is painted orange.

    Args:
        rows: images from top to bottom.
        columns: images from left to right.

    Raises:
        UserError: if there would be no image, or (when drawing) if data are not (1 or 3, height, width).
    """

    def __init__(self, rows: int = 8, columns: int = 8) -> None:
        if rows < 1 or columns < 1:
            raise UserError(f"a grid of {rows} x {columns} images: expected at least one row and one column")
        self.rows, self.columns = rows, columns

    @torch.no_grad()
    def picture(self, look: Look) -> Image.Image:
        """The picture of this round, in RGB."""
        n = self.rows * self.columns
        # Neither split nor round is part of the key: the noise is fixed for the run.
        images = look.game.sample(n, Draw(look.seed, ("watch", "fixed"), n, device=look.device))
        return tiled(images, self.rows, self.columns)


def tiled(images: Tensor, rows: int, columns: int) -> Image.Image:
    """Images (n, 1 or 3, height, width) in [-1, 1] as one picture, row by row from the top left.

    Raises:
        UserError: if they have another shape.
    """
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise UserError(
            f"sample-grid draws images: a datum has shape {tuple(images.shape[1:])}, "
            "expected (1, height, width) or (3, height, width); sample-scatter draws points"
        )
    pixels = _bytes(images)
    height, width = pixels.shape[1:3]
    factor = max(1, round(PIXELS / (columns * width)))
    pixels = pixels.repeat(factor, axis=1).repeat(factor, axis=2)
    step_down, step_right = height * factor + GAP, width * factor + GAP
    sheet = np.full((rows * step_down + GAP, columns * step_right + GAP, 3), 255, dtype=np.uint8)
    for i, image in enumerate(pixels[: rows * columns]):
        top, left = GAP + i // columns * step_down, GAP + i % columns * step_right
        sheet[top : top + height * factor, left : left + width * factor] = image
    return Image.fromarray(sheet)


def _bytes(images: Tensor) -> np.ndarray:
    """(n, height, width, 3) of 0 to 255."""
    x = images.detach().to("cpu", torch.float32).permute(0, 2, 3, 1).expand(-1, -1, -1, 3)
    finite = x.isfinite().all(-1).numpy()
    pixels = ((x.nan_to_num().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).numpy().copy()
    pixels[~finite] = NOT_FINITE
    return pixels
