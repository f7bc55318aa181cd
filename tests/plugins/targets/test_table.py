"""A table is read as it stands, standardised by its training rows, and never shows a training row in test."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from pushforward import DataMissing, UserError
from pushforward_targets import metadata
from pushforward_targets.table import Table

SPLITS = ("train", "validation", "test")


def write(folder: Path, text: str | bytes, name: str = "data.csv") -> Path:
    file = folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def numbers(rows: int, separator: str = ",", header: str = "a,b,c") -> str:
    generator = random.Random(0)
    lines = [separator.join(f"{generator.gauss(5, 2):.6f}" for _ in range(3)) for _ in range(rows)]
    return "\n".join([*([header] if header else []), *lines]) + "\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write(tmp_path, numbers(200))


def test_training_columns_have_mean_zero_and_deviation_one(table: Path) -> None:
    target = Table(table)
    x = target.held_out("train").x.double()
    assert x.shape == (140, 3) and target.names == ["a", "b", "c"]
    torch.testing.assert_close(x.mean(0), torch.zeros(3, dtype=torch.float64), atol=1e-6, rtol=0)
    torch.testing.assert_close(x.std(0, correction=0), torch.ones(3, dtype=torch.float64), atol=1e-6, rtol=0)


def test_in_units_gives_the_numbers_of_the_file(table: Path) -> None:
    target = Table(table)
    rows = torch.cat([target.in_units(target.held_out(split).x.double()) for split in SPLITS])
    expected = [[float(cell) for cell in line.split(",")] for line in table.read_text().splitlines()[1:]]
    torch.testing.assert_close(
        torch.tensor(sorted(rows.tolist())), torch.tensor(sorted(expected)), atol=1e-5, rtol=1e-6
    )


def test_equal_rows_are_in_one_split_however_they_are_written(tmp_path: Path) -> None:
    lines = [f"{i},{i % 7}" for i in range(60)]
    lines += [f"{i}.0,{i % 7}e0" for i in range(0, 60, 2)]
    target = Table(write(tmp_path, "\n".join(lines)))
    seen = [{tuple(row) for row in target.held_out(split).x.tolist()} for split in SPLITS]
    assert len(seen[0] | seen[1] | seen[2]) == 60 == sum(map(len, seen))
    assert [target.size(split) for split in SPLITS] == [90 - 2 * 14, 14, 14]  # 14 is .15 of 90, rounded


def test_the_split_depends_on_rows_and_seed_but_not_on_their_order(table: Path, tmp_path: Path) -> None:
    head, *lines = table.read_text().splitlines()
    turned = write(tmp_path, "\n".join([head, *reversed(lines)]), "turned.csv")
    first, again, other = Table(table), Table(turned), Table(table, split_seed=1)
    assert torch.equal(first.held_out("test").x, again.held_out("test").x)
    assert not torch.equal(first.held_out("test").x, other.held_out("test").x)


def test_metadata_is_what_the_object_says(table: Path) -> None:
    target = Table(table, columns=["c", "a"], validation=0.1, test=0.25)
    known = metadata.table(table, columns=["c", "a"], validation=0.1, test=0.25)
    assert known == metadata.Metadata((2,), None, {split: target.size(split) for split in SPLITS})
    assert target.shape == known.shape and target.names == ["c", "a"]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + numbers(50),
        numbers(50, ";", '"a";"b";"c"'),
        numbers(50, "\t", "a\tb\tc"),
        numbers(50, "  ", "a b c"),
        numbers(50).replace("\n", "\r\n"),
        numbers(50).replace("\n", "\n\n"),
    ],
    ids=["byte order mark", "semicolon and quotes", "tab", "blanks", "carriage return", "blank lines"],
)
def test_separator_header_and_encoding_are_told_from_the_file(text: str, tmp_path: Path) -> None:
    target = Table(write(tmp_path, text))
    plain = Table(write(tmp_path, numbers(50), "plain.csv"))
    assert target.names == ["a", "b", "c"]
    assert torch.equal(target.held_out("train").x, plain.held_out("train").x)


def test_a_table_without_header_numbers_its_columns(tmp_path: Path) -> None:
    target = Table(write(tmp_path, numbers(50, header="")), columns=["3"])
    assert target.names == ["3"] and sum(target.size(split) for split in SPLITS) == 50


def test_a_relative_path_is_looked_up_here_and_then_in_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, data = tmp_path / "here", tmp_path / "data"
    here.mkdir(), data.mkdir()
    write(data, numbers(40), "x.csv")
    monkeypatch.chdir(here)
    monkeypatch.setenv("PUSHFORWARD_DATA", str(data))
    assert sum(metadata.table(Path("x.csv")).sizes.values()) == 40
    write(here, numbers(30), "x.csv")
    assert sum(metadata.table(Path("x.csv")).sizes.values()) == 30
    with pytest.raises(DataMissing, match=r"no CSV file at \S+here/y.csv nor at \S+data/y.csv: put a CSV file there$"):
        metadata.table(Path("y.csv"))
    monkeypatch.delenv("PUSHFORWARD_DATA")
    with pytest.raises(DataMissing, match=r"or set \$PUSHFORWARD_DATA to the folder that holds it"):
        metadata.table(Path("y.csv"))


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        (numbers(9) + "1,two,3\n", {}, r"data.csv:11: column 'b': 'two' is not a finite number"),
        (numbers(9) + "1,,3\n", {}, r"data.csv:11: column 'b': a value is missing"),
        (numbers(9) + "1,nan,3\n", {}, r"data.csv:11: column 'b': 'nan' is not a finite number"),
        (numbers(9) + "1,2\n", {}, r"data.csv:11: 2 cells where the first line has 3"),
        (numbers(9, header="a,2,c"), {}, r"data.csv:1: column '1': 'a' is .* set header to true"),
        (numbers(9), {"columns": ["d"]}, r"has no column 'd': it has a, b, c"),
        (numbers(9), {"columns": []}, r"has nothing to read, as columns is empty"),
        (numbers(9), {"columns": ["a", "a"]}, r"names a column twice"),
        (numbers(9, header="a,b,a"), {}, r"two columns 'a'"),
        (numbers(9), {"separator": "ab"}, r"separator is 'ab': expected one character"),
        (numbers(9), {"test": 0.6, "validation": 0.4}, r"test 0.6 and validation 0.4: expected fractions"),
        ("", {}, r"data.csv is empty"),
        ("a,b\n1,2\n3,4\n", {}, r"data.csv has 2 rows: too few"),
        ("a,b\n" + "1,2\n" * 40, {}, r"has 40 rows but only 1 different ones"),
        ("a,b\n" + "".join(f"{i},7\n" for i in range(40)), {}, r"column 'b' is 7 in every training row"),
        (b"\x89PNG\r\n\x1a\n\xff", {}, r"data.csv is not UTF-8 text"),
    ],
)
def test_a_bad_table_is_refused_in_one_sentence(text, options: dict, sentence: str, tmp_path: Path) -> None:
    file = write(tmp_path, text)
    for ask in (Table, metadata.table):
        with pytest.raises(UserError, match=sentence) as caught:
            ask(file, **options)
        assert len(str(caught.value).splitlines()) == 1
    assert not isinstance(caught.value, DataMissing)


def test_a_column_that_is_not_chosen_may_hold_words(tmp_path: Path) -> None:
    text = "name,x\n" + "".join(f"n{i},{i}\n" for i in range(40))
    assert Table(write(tmp_path, text), columns=["x"]).shape == (1,)
