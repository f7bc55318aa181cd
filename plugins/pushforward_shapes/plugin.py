"""What the shapes family offers, and where it is: nothing of it is imported before it is used."""

from __future__ import annotations

from pushforward import Component, hook

PUSHFORWARD_API = 1


@hook
def components() -> list[Component]:
    """Every component of this plugin."""
    return []
