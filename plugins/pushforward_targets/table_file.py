"""How a CSV file becomes rows of numbers, and what is said where it does not."""

from __future__ import annotations

import csv
import io
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pushforward import UserError
from pushforward_targets.places import find
from pushforward_targets.splits import Indices, grouped

SEPARATORS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class TableFile:
    """A file of numbers.

    Args:
        path: where it is.
        columns: the names of the columns that were asked for; "1", "2", ... where the file names none.
        rows: the numbers, one tuple a row.
    """

    path: Path
    columns: list[str]
    rows: list[tuple[float, ...]]


def read(path: Path, columns: list[str] | None, separator: str | None, header: bool | None) -> TableFile:
    """The numbers of a file; arguments as of the target `table`.

    Raises:
        DataMissing: if there is no such file.
        UserError: if a cell is missing or no number, a row is too short or too long, or a column is unknown.
    """
    path, first, lines = _open(path, separator)
    if header is None:
        header = not any(_is_number(cell) for cell in first[1])
    names = [cell.strip() if header else str(i + 1) for i, cell in enumerate(first[1])]
    chosen = _chosen(path, names, columns)
    hint = "if this line names the columns, set header to true"
    rows = [] if header else [_numbers(path, first[0], first[1], names, chosen, hint)]
    rows += [_numbers(path, line, cells, names, chosen) for line, cells in lines]
    return TableFile(path, [names[i] for i in chosen], rows)


def read_classes(path: Path, column: str | None) -> tuple[TableFile, list[int]]:
    """The numbers of a file whose first line names its columns, and the class, 0 or 1, of every row.

    Args:
        path: the file.
        column: which column holds the classes, as two different words or numbers; None means the last.

    Raises:
        DataMissing: if there is no such file.
        UserError: as of `read`, or if there are not exactly two classes.
    """
    path, (_, first), lines = _open(path, None)
    names = [cell.strip() for cell in first]
    (at,) = _chosen(path, names, [column or names[-1]])
    others = [i for i in range(len(names)) if i != at]
    rows, words = [], []
    for line, cells in lines:
        rows.append(_numbers(path, line, cells, names, others))
        words.append(cells[at].strip())
    classes = sorted(set(words))
    if len(classes) != 2:
        raise UserError(f"{path}: column {names[at]!r} holds {len(classes)} different values: expected two classes")
    return TableFile(path, [names[i] for i in others], rows), [classes.index(word) for word in words]


def split(table: TableFile, validation: float, test: float, seed: int) -> Indices:
    """Row numbers of each split; rows that are equal in the chosen columns are in one split.

    Raises:
        UserError: if there are too few different rows, or a column is constant over the training rows.
    """
    keys = [struct.pack(f"{len(row)}d", *row) for row in table.rows]
    splits = grouped(keys, {"test": test, "validation": validation}, seed, str(table.path))
    for i, name in enumerate(table.columns):
        values = {table.rows[row][i] for row in splits["train"]}
        if len(values) == 1:
            raise UserError(
                f"{table.path}: column {name!r} is {values.pop():g} in every training row, so it cannot be "
                "standardised: leave it out of columns"
            )
    return splits


def _open(path: Path, separator: str | None) -> tuple[Path, tuple[int, list[str]], Iterator[tuple[int, list[str]]]]:
    """Where a file is, its first line and the others, as numbers of lines and cells."""
    path = find(path, "a CSV file")
    lines = _cells(path, _text(path), separator)
    first = next(lines, None)
    if first is None:
        raise UserError(f"{path} is empty: expected rows of numbers")
    return path, first, lines


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text (byte {error.start}): save it as CSV in UTF-8") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None


def _cells(path: Path, text: str, separator: str | None) -> Iterator[tuple[int, list[str]]]:
    """Each line that is not blank, as its number and its cells."""
    if separator is None:
        first = next((line for line in text.splitlines() if line.strip()), "")
        separator = max(SEPARATORS, key=first.count)
        separator = separator if separator in first else " "
    if separator == " ":  # any run of blanks
        yield from ((i, line.split()) for i, line in enumerate(text.splitlines(), 1) if line.strip())
        return
    if len(separator) != 1 or separator in '"\r\n':
        raise UserError(f"separator is {separator!r}: expected one character, such as ',' or ';'")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise UserError(f"{path}:{reader.line_num}: this is no CSV: {error}") from None


def _chosen(path: Path, names: list[str], columns: list[str] | None) -> list[int]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"{path} has two columns {twice[0]!r}: rename one of them")
    if columns is None:
        return list(range(len(names)))
    unknown = [name for name in columns if name not in names]
    if unknown or not columns:
        asked = f"no column {unknown[0]!r}" if unknown else "nothing to read, as columns is empty"
        raise UserError(f"{path} has {asked}: it has {', '.join(names)}")
    if len(set(columns)) < len(columns):
        raise UserError(f"columns names a column twice: {', '.join(columns)}")
    return [names.index(name) for name in columns]


def _numbers(
    path: Path,
    line: int,
    cells: list[str],
    names: list[str],
    chosen: list[int],
    hint: str = "mend the row or leave it out",
) -> tuple[float, ...]:
    if len(cells) != len(names):
        raise UserError(f"{path}:{line}: {len(cells)} cells where the first line has {len(names)}")
    values = []
    for i in chosen:
        cell = cells[i].strip()
        if not _is_number(cell):
            got = f"{cell[:40]!r} is not a finite number" if cell else "a value is missing"
            raise UserError(f"{path}:{line}: column {names[i]!r}: {got}: {hint}")
        values.append(float(cell) + 0.0)  # -0 is 0
    return tuple(values)


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False
