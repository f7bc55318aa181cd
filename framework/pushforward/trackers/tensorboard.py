"""TensorBoard: how a run's numbers and pictures become event files, with rounds as steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pushforward.problem import UserError
from pushforward.roles.tracker import RunInfo, Tracker


class TensorBoard(Tracker):
    """Write TensorBoard event files into `tensorboard/` in the run's folder.

    Look at them with ``tensorboard --logdir runs``. The step is the round; numbers are plain scalars under their own
    names, in single precision as TensorBoard keeps them (`metrics.csv` has every digit), and each report is flushed.
    On resumption a new event file tells TensorBoard to forget what is beyond the resumed round.

    Raises:
        UserError: if the package `tensorboard` is not installed.
    """

    def open(self, run: RunInfo) -> None:
        """Begin an event file."""
        try:
            from torch.utils.tensorboard.writer import SummaryWriter
        except ImportError as error:
            raise UserError(
                'the tracker tensorboard needs a package that is missing: pip install "pushforward[tensorboard]"'
            ) from error
        folder = run.folder / "tensorboard"
        again = folder.exists()
        first = run.round + 1 if run.round > 0 else 0  # the first round that is to be written again
        self._writer = SummaryWriter(str(folder), purge_step=first if again else None)

    def numbers(self, round: int, values: dict[str, float]) -> None:
        """One scalar a name."""
        for name, value in values.items():
            self._writer.add_scalar(name, float(value), round)
        self._writer.flush()

    def picture(self, round: int, name: str, path: Path) -> None:
        """One image a name."""
        import numpy
        from PIL import Image

        with Image.open(path) as image:
            pixels = numpy.asarray(image.convert("RGB"))
        self._writer.add_image(name, pixels, round, dataformats="HWC")
        self._writer.flush()

    def close(self, status: str, results: dict[str, Any]) -> None:
        """Close the event file."""
        self._writer.close()
