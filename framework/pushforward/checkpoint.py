"""Checkpoints: tensors and plain numbers only, written whole or not at all, and read without running any code."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from pushforward.problem import RunFailed

FORMAT = 1


def write_checkpoint(path: Path, data: dict[str, Any], fingerprint: str) -> None:
    """Write beside the file, then put it in its place: a full disk or a kill leaves the last good one.

    Raises:
        RunFailed: if it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}.part")
    try:
        with beside.open("wb") as stream:
            torch.save({"format": FORMAT, "recipe": fingerprint, **data}, stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(beside, path)
    except (OSError, RuntimeError) as error:  # torch's writer turns a full disk into a RuntimeError
        beside.unlink(missing_ok=True)
        kept = f"; {path.name} of an earlier round is kept" if path.exists() else ""
        reason = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
        raise RunFailed(f"{path} cannot be written: {reason}{kept}") from None


def read_checkpoint(path: Path, fingerprint: str | None = None) -> dict[str, Any]:
    """The data of a checkpoint.

    Raises:
        RunFailed: if it is not there, truncated, of another recipe, or holds anything but tensors and numbers.
    """
    if not path.is_file():
        raise RunFailed(f"there is no checkpoint {path}")
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if (damaged := archive.testzip()) is not None:
                    raise zipfile.BadZipFile(f"the checksum of {damaged} is wrong")
        data = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise RunFailed(
            f"{path} holds more than tensors and numbers (it could run code), so it is not loaded"
        ) from None
    except (RuntimeError, EOFError, OSError, zipfile.BadZipFile, ValueError, KeyError) as error:
        raise RunFailed(f"{path} is damaged or truncated: {(str(error) or repr(error)).splitlines()[0]}") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise RunFailed(f"{path} is no checkpoint of pushforward (format {FORMAT})")
    if fingerprint is not None and data["recipe"] != fingerprint:
        raise RunFailed(
            f"{path} was written by another recipe: its target, model, seed or batch differ from this one's"
            " (`pushforward compare` shows where)"
        )
    return data
