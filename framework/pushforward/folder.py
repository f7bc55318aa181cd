"""A run's folder: where it is, what it is called, and the plain files in it."""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import IO, Any

from pushforward.problem import RunFailed, UserError

try:
    import fcntl
except ImportError:  # not on Windows, where runs are not locked
    fcntl = None  # type: ignore[assignment]

PACKAGES = ("pushforward", "torch", "pytorch-lightning", "torchvision", "torchmetrics", "numpy", "scipy", "zuko")


def new_folder(root: Path, recipe: str) -> Path:
    """Make `root/<recipe>-<n>` with the first free number.

    Raises:
        RunFailed: if no folder can be made there.
    """
    stem = recipe.replace("/", "-")
    try:
        root.mkdir(parents=True, exist_ok=True)
        taken = [number_of(path, stem) for path in root.glob(f"{stem}-*")]
        number = max(taken, default=0) + 1
        while True:
            folder = root / f"{stem}-{number}"
            try:
                folder.mkdir()
                return folder
            except FileExistsError:  # another run was quicker
                number += 1
    except OSError as error:
        raise RunFailed(f"no run folder can be made in {root}: {error.strerror}") from None


def lock_folder(folder: Path) -> IO[str]:
    """Hold a run's folder until the file is closed or the process ends, however it ends.

    Raises:
        UserError: if another process is playing this run.
        RunFailed: if the folder cannot be written.
    """
    try:
        (folder / "checkpoints").mkdir(exist_ok=True)
        held = (folder / "checkpoints" / "lock").open("w")
    except OSError as error:
        raise RunFailed(f"{folder} cannot be written: {error.strerror}") from None
    if fcntl is not None:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            held.close()
            raise UserError(f"{folder} is being played by another process: wait for it, or stop it") from None
    return held


def number_of(path: Path, stem: str) -> int:
    """The n of `<stem>-<n>`; 0 where it has none."""
    tail = path.name[len(stem) + 1 :]
    return int(tail) if tail.isdigit() else 0


def newest_unfinished(root: Path, recipe: str, rounds: int, fingerprint: str) -> Path:
    """The newest run of a recipe, with this fingerprint, that is not completed or has fewer rounds than are asked for.

    Raises:
        UserError: if there is none.
    """
    stem = recipe.replace("/", "-")
    others = []
    runs = sorted((p for p in root.glob(f"{stem}-*") if number_of(p, stem)), key=lambda p: -number_of(p, stem))
    for folder in runs:
        results = read_json(folder / "results.json")
        whole = results.get("rounds", 0) >= rounds or "reason" in results  # the reason is that patience ran out
        finished = results.get("status") == "completed" and whole
        if not finished and (folder / "recipe.yaml").is_file():
            if read_json(folder / "environment.json").get("fingerprint", fingerprint) == fingerprint:
                return folder
            others.append(folder.name)
    if others:
        raise UserError(
            f"no unfinished run of {recipe!r} in {root} has this target, model, seed and batch:"
            f" {', '.join(others)} {'differs' if len(others) == 1 else 'differ'} (see recipe.yaml there)"
        )
    raise UserError(f"there is no unfinished run of {recipe!r} in {root}: start one without --resume")


def environment(recipe: str, fingerprint: str, trackers: dict[str, str]) -> dict[str, Any]:
    """What a result depends on besides its recipe."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    torch = sys.modules.get("torch")
    return {
        "recipe": recipe,
        "fingerprint": fingerprint,
        "trackers": trackers,
        "command": " ".join(["pushforward", *sys.argv[1:]]),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads() if torch else None,
        "packages": versions,
    }


def cache_folder() -> Path:
    """Where things that can be made again are kept: `$PUSHFORWARD_CACHE`, or `~/.cache/pushforward`."""
    return Path(os.environ.get("PUSHFORWARD_CACHE") or Path.home() / ".cache" / "pushforward")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file of a run; empty where there is none or it is damaged."""
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all.

    Raises:
        RunFailed: if it cannot be written.
    """
    beside = path.with_name(f"{path.name}.part")
    try:
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise RunFailed(f"{path} cannot be written: {error.strerror}") from None


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write a JSON file whole or not at all; numbers that are not finite become strings, since JSON has none."""
    write_text(path, json.dumps(_finite(data), indent=2, default=str) + "\n")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return repr(value)
    return value
