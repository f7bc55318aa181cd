"""Where the files of MNIST and CIFAR-10 are, and what their headers say."""

from __future__ import annotations

import struct
from pathlib import Path

from pushforward import DataMissing, UserError
from pushforward_targets.places import VARIABLE, data_folder

MNIST_FILES = tuple(f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))
CIFAR10_FILES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta")


def mnist_root(folder: Path | None) -> Path:
    """The folder that holds MNIST/raw with its four unpacked files.

    Raises:
        DataMissing: if any of them is not there.
    """
    return _root(folder, "MNIST/raw", MNIST_FILES, "the four unpacked MNIST files")


def cifar10_root(folder: Path | None) -> Path:
    """The folder that holds cifar-10-batches-py.

    Raises:
        DataMissing: if any of its files is not there.
    """
    return _root(folder, "cifar-10-batches-py", CIFAR10_FILES, "the unpacked CIFAR-10 files, Python version,")


def mnist_images(root: Path, split: str) -> Path:
    """The file of a split's images."""
    return root / "MNIST" / "raw" / MNIST_FILES[0 if split == "train" else 2]


def idx_rows(file: Path) -> int:
    """How many images of 28x28 an IDX file holds, from its header.

    Raises:
        UserError: if the header is not one of such a file.
    """
    with file.open("rb") as stream:
        head = stream.read(16)
    if len(head) < 16:
        raise UserError(f"{file} ends within its header: unpack it again from the original")
    magic, rows, height, width = struct.unpack(">4i", head)
    if (magic, height, width) != (2051, 28, 28):
        raise UserError(f"{file} is not an IDX file of 28x28 images: unpack it again from the original")
    return rows


def _root(folder: Path | None, below: str, names: tuple[str, ...], what: str) -> Path:
    data = data_folder()
    if folder is None and data is None:
        raise DataMissing(f"no folder is given: put {what} into FOLDER/{below} and set ${VARIABLE} to FOLDER")
    places = [Path(folder).expanduser()] if folder is not None else []
    if data is not None:
        places.append(data / places[0] if places else data)  # an absolute folder stays as it is
    for place in places:
        if all((place / below / name).is_file() for name in names):
            return place
    place = (places[0] / below).absolute()
    missing = [name for name in names if not (place / name).is_file()]
    raise DataMissing(f"{place} lacks {', '.join(missing)}: put {what} there")
