"""Real handwritten digits that need no download: what a first image model is trained on."""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits

from pushforward import Batch
from pushforward_targets import metadata
from pushforward_targets.finite import InMemory
from pushforward_targets.splits import stratified


class Digits(InMemory):
    """The 1,797 handwritten digits that scikit-learn carries: 8x8 pixels in [-1, 1], ten classes.

    Small enough to train on in minutes without a graphics card, real enough to be judged by eye. The split is fixed
    and stratified: 1,257 rows for training, 270 for validation, 270 for test.

    Reference: Alpaydin, Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998.
    """

    levels = 17

    def __init__(self) -> None:
        known = metadata.digits()
        self.shape, self.classes = known.shape, known.classes
        images, classes = load_digits(return_X_y=True)  # pixels 0, ..., 16
        x = torch.tensor(images, dtype=torch.float32).view(-1, *self.shape) / 8 - 1
        labels = torch.tensor(classes, dtype=torch.int64)
        keys = [str(row) for row in range(len(x))]
        rows = stratified(keys, labels.tolist(), metadata.HELD_OUT, seed=0, what="digits")
        self.splits = {split: Batch(x[rows[split]], labels[rows[split]]) for split in ("train", "validation", "test")}
