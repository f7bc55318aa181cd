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
