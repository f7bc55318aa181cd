"""What the NEIS family offers, and where it is: nothing of it is imported before it is used."""

from __future__ import annotations

from pushforward import Component, hook

PUSHFORWARD_API = 1

_PAPER = "arXiv:2206.09908"


@hook
def components() -> list[Component]:
    """Every component of this plugin."""
    here = "pushforward_neis"
    return [
        Component(
            "model",
            "neis",
            f"{here}.game:NEIS",
            "a velocity field that makes importance sampling of log Z precise",
            _PAPER,
            gives=("log_z", "sample"),
            needs={"target": ("log_density",)},
            holds=("velocity-field",),
            traits=("couples-samples",),
        ),
        Component("velocity-field", "linear-field", f"{here}.fields:LinearField", "b(x) = W x + c", _PAPER),
        Component(
            "velocity-field",
            "gradient-field",
            f"{here}.fields:GradientField",
            "the gradient of a two-layer softplus network",
            _PAPER,
        ),
        Component(
            "optimizer",
            "normalised-descent",
            f"{here}.descent:NormalisedDescent",
            "steps of one length along the gradient",
            _PAPER,
        ),
        Component(
            "estimator",
            "importance-sampling",
            f"{here}.importance:ImportanceSampling",
            "plain importance sampling from a normal law",
        ),
    ]
