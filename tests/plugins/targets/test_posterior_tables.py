"""Posteriors of tables in files: which column holds the classes, and what is said where it does not."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from tables import write_classified

from pushforward import DataMissing, UserError
from pushforward_targets.posterior_tables import Ionosphere, Sonar


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PUSHFORWARD_DATA", str(tmp_path))
    write_classified(tmp_path)
    return tmp_path


def test_a_table_of_words_and_one_whose_classes_are_not_last_are_read(folder: Path) -> None:
    assert Sonar().shape == (61,) and Ionosphere().shape == (35,)
    lines = [line.split(",") for line in (folder / "sonar.csv").read_text().splitlines()[1:]]
    at_zero = -40 * math.log(2) - 61 / 2 * math.log(2 * math.pi)  # every class is as likely as the other
    assert float(Sonar().log_density(torch.zeros(1, 61, dtype=torch.float64))) == pytest.approx(at_zero)
    slope = Sonar().score(torch.zeros(1, 61, dtype=torch.float64))[
        0, 0
    ]  # of the intercept: half of ones less the others
    signs = sum(1 if line[-1] == "R" else -1 for line in lines)
    assert abs(float(slope)) == pytest.approx(abs(signs) / 2)


def test_a_path_of_ones_own_has_no_reference(folder: Path) -> None:
    assert Ionosphere().log_z_reference == (-111.616, 0.010) and Sonar().log_z_reference == (-108.395, 0.026)
    assert Ionosphere(folder / "ionosphere.csv").log_z_reference is None


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Ionosphere(label="f3"), "column 'f3' holds 40 different values: expected two classes"),
        (lambda: Ionosphere(label="g"), "no column 'g'"),
        (lambda: Sonar(label="f60"), "column 'class': 'R' is not a finite number|column 'class': 'M' is not"),
        (lambda: Sonar(Path("empty.csv")), "is empty: expected rows of numbers"),
    ],
)
def test_a_wrong_column_is_told(make, sentence: str, folder: Path) -> None:
    (folder / "empty.csv").write_text("\n")
    with pytest.raises(UserError, match=sentence):
        make()


def test_a_missing_file_is_missing_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUSHFORWARD_DATA", str(tmp_path))
    with pytest.raises(DataMissing, match=r"ionosphere\.csv"):
        Ionosphere()
