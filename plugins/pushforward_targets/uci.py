"""Three small tables of the density-estimation literature, split without a leak, or as that literature does."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from pushforward import Batch, Draw
from pushforward_targets import metadata, table_file
from pushforward_targets.finite import InMemory


class WhitenedTable(InMemory):
    r"""Abstract: the numbers of a table, dequantised where they are rounded, and whitened.

    .. math:: x = \Lambda^{-1/2} V^\top (v + \delta\, u - m), \qquad u \sim U(-1, 1)

    delta is the median gap between the values of a column; m and V Lambda V' are mean and covariance.

    Attributes:
        mean: m, in the units of the file, (D,).
        whitening: V Lambda^(-1/2), from (centred) units of the file to x, (D, D).
    """

    def __init__(
        self, read: table_file.TableFile, protocol: Literal["clean", "literature"], split_seed: int, rounded: bool
    ) -> None:
        rows = metadata.uci_splits(read, protocol, split_seed)
        values = torch.tensor(read.rows, dtype=torch.float64)
        if rounded:
            noise = Draw(split_seed, ("dequantise",), len(values)).uniform("noise", values.shape[1]).double()
            values = values + (2 * noise - 1) * _gaps(values)
        fitted = values if protocol == "literature" else values[rows["train"]]
        self.shape, self.names = (values.shape[1],), read.columns
        self.mean = fitted.mean(0)
        squares, axes = torch.linalg.eigh(torch.cov(fitted.T, correction=0))
        self.whitening = axes / squares.sqrt()
        x = ((values - self.mean) @ self.whitening).float()
        self.splits = {split: Batch(x[rows[split]]) for split in ("train", "validation", "test")}


class RedWine(WhitenedTable):
    """Eleven measurements of 1,599 red wines, whitened; the file is found in $PUSHFORWARD_DATA.

    `clean` whitens by the training rows and keeps equal rows (240 of them) in one split. `literature` does as the
    papers that report numbers on it do: it whitens by all rows, those of the test included, and splits at random, so
    that rows of the test were trained on. Numbers of the two are not comparable.

    Reference: Cortez et al., "Modeling Wine Preferences by Data Mining from Physicochemical Properties", 2009; split
    and whitened as by Wenliang, Sutherland, Strathmann, Gretton, 2019, arXiv:1811.08357.

    Args:
        path: the CSV file, relative to the current folder or to $PUSHFORWARD_DATA; None means `winequality-red.csv`.
        protocol: see above; a tenth of the rows is held out for test, and a tenth of the others for validation.
        split_seed: another seed gives another split.

    Raises:
        DataMissing: if there is no such file.
        UserError: if it is no such table.
    """

    def __init__(
        self, path: Path | None = None, protocol: Literal["clean", "literature"] = "clean", split_seed: int = 0
    ) -> None:
        super().__init__(metadata.wine_table(path or metadata.RED), protocol, split_seed, rounded=True)
        self.path, self.protocol, self.split_seed = path, protocol, split_seed


class WhiteWine(WhitenedTable):
    """Eleven measurements of 4,898 white wines, whitened; the file is found in $PUSHFORWARD_DATA.

    Protocols as of `red-wine`.

    Reference: Cortez et al., "Modeling Wine Preferences by Data Mining from Physicochemical Properties", 2009; split
    and whitened as by Wenliang, Sutherland, Strathmann, Gretton, 2019, arXiv:1811.08357.

    Args:
        path: the CSV file, relative to the current folder or to $PUSHFORWARD_DATA; None means `winequality-white.csv`.
        protocol: `clean` or `literature`; a tenth of the rows is held out for test, and a tenth of the others for
            validation.
        split_seed: another seed gives another split.

    Raises:
        DataMissing: if there is no such file.
        UserError: if it is no such table.
    """

    def __init__(
        self, path: Path | None = None, protocol: Literal["clean", "literature"] = "clean", split_seed: int = 0
    ) -> None:
        super().__init__(metadata.wine_table(path or metadata.WHITE), protocol, split_seed, rounded=True)
        self.path, self.protocol, self.split_seed = path, protocol, split_seed


class Parkinsons(WhitenedTable):
    """Fifteen measurements of 5,875 voice recordings, whitened; the file is found in $PUSHFORWARD_DATA.

    Of the columns after the first three, each is left out that correlates above .98 with a later one. Protocols as of
    `red-wine`.

    Reference: Tsanas, Little, McSharry, Ramig, "Accurate Telemonitoring of Parkinson's Disease Progression", 2009;
    split and whitened as by Wenliang, Sutherland, Strathmann, Gretton, 2019, arXiv:1811.08357.

    Args:
        path: the file, relative to the current folder or to $PUSHFORWARD_DATA; None means `parkinsons_updrs.csv`.
        protocol: `clean` or `literature`; a tenth of the rows is held out for test, and a tenth of the others for
            validation.
        split_seed: another seed gives another split.

    Raises:
        DataMissing: if there is no such file.
        UserError: if it is no such table.
    """

    def __init__(
        self, path: Path | None = None, protocol: Literal["clean", "literature"] = "clean", split_seed: int = 0
    ) -> None:
        super().__init__(metadata.parkinsons_table(path or metadata.VOICES), protocol, split_seed, rounded=False)
        self.path, self.protocol, self.split_seed = path, protocol, split_seed


def _gaps(values: Tensor) -> Tensor:
    """The median gap between neighbouring values of every column, (D,)."""
    return torch.stack([column.unique().diff().median() for column in values.unbind(1)])
