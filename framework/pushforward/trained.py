"""A finished model as a component: trained once and kept, or taken from a run."""

from __future__ import annotations

from pathlib import Path


class Trained:
    """What another recipe or run has trained, in the role that the slot asks for.

    A recipe is trained once and kept under the hash of its resolved text in `$PUSHFORWARD_CACHE`
    (`~/.cache/pushforward` by default).

    Args:
        recipe: the recipe to train, by name or path.
        run: the folder of a finished run, instead.

    Raises:
        UserError: unless exactly one of the two is given, or if that model has no such role.
    """

    def __init__(self, recipe: str | None = None, run: Path | None = None) -> None:
        self.recipe, self.run = recipe, run
