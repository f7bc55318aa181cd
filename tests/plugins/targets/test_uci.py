"""The tables of the literature: whitened by training rows and free of leaks, or, when asked, as the literature does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pushforward import DataMissing, UserError
from pushforward_targets import metadata
from pushforward_targets.uci import Parkinsons, RedWine

SPLITS = ("train", "validation", "test")


@pytest.fixture
def wine(tmp_path: Path) -> Path:
    """Three hundred wines with rounded, correlated measurements; every third is served twice."""
    random = np.random.default_rng(0)
    rows = (random.normal(size=(300, 11)) @ random.normal(size=(11, 11))).round(2)
    rows[::3] = rows[1::3]
    names = ",".join([*(f"m{i}" for i in range(11)), "quality"])
    lines = [",".join(f"{value:.2f}" for value in row) + ",6" for row in rows]
    file = tmp_path / "wine.csv"
    file.write_text("\ufeff" + "\n".join([names, *lines]) + "\n", encoding="utf-8")
    return file


def in_units(target: RedWine, split: str) -> torch.Tensor:
    x = target.held_out(split).x.double()  # type: ignore[arg-type]
    return x @ torch.linalg.inv(target.whitening) + target.mean


def test_training_rows_are_white_and_the_others_nearly_so(wine: Path) -> None:
    target = RedWine(wine)
    x = target.held_out("train").x.double()
    assert (x.mean(0)).abs().max() < 1e-5
    assert (torch.cov(x.T, correction=0) - torch.eye(11)).abs().max() < 1e-4
    assert sum(target.size(split) for split in SPLITS) == 300


def test_noise_stays_within_the_gap_between_values(wine: Path) -> None:
    rows = np.loadtxt(wine, delimiter=",", skiprows=1, encoding="utf-8-sig")[:, :11]
    gaps = np.array([np.sort(np.diff(np.unique(column)))[(len(np.unique(column)) - 2) // 2] for column in rows.T])
    target = RedWine(wine)
    found = torch.cat([in_units(target, split) for split in SPLITS])
    near = torch.cdist(found, torch.from_numpy(rows), p=float("inf")).min(1).values
    assert near.max() <= gaps.max() * (1 + 1e-3)
    assert near.max() > 0  # something was added


def test_equal_wines_are_in_one_split_and_only_the_literature_parts_them(wine: Path) -> None:
    read = metadata.wine_table(wine)
    for protocol, leaks in (("clean", False), ("literature", True)):
        rows = metadata.uci_splits(read, protocol, 0)  # type: ignore[arg-type]
        seen = [{read.rows[row] for row in rows[split]} for split in SPLITS]
        assert bool(seen[0] & seen[2]) == leaks
        assert sorted(row for split in SPLITS for row in rows[split]) == list(range(300))


def test_the_literature_whitens_by_all_rows(wine: Path) -> None:
    target = RedWine(wine, protocol="literature")
    x = torch.cat([target.held_out(split).x.double() for split in SPLITS])
    assert (torch.cov(x.T, correction=0) - torch.eye(11)).abs().max() < 1e-4
    assert [target.size(split) for split in SPLITS] == [243, 27, 30]


def test_another_seed_gives_another_split_and_the_same_one_the_same(wine: Path) -> None:
    first, again, other = RedWine(wine), RedWine(wine), RedWine(wine, split_seed=1)
    assert torch.equal(first.held_out("test").x, again.held_out("test").x)
    assert first.held_out("test").x.shape != other.held_out("test").x.shape or not torch.equal(
        first.held_out("test").x, other.held_out("test").x
    )


def test_a_file_that_is_missing_or_another_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match=r"nowhere\.csv"):
        RedWine(tmp_path / "nowhere.csv")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n3,4\n")
    with pytest.raises(UserError, match="is no table of wines"):
        RedWine(tmp_path / "other.csv")
    with pytest.raises(UserError, match="no column 'test_time'"):
        Parkinsons(tmp_path / "other.csv")
