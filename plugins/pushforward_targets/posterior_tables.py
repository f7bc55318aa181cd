"""Posteriors given a table of one's own folder of data: two classifications that samplers are compared on."""

from __future__ import annotations

from pathlib import Path

import torch

from pushforward_targets import density_metadata, table_file
from pushforward_targets.posteriors import LogisticPosterior


class ClassifiedTable(LogisticPosterior):
    """Abstract: the posterior of a logistic regression, given a file of numbers and two classes.

    Args:
        path: the CSV file.
        label: the column of the classes; None means the last.
    """

    def __init__(self, path: Path, label: str | None) -> None:
        read, classes = table_file.read_classes(path, label)
        super().__init__(torch.tensor(read.rows, dtype=torch.float64), torch.tensor(classes))


class Ionosphere(ClassifiedTable):
    r"""Logistic regression of 351 radar echoes on 34 measurements: a posterior in 35 dimensions.

    .. math:: e^{-U(w)} = \mathcal{N}(w; 0, I) \prod_i \sigma\bigl((2 y_i - 1)\, w^\top f_i\bigr), \qquad
        f_i = (1, \text{standardised features})

    For estimators, on real data; the file is found in $PUSHFORWARD_DATA. log Z is not known; importance sampling from
    a fitted Student law gives -111.616 with a standard error of .010 (`log_z_reference`, where no path is given).

    Copies of the table differ in the order of their columns. In a common one the classes, 225 good echoes and 126 bad
    ones, are in the column `f34`, and what its header calls `class` is a measurement: with that as the class log Z
    would be about -103.4.

    Reference: Sigillito, Wing, Hutton, Baker, "Classification of Radar Returns from the Ionosphere Using Neural
    Networks", 1989.

    Args:
        path: the CSV file, relative to the current folder or to $PUSHFORWARD_DATA; None means `ionosphere.csv`.
        label: the column of the classes.

    Raises:
        DataMissing: if there is no such file.
        UserError: if a feature is no number, or the label's column holds other than two classes.
    """

    def __init__(self, path: Path | None = None, label: str = "f34") -> None:
        super().__init__(path or density_metadata.IONOSPHERE, label)
        self.path, self.label = path, label
        self.log_z_reference = (-111.616, 0.010) if path is None else None


class Sonar(ClassifiedTable):
    r"""Logistic regression of 208 sonar echoes on sixty measurements: a posterior in 61 dimensions.

    .. math:: e^{-U(w)} = \mathcal{N}(w; 0, I) \prod_i \sigma\bigl((2 y_i - 1)\, w^\top f_i\bigr), \qquad
        f_i = (1, \text{standardised features})

    For estimators, on real data; the file is found in $PUSHFORWARD_DATA. log Z is not known; importance sampling from
    a fitted Student law gives -108.395 with a standard error of .026 (`log_z_reference`, where no path is given).

    Reference: Gorman, Sejnowski, "Analysis of Hidden Units in a Layered Network Trained to Classify Sonar Targets",
    1988.

    Args:
        path: the CSV file, relative to the current folder or to $PUSHFORWARD_DATA; None means `sonar.csv`.
        label: the column of the classes; None means the last.

    Raises:
        DataMissing: if there is no such file.
        UserError: if a feature is no number, or the label's column holds other than two classes.
    """

    def __init__(self, path: Path | None = None, label: str | None = None) -> None:
        super().__init__(path or density_metadata.SONAR, label)
        self.path, self.label = path, label
        self.log_z_reference = (-108.395, 0.026) if path is None else None
