"""images/: how a run's pictures are kept, one PNG file a picture and round."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

from pushforward.problem import RunFailed
from pushforward.roles.tracker import RunInfo, Tracker

_NAMED = re.compile(r"(?P<name>.+)-(?P<round>\d{8,})\.png")


def picture_path(folder: Path, name: str, round: int) -> Path:
    """Where a run in `folder` keeps the picture `name` of a round; a slash in a name becomes a dash."""
    return folder / "images" / f"{name.replace('/', '-')}-{round:08d}.png"


def read_pictures(folder: Path) -> list[tuple[int, str, Path]]:
    """The pictures that a run in `folder` has kept: (round, name, file), in order of rounds."""
    named = [(_NAMED.fullmatch(path.name), path) for path in (folder / "images").glob("*.png")]
    return sorted((int(match["round"]), match["name"], path) for match, path in named if match)


class PngTracker(Tracker):
    """Keep every picture as `images/<name>-<round>.png` in the run's folder, the round with eight digits.

    A picture already drawn there stays where it is; any other is copied. On resumption pictures beyond the resumed
    round are deleted.

    Every run has this tracker.

    Raises:
        RunFailed: if a picture cannot be written, for example because the disk is full.
    """

    def open(self, run: RunInfo) -> None:
        """Make the folder and forget what was drawn beyond the resumed round."""
        self.folder = run.folder
        images = run.folder / "images"
        try:
            images.mkdir(parents=True, exist_ok=True)
            for round, _, path in read_pictures(run.folder):
                if round > run.round:
                    path.unlink()
        except OSError as error:
            raise _unwritable(images, error) from error

    def numbers(self, round: int, values: dict[str, float]) -> None:
        """Numbers are no pictures."""

    def picture(self, round: int, name: str, path: Path) -> None:
        """Copy the file, whole or not at all."""
        kept = picture_path(self.folder, name, round)
        if path.resolve() == kept.resolve():
            return
        draft = kept.with_suffix(".png.part")
        try:
            shutil.copyfile(path, draft)
            os.replace(draft, kept)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise _unwritable(kept, error) from error

    def close(self, status: str, results: dict[str, Any]) -> None:
        """Nothing is left to do: every picture is on disk already."""


def _unwritable(path: Path, error: OSError) -> RunFailed:
    reason = error.strerror or str(error)
    return RunFailed(f"{path}: cannot write ({reason}); free some space or fix the folder, then resume the run")
