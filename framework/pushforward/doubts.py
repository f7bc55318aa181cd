"""Doubts: whoever gives a number that means little warns so, and the words stand beside the number wherever it goes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Doubt(UserWarning):
    """A warning that a number means little, in one sentence: ``warnings.warn("k-hat is .9: ...", Doubt)``.

    What warns so while a measure looks is kept under `warning` beside the measured number, in results and report;
    outside of a measure it is a warning like others.
    """


@contextmanager
def doubts() -> Iterator[list[str]]:
    """Every doubt that is voiced inside, once each and in order, instead of being shown; other warnings are shown."""
    voiced: list[str] = []
    with warnings.catch_warnings():
        show = warnings.showwarning

        def note(message: Warning | str, category: type[Warning], *where: Any, **further: Any) -> None:
            if not issubclass(category, Doubt):
                show(message, category, *where, **further)
            elif str(message) not in voiced:
                voiced.append(str(message))

        warnings.showwarning = note
        warnings.simplefilter("always", Doubt)
        yield voiced
