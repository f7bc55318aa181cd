"""MNIST and CIFAR-10 from files that are already there, read by torchvision's own classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pushforward import Batch, UserError
from pushforward_targets import metadata, published
from pushforward_targets.finite import InMemory
from pushforward_targets.splits import stratified


class MNIST(InMemory):
    """70,000 handwritten digits: 28x28 grey pixels in [-1, 1], ten classes.

    The usual next step after the small digits. Nothing is downloaded: the four unpacked files are expected in
    `MNIST/raw` below the folder. Validation is split off the training images, stratified by class.

    Reference: LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition", 1998.

    Args:
        folder: what holds `MNIST/raw`; relative to the current folder, or to $PUSHFORWARD_DATA; None means
            $PUSHFORWARD_DATA itself.
        validation: fraction of the training images held out for validation.

    Raises:
        DataMissing: if the files are not there.
        UserError: if a file is damaged, or torchvision is not installed.
    """

    levels = 256

    def __init__(self, folder: Path | None = None, validation: float = 0.1) -> None:
        known = metadata.mnist(folder, validation)
        self.shape, self.classes = known.shape, known.classes
        self.folder, self.validation = folder, validation
        root = published.mnist_root(folder)
        train, test = _read("MNIST", root, train=True), _read("MNIST", root, train=False)
        self.splits = _split(_grey(train), _grey(test), validation, "mnist")


class CIFAR10(InMemory):
    """60,000 colour photographs: 3x32x32 pixels in [-1, 1], ten classes.

    The common yardstick of image models. Nothing is downloaded: the unpacked Python version is expected in
    `cifar-10-batches-py` below the folder. Validation is split off the training images, stratified by class.

    Reference: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.

    Args:
        folder: what holds `cifar-10-batches-py`; relative to the current folder, or to $PUSHFORWARD_DATA; None means
            $PUSHFORWARD_DATA itself.
        validation: fraction of the training images held out for validation.

    Raises:
        DataMissing: if the files are not there.
        UserError: if a file is damaged, or torchvision is not installed.
    """

    levels = 256

    def __init__(self, folder: Path | None = None, validation: float = 0.1) -> None:
        known = metadata.cifar10(folder, validation)
        self.shape, self.classes = known.shape, known.classes
        self.folder, self.validation = folder, validation
        root = published.cifar10_root(folder)
        train, test = _read("CIFAR10", root, train=True), _read("CIFAR10", root, train=False)
        self.splits = _split(_colour(train), _colour(test), validation, "cifar10")


def _read(name: str, root: Path, train: bool) -> Any:
    try:
        from torchvision import datasets
    except ImportError:
        raise UserError(f"{name} is read by torchvision, which is not installed: pip install torchvision") from None
    try:
        return getattr(datasets, name)(root, train=train, download=False)
    except Exception as error:  # torchvision asserts, or raises what its readers stumble over
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"the {name} files below {root} are damaged ({said}): unpack them again") from error


def _grey(data: Any) -> tuple[Tensor, Tensor]:
    return data.data[:, None], data.targets.long()


def _colour(data: Any) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(data.data).permute(0, 3, 1, 2).contiguous(), torch.tensor(data.targets)


def _split(train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor], validation: float, what: str) -> dict[Any, Batch]:
    for x, labels in (train, test):
        if len(x) != len(labels):
            raise UserError(f"the {what} files have {len(labels)} labels for {len(x)} images: unpack them again")
    x, labels = train
    rows = stratified([str(i) for i in range(len(x))], labels.tolist(), {"validation": validation}, 0, what)
    return {**{split: Batch(x[chosen], labels[chosen]) for split, chosen in rows.items()}, "test": Batch(*test)}
