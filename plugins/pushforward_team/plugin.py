"""What this plugin offers."""

from __future__ import annotations

from pushforward import Component, hook

PUSHFORWARD_API = 1


@hook
def components() -> list[Component]:
    """The game of two teams."""
    return [
        Component(
            "model",
            "team-gan",
            "pushforward_team.game:TeamGAN",
            "several generators against several discriminators",
            "arXiv:2111.04178",
            gives=("sample",),
            needs={"target": ("sample",)},
            holds=(),
        )
    ]
