"""Small tables of random numbers in the format of those that recipes find in $PUSHFORWARD_DATA."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pushforward_targets.metadata import PARKINSONS


def write_wines(folder: Path) -> None:
    """Red and white wines: eleven measurements and a quality."""
    names = ",".join([*(f"m{i}" for i in range(11)), "quality"])
    random = np.random.default_rng(0)
    lines = [",".join(f"{value:.3f}" for value in row) + ",5" for row in random.normal(size=(400, 11))]
    for colour in ("red", "white"):
        (folder / f"winequality-{colour}.csv").write_text("\n".join([names, *lines]) + "\n")


def write_voices(folder: Path) -> None:
    """Voices: the measurements that are kept, and one that is not."""
    random = np.random.default_rng(0)
    lines = ["\t".join(f"{value:.5f}" for value in row) for row in random.normal(size=(400, len(PARKINSONS) + 1))]
    (folder / "parkinsons_updrs.csv").write_text("\n".join(["\t".join(["age", *PARKINSONS]), *lines]) + "\n")


def write_classified(folder: Path) -> None:
    """Echoes of ionosphere and sonar: numbers, a constant one among them, and a column of two classes."""
    random = np.random.default_rng(0)
    for name, columns, words, at in (("ionosphere", 34, "01", 33), ("sonar", 60, "RM", 60)):
        values = random.normal(size=(40, columns)).round(3)
        values[:, 0] = 0
        classes = (values[:, 1] + random.normal(size=40) > 0).astype(int)
        names = [f"f{i}" for i in range(1, columns + 1)] + ["class"]
        rows = [[f"{value:.3f}" for value in row] for row in values]
        for row, label in zip(rows, classes, strict=True):
            row.insert(at, words[label])
        lines = [",".join(row) for row in [names, *rows]]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
