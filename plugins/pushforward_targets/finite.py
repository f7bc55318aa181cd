"""A finite target: rows by number, in three splits that never mix."""

from __future__ import annotations

import torch
from torch import Tensor

from pushforward import Batch, Draw, Split, Target


class Finite(Target):
    """Abstract: data with `size` and `rows`."""

    def sample(self, n: int, draw: Draw) -> Batch:
        """n rows of the training split, drawn with replacement.

        Raises:
            ValueError: if the draw is of another number of samples.
        """
        if n != draw.n:
            raise ValueError(f"{n} samples asked of a draw of {draw.n}: make a draw of {n}")
        size = self.size("train")
        if size is None:
            raise TypeError(f"{type(self).__name__} has no finite training split")
        return self.rows("train", draw.integers("rows", size).cpu())


class InMemory(Finite):
    """Abstract: data that are kept in memory; bytes are kept as bytes and scaled to [-1, 1] when they are read.

    Attributes:
        splits: the data of each split.
    """

    splits: dict[Split, Batch]

    def size(self, split: Split) -> int:
        """Rows of a split."""
        return len(self.splits[split].x)

    def rows(self, split: Split, indices: Tensor) -> Batch:
        """The given rows of a split."""
        x, labels = self.splits[split]
        x = x[indices]
        if x.dtype == torch.uint8:
            x = from_bytes(x)
        return Batch(x, None if labels is None else labels[indices])


def from_bytes(x: Tensor) -> Tensor:
    """Pixels 0, ..., 255 scaled to [-1, 1]."""
    return x.float().div_(127.5).sub_(1)
