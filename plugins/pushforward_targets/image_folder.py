"""A folder of images as a target: listed at the start, decoded when they are asked for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from pushforward import Batch, Split, UserError
from pushforward_targets import image_files, metadata
from pushforward_targets.finite import Finite, from_bytes


class ImageFolder(Finite):
    """The images of a folder, in [-1, 1]; each subfolder is a class.

    For image data of your own. Images directly in the folder have no classes. If there is a subfolder `train`, then
    `validation` (or `valid`, `val`) and `test` beside it are the other splits; what is not given as a folder is split
    off the training images, by a hash of their names and stratified by class. Transparency is dropped, and the
    orientation that a camera noted is respected. Images are decoded anew whenever they are asked for.

    Args:
        path: the folder; relative to the current folder, or to $PUSHFORWARD_DATA.
        resize: height and width in pixels: each image is cut to its central square and resized; None means that all
            images have one size already.
        channels: 3 for colour, 1 for grey.
        validation: fraction of the images for validation, where it is not a folder.
        test: fraction of the images for test, where it is not a folder.
        split_seed: another seed gives another split.
        threads: how many threads decode.
        check: look at the header of every image at the start; without it, a broken one is found when it is read.

    Attributes:
        class_names: names of the classes, in the order of their labels.

    Raises:
        DataMissing: if there is no such folder.
        UserError: if it holds no images, or one that is broken or of another size.
    """

    levels = 256

    def __init__(
        self,
        path: Path,
        resize: int | None = None,
        channels: Literal[1, 3] = 3,
        validation: float = 0.15,
        test: float = 0.15,
        split_seed: int = 0,
        threads: int = 4,
        check: bool = True,
    ) -> None:
        known = metadata.image_folder(path, resize, channels, validation, test, split_seed, threads, check)
        self.shape, self.classes = known.shape, known.classes
        self.path, self.resize, self.channels = path, resize, channels
        self.validation, self.test, self.split_seed = validation, test, split_seed
        self.threads, self.check = threads, check
        listing = image_files.listing(path, validation, test, split_seed)
        self.class_names, self._splits = listing.classes, listing.splits
        if check:
            self._check_headers()

    def size(self, split: Split) -> int:
        """Images of a split."""
        return len(self._splits[split])

    def rows(self, split: Split, indices: Tensor) -> Batch:
        """The given images of a split, decoded.

        Raises:
            UserError: if one of them is broken, or of another size.
        """
        images = [self._splits[split][i] for i in indices.tolist()]
        with ThreadPoolExecutor(self.threads) as pool:
            pixels = list(pool.map(self._pixels, (image.path for image in images)))
        x = torch.from_numpy(np.stack(pixels)) if pixels else torch.empty((0, *self.shape), dtype=torch.uint8)
        labels = [image.label for image in images if image.label is not None]
        return Batch(from_bytes(x), torch.tensor(labels, dtype=torch.int64) if self.classes else None)

    def _pixels(self, file: Path) -> np.ndarray:
        """An image as bytes (channels, height, width)."""
        try:
            with Image.open(file) as stored:
                image = _eight_bits(ImageOps.exif_transpose(stored)).convert("RGB" if self.channels == 3 else "L")
        except Exception as error:  # decoders raise whatever they stumble over
            raise UserError(f"{file} is broken: {image_files.said(error)}: replace or remove it") from error
        if self.resize is None:
            self._check_size(file, image.height, image.width)
        else:
            image = _central_square(image).resize((self.resize, self.resize), Image.Resampling.BICUBIC)
        return np.array(image).reshape(*self.shape[1:], self.channels).transpose(2, 0, 1)

    def _check_headers(self) -> None:
        for images in self._splits.values():
            for image in images:
                height, width = image_files.header(image.path)
                if self.resize is None:
                    self._check_size(image.path, height, width)

    def _check_size(self, file: Path, height: int, width: int) -> None:
        if (height, width) != self.shape[1:]:
            raise UserError(
                f"{file} has {height}x{width} pixels where the first image has {self.shape[1]}x{self.shape[2]}: "
                "give resize, the height and width that all shall have"
            )


def _central_square(image: Image.Image) -> Image.Image:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey values of 16 bits scaled to 8, which PIL's own conversion would clip."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image).clip(0, 65535) / 257).round().astype(np.uint8))
