"""What the flow family offers, and where it is: nothing of it is imported before it is used."""

from __future__ import annotations

from pushforward import Component, hook

PUSHFORWARD_API = 1


@hook
def components() -> list[Component]:
    """The game and three architectures."""
    here = "pushforward_flow"
    return [
        Component(
            "model",
            "flow",
            f"{here}.game:FlowGame",
            "maximum likelihood for any flow",
            "arXiv:1912.02762",
            gives=("sample", "log_density"),
            needs={"target": ("sample",)},
            holds=("flow",),
        ),
        Component("flow", "maf", f"{here}.autoregressive:MAF", "masked autoregressive affine maps", "arXiv:1705.07057"),
        Component("flow", "realnvp", f"{here}.coupling:RealNVP", "affine coupling layers", "arXiv:1605.08803"),
        Component("flow", "nsf", f"{here}.spline:NSF", "masked autoregressive splines", "arXiv:1906.04032"),
    ]
