"""What a run's folder says, however much of it is there: an unfinished or broken run can be read too."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pushforward.problem import UserError

PICTURE = re.compile(r"(?P<name>.+)-(?P<round>\d{8,})\.png")

Series = list[tuple[int, float]]


@dataclass
class RunFolder:
    """A run as its files tell it; what is missing is empty.

    Args:
        path: the folder.
        recipe_text: recipe.yaml as it stands there.
        results: results.json.
        environment: environment.json.
        metrics: metrics.csv by column: (round, value) where it was measured.
        stills: the newest picture of each watcher: its round and its file.
        films: the animation of each watcher.
        damaged: files that are there and could not be read.
    """

    path: Path
    recipe_text: str = ""
    results: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Series] = field(default_factory=dict)
    stills: dict[str, tuple[int, Path]] = field(default_factory=dict)
    films: dict[str, Path] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The run's name: that of its folder."""
        return self.path.resolve().name

    @property
    def recipe(self) -> dict[str, Any]:
        """The recipe with every value as the text that was written; empty where it cannot be parsed."""
        try:
            # Not safe_load: a reader wants `2e-4` and `on` as they were written, and no value is acted upon.
            read = yaml.load(self.recipe_text, Loader=yaml.BaseLoader)
        except yaml.YAMLError:
            return {}
        return read if isinstance(read, dict) else {}

    @property
    def about(self) -> str:
        """The recipe's first key."""
        about = self.recipe.get("about", "")
        return about if isinstance(about, str) else ""

    @property
    def status(self) -> str:
        """completed, stopped or failed; unfinished where no result was written."""
        return str(self.results.get("status") or "unfinished")

    @property
    def measures(self) -> dict[str, dict[str, Any]]:
        """Measured numbers by name: `value`, `standard_error`, `n` and what else belongs to each."""
        measures = self.results.get("measures")
        measures = measures if isinstance(measures, dict) else {}
        return {name: m if isinstance(m, dict) else {"value": m} for name, m in measures.items()}

    @property
    def verdict(self) -> dict[str, Any]:
        """state, why, evidence and remedy, as far as they are there."""
        verdict = self.results.get("verdict")
        return verdict if isinstance(verdict, dict) else {}

    @property
    def rounds(self) -> int | None:
        """Rounds played: the result's, or else the last one in the metrics."""
        if isinstance(self.results.get("rounds"), int):
            return self.results["rounds"]
        return max((series[-1][0] for series in self.metrics.values() if series), default=None)


def read_folder(path: Path) -> RunFolder:
    """Read a run's folder.

    Raises:
        UserError: if it is not a folder, or holds nothing that a run writes.
    """
    path = Path(path)
    if not path.is_dir():
        raise UserError(f"{path}: no such folder")
    if not any((path / name).exists() for name in ("recipe.yaml", "results.json", "metrics.csv", "environment.json")):
        raise UserError(f"{path}: not a run's folder: it has neither recipe.yaml nor results.json nor metrics.csv")
    run = RunFolder(path)
    run.recipe_text = _text(path / "recipe.yaml", run.damaged) or ""
    run.results = _json(path / "results.json", run.damaged)
    run.environment = _json(path / "environment.json", run.damaged)
    run.metrics = _metrics(path / "metrics.csv", run.damaged)
    for picture in sorted((path / "images").glob("*.png")):
        if match := PICTURE.fullmatch(picture.name):
            newest = run.stills.get(match["name"], (-1, picture))
            run.stills[match["name"]] = max(newest, (int(match["round"]), picture))
    run.films = {film.stem: film for film in sorted((path / "images").glob("*.webp"))}
    return run


def flattened(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every leaf of nested mappings and lists: its dotted path and its text. Lists of plain values are one leaf."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from flattened(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(inner, dict | list) for inner in value):
        for i, inner in enumerate(value):
            yield from flattened(inner, f"{path}.{i}")
    elif isinstance(value, list):
        yield path, f"[{', '.join(map(str, value))}]"
    else:
        yield path, "{}" if value == {} else "" if value is None else str(value)


def _text(path: Path, damaged: list[str]) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        damaged.append(path.name)
        return None


def _json(path: Path, damaged: list[str]) -> dict[str, Any]:
    text = _text(path, damaged)
    if text is None:
        return {}
    try:
        read = json.loads(text)
    except ValueError:
        read = None
    if not isinstance(read, dict):
        damaged.append(path.name)
        return {}
    return read


def _metrics(path: Path, damaged: list[str]) -> dict[str, Series]:
    """Columns by name. A line that a killed run left half-written ends the reading."""
    text = _text(path, damaged)
    if not text:
        return {}
    reader = csv.reader(text.splitlines())
    header = next(reader, [])
    if not header or header[0] != "round":
        damaged.append(path.name)
        return {}
    columns: dict[str, Series] = {name: [] for name in header[1:]}
    for row in reader:
        try:
            round_, values = int(row[0]), {n: float(cell) for n, cell in zip(header[1:], row[1:], strict=True) if cell}
        except (ValueError, IndexError):
            damaged.append(path.name)
            break
        for name, value in values.items():
            columns[name].append((round_, value))
    return {name: series for name, series in columns.items() if series}
