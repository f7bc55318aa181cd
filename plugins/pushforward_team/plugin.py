"""What this plugin offers."""

from __future__ import annotations

from pushforward import Component, hook

PUSHFORWARD_API = 1


@hook
def components() -> list[Component]:
    """The game of two teams, and what shows how they share the work."""
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
        ),
        Component(
            "measure",
            "specialisation",
            "pushforward_team.pictures:Specialisation",
            "how far each generator keeps to one mode",
            needs={"target": ("sample",), "model": ("sample",)},
        ),
        Component(
            "watcher",
            "team-scatter",
            "pushforward_team.pictures:TeamScatter",
            "which generator covers what",
            needs={"target": ("sample",), "model": ("sample",)},
        ),
        Component(
            "watcher",
            "pay-off",
            "pushforward_team.pictures:PayOff",
            "what each generator pays against each discriminator",
            needs={"target": ("sample",), "model": ("sample",)},
        ),
    ]
