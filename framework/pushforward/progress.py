"""The progress line: how far a run is, how fast, what its measures say and how long it will take."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

_PAUSE = 0.25  # seconds between two updates of the line
_SHOWN = 3  # measures in the line


class Progress:
    """Show where a run is: on a terminal one line that is rewritten, elsewhere one plain line a report.

    `tick` may be called every round: it reads a clock, and writes at most four times a second.

    Args:
        total: rounds of the whole run.
        stream: where to write; None means the standard error.
        quiet: write nothing at all.
    """

    def __init__(self, total: int, stream: TextIO | None = None, quiet: bool = False) -> None:
        self.total, self.quiet = total, quiet
        self.stream = stream if stream is not None else sys.stderr
        self._live = not quiet and self.stream.isatty()
        self._measures: dict[str, float] = {}
        self.start(0)

    def start(self, round: int) -> None:
        """The clock starts; `round` rounds were played before."""
        self._first = self._round = round
        self._begin = time.monotonic()
        self._next = self._begin + _PAUSE

    def tick(self, round: int) -> None:
        """A round is over."""
        self._round = round
        if self._live and time.monotonic() >= self._next:
            self._draw(round)

    def report(self, round: int, measures: dict[str, float]) -> None:
        """A report is out; the first three of `measures` are shown from here on."""
        self._round = round
        self._measures = dict(list(measures.items())[:_SHOWN]) or self._measures
        if self._live:
            self.tick(round)
        elif not self.quiet:
            self._write(self.line(round) + "\n")

    def finish(self, status: str) -> None:
        """The run is over: completed, stopped, failed."""
        if self.quiet:
            return
        seconds = time.monotonic() - self._begin
        parts = [f"{status} at round {self._round}/{self.total}", f"{_clock(seconds)} taken", *self._shown()]
        self._write(("\r\x1b[K" if self._live else "") + "  ".join(parts) + "\n")

    def line(self, round: int) -> str:
        """What the line says at a round."""
        played, seconds = round - self._first, time.monotonic() - self._begin
        parts = [f"round {round}/{self.total}"]
        if played > 0 and seconds > 0:
            rate = played / seconds
            parts.append(f"{rate:.0f} rounds/s" if rate >= 100 else f"{rate:.3g} rounds/s")
        parts += self._shown()
        if played > 0:
            parts.append(f"{_clock(seconds / played * max(self.total - round, 0))} left")
        return "  ".join(parts)

    def _shown(self) -> list[str]:
        return [f"{name} {value:.4g}" for name, value in self._measures.items()]

    def _draw(self, round: int) -> None:
        self._next = time.monotonic() + _PAUSE
        width = shutil.get_terminal_size().columns - 1  # a full last column would wrap
        self._write("\r" + self.line(round)[:width] + "\x1b[K")

    def _write(self, text: str) -> None:
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):  # nobody listens any more: a run does not end for that
            self.quiet, self._live = True, False


def _clock(seconds: float) -> str:
    """`1:02:03`, or `2:03` within the hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
