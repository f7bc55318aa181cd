"""Several trackers as one: what is told to all of them, and what happens when one of them fails."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pushforward.problem import UserError
from pushforward.roles.tracker import RunInfo, Tracker


class Trackers:
    """Tell several trackers the same numbers under the same names.

    A tracker that fails while a run goes on is reported once, by a warning, and left out from then on: a lost
    connection must not end a run. A `UserError` is meant to end it (`RunFailed` of the files every run keeps) and is
    passed on.

    Args:
        trackers: whom to tell, in this order.
    """

    def __init__(self, trackers: Iterable[Tracker]) -> None:
        self.trackers = list(trackers)
        self.memory: dict[str, str] = {}
        self._live: list[Tracker] = []

    def open(self, run: RunInfo) -> None:
        """Open all of them. From now on `memory` is what they want kept for a resumption: store it at once.

        Raises:
            UserError: if one cannot be opened; those opened before it are closed again.
        """
        self.memory = run.memory
        for tracker in self.trackers:
            try:
                tracker.open(run)
            except Exception as error:
                self.close("failed", {})
                if isinstance(error, UserError):
                    raise
                raise UserError(f"the tracker {_name(tracker)} cannot start: {_reason(error)}") from error
            self._live.append(tracker)

    def numbers(self, round: int, values: dict[str, float]) -> None:
        """Numbers of one report, by name."""
        self._tell(f"at round {round}", lambda tracker: tracker.numbers(round, values))

    def picture(self, round: int, name: str, path: Path) -> None:
        """A PNG file of one report."""
        self._tell(f"at round {round}", lambda tracker: tracker.picture(round, name, path))

    def close(self, status: str, results: dict[str, Any]) -> None:
        """The end: `status` is completed, stopped or failed."""
        self._tell("at the end", lambda tracker: tracker.close(status, results))
        self._live = []

    def _tell(self, when: str, act: Callable[[Tracker], None]) -> None:
        for tracker in list(self._live):
            try:
                act(tracker)
            except UserError:
                raise
            except Exception as error:
                self._live.remove(tracker)
                warnings.warn(
                    f"the tracker {_name(tracker)} failed {when} and is left out from here on: {_reason(error)}",
                    RuntimeWarning,
                    stacklevel=3,
                )


def _name(tracker: Tracker) -> str:
    return type(tracker).__name__


def _reason(error: Exception) -> str:
    """The first line of what an error says, or its kind where it says nothing."""
    said = str(error).strip()
    return said.splitlines()[0] if said else type(error).__name__
