"""A run as a film: the pictures of all its reports, one after another."""

from __future__ import annotations

import os
from pathlib import Path

from PIL import Image

from pushforward.problem import UserError
from pushforward.trackers.png import read_pictures

MOST_FRAMES = 100  # a film is looked at, not searched: more would only make it heavy
SECONDS, REST = 6.0, 1500  # a film's length, and milliseconds for which the last picture stands


def animate(folder: Path, name: str, out: Path) -> Path:
    """Join the pictures images/NAME-ROUND.png of a run's folder to an animated WebP.

    Of more than 100 pictures, 100 evenly spaced ones are taken, the first and the last among them; one that cannot
    be read (a run was killed while writing it) is passed over.

    Args:
        folder: the run's folder.
        name: the pictures' name, without the round.
        out: the file to write; it is replaced whole or not at all.

    Returns:
        The file.

    Raises:
        UserError: if there is no such picture.
    """
    frames = [frame for path in _spread(pictures(folder, name)) if (frame := _opened(path)) is not None]
    if not frames:
        raise UserError(f"{folder.name}: no pictures images/{name}-ROUND.png to join to a film")
    size = frames[-1].size
    frames = [frame if frame.size == size else frame.resize(size) for frame in frames]
    pace = round(min(max(1000 * SECONDS / len(frames), 60), 400))
    part = out.with_name(f".{out.name}.part")
    # Lossless: the squares of a grid and the dots of a scatter stay sharp, and both become smaller than with loss.
    frames[0].save(
        part,
        format="WEBP",
        save_all=True,
        append_images=frames[1:],
        duration=[pace] * (len(frames) - 1) + [REST],
        loop=0,
        lossless=True,
        method=4,
    )
    os.replace(part, out)
    return out


def pictures(folder: Path, name: str) -> list[Path]:
    """A watcher's pictures by rising round."""
    return [path for _, own, path in read_pictures(folder) if own == name]


def _spread(paths: list[Path]) -> list[Path]:
    if len(paths) <= MOST_FRAMES:
        return paths
    return [paths[round(i * (len(paths) - 1) / (MOST_FRAMES - 1))] for i in range(MOST_FRAMES)]


def _opened(path: Path) -> Image.Image | None:
    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except (OSError, SyntaxError, ValueError):  # what PIL raises on a broken file
        return None
