"""Which folder is meant by a run: the folder itself, its name, or a recipe's name for its newest run."""

from __future__ import annotations

import os
from pathlib import Path

from pushforward.folder import number_of
from pushforward.problem import UserError, did_you_mean

FILES = ("recipe.yaml", "results.json", "metrics.csv", "environment.json")


def find_run(word: str, runs: Path = Path("runs")) -> Path:
    """The folder of a run.

    Args:
        word: a folder, the name of one in `runs`, or a recipe's name or file.
        runs: where runs are.

    Raises:
        UserError: if there is none, with the nearest name.
    """
    for folder in (Path(word).expanduser(), runs / word):
        if is_run(folder):
            return folder
    stem = Path(word).stem if word.endswith((".yaml", ".yml")) else word.strip("/").replace("/", "-")
    newest = max(runs.glob(f"{_escaped(stem)}-*"), key=lambda p: number_of(p, stem), default=None)
    if newest is not None and number_of(newest, stem):
        return newest
    if Path(word).is_dir():
        raise UserError(f"{word} is not a run's folder: it has none of {', '.join(FILES)}")
    raise UserError(f"there is no run {word!r}, neither as a folder nor in {runs}{_hint(word, runs)}")


def is_run(folder: Path) -> bool:
    """Whether a folder holds what a run writes."""
    return any((folder / name).is_file() for name in FILES)


def newest_since(runs: Path, began: float) -> Path | None:
    """The run in a folder that wrote its results last, and after a moment (in seconds since 1970)."""
    ended = {path.parent: os.stat(path).st_mtime for path in runs.glob("*/results.json")}
    late = {folder: when for folder, when in ended.items() if when >= began}
    return max(late, key=lambda folder: late[folder], default=None)


def _hint(word: str, runs: Path) -> str:
    names = [path.name for path in runs.glob("*") if is_run(path)]
    if not names:
        return f": there are no runs there (`pushforward run {word}` makes one)"
    return did_you_mean(word, names) or f"; there are {', '.join(sorted(names)[:8])}"


def _escaped(stem: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in stem)
