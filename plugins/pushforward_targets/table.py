"""A table of numbers as a target: standardised, and split so that nothing of train is seen again in test."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from pushforward import Batch
from pushforward_targets import table_file
from pushforward_targets.finite import InMemory


class Table(InMemory):
    r"""The numbers of a CSV file, each column standardised by its training rows.

    .. math:: x = (\text{value} - m) / s

    For tabular data: density estimation with a flow, or generation. m and s are each column's mean and standard
    deviation over the training split. Rows that are equal are always in one split, so that a test row was never
    trained on. A file may begin with a byte order mark.

    Args:
        path: the CSV file, UTF-8; relative to the current folder, or to $PUSHFORWARD_DATA.
        columns: names of the columns to read, in this order ("1", "2", ... without a header); None means all.
        separator: what parts the cells; " " means any blanks; None means to tell from the first line.
        header: whether the first line names the columns; None means: if none of its cells is a number.
        validation: fraction of the rows for validation.
        test: fraction of the rows for test.
        split_seed: another seed gives another split.

    Attributes:
        names: names of the columns.
        mean: m, in the units of the file, (D,).
        scale: s, in the units of the file, (D,).

    Raises:
        DataMissing: if there is no such file.
        UserError: if a cell is missing or no number, a column is constant or unknown, or there are too few rows.
    """

    def __init__(
        self,
        path: Path,
        columns: list[str] | None = None,
        separator: str | None = None,
        header: bool | None = None,
        validation: float = 0.15,
        test: float = 0.15,
        split_seed: int = 0,
    ) -> None:
        self.path, self.columns, self.separator, self.header = path, columns, separator, header
        self.validation, self.test, self.split_seed = validation, test, split_seed
        read = table_file.read(path, columns, separator, header)
        rows = table_file.split(read, validation, test, split_seed)
        values = torch.tensor(read.rows, dtype=torch.float64)
        train = values[rows["train"]]
        self.names, self.shape = read.columns, (len(read.columns),)
        self.mean, self.scale = train.mean(0), train.std(0, correction=0)
        x = ((values - self.mean) / self.scale).float()
        self.splits = {split: Batch(x[rows[split]]) for split in ("train", "validation", "test")}

    def in_units(self, x: Tensor) -> Tensor:
        """Standardised rows in the units of the file."""
        return x * self.scale.to(x) + self.mean.to(x)
