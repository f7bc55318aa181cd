"""Where data are looked for: a relative path in the current folder, then in $PUSHFORWARD_DATA."""

from __future__ import annotations

import os
from pathlib import Path

from pushforward import DataMissing

VARIABLE = "PUSHFORWARD_DATA"


def data_folder() -> Path | None:
    """The folder that $PUSHFORWARD_DATA names, if it is set."""
    folder = os.environ.get(VARIABLE)
    return Path(folder).expanduser() if folder else None


def find(path: Path | str, what: str) -> Path:
    """The file or folder meant by `path`.

    Args:
        path: absolute, or relative to the current folder or to $PUSHFORWARD_DATA.
        what: what is to stand there, for the sentence: "an image folder".

    Raises:
        DataMissing: if it stands in neither place.
    """
    path = Path(path).expanduser()
    folder = data_folder()
    places = [path] if path.is_absolute() or folder is None else [path, folder / path]
    for place in places:
        if place.exists():
            return place
    hint = "" if path.is_absolute() or folder is not None else f", or set ${VARIABLE} to the folder that holds it"
    where = " nor at ".join(str(place.absolute()) for place in places)
    raise DataMissing(f"there is no {what.split(' ', 1)[1]} at {where}: put {what} there{hint}")
