"""Everything a user can get wrong, said in one sentence each and with the exit status it deserves."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

DONE, FAILED, WRONG, PLUGIN, INTERRUPTED = 0, 1, 2, 3, 130


@dataclass(frozen=True)
class Place:
    """Where a value was written: a file with line and column, or the command line."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True)
class Problem:
    """One mistake: where, in which value, what is wrong, and the nearest right thing."""

    what: str
    path: str = ""
    place: Place | None = None

    def __str__(self) -> str:
        parts = [str(self.place)] if self.place else []
        parts += [self.path] if self.path else []
        return ": ".join([*parts, self.what])


class UserError(Exception):
    """A mistake that is the user's to mend. It is printed as sentences, never as a traceback.

    Args:
        problems: a sentence, or several problems to be reported together.
        status: the exit status of the program.
    """

    status = WRONG

    def __init__(self, problems: str | Iterable[Problem], status: int | None = None) -> None:
        self.problems = [Problem(problems)] if isinstance(problems, str) else list(problems)
        if status is not None:
            self.status = status
        super().__init__("\n".join(map(str, self.problems)))


class RecipeError(UserError):
    """A recipe, an override or the usage is wrong."""


class PluginError(UserError):
    """A plugin is broken, in conflict, or of another API."""

    status = PLUGIN


class RunFailed(UserError):
    """A run could not go on: a non-finite number, a full disk, a damaged checkpoint."""

    status = FAILED


class DataMissing(UserError):
    """Data that a target reads are not there; the sentence says where to put them."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` where something known is near the word, else nothing."""
    known = sorted(set(known))
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if not near:  # a part of a long name, or a name without its dashes
        bare = word.replace("-", "").replace("_", "").lower()
        near = [k for k in known if bare and bare in k.replace("-", "").replace("_", "")][:1]
    return f"; did you mean {near[0]!r}?" if near else ""
