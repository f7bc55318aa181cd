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
            "model",
            "estimation",
            f"{here}.estimation:Estimation",
            "an estimate of log Z, without anything to train",
            gives=("log_z", "sample if estimator"),
            needs={"target": ("log_density",)},
            traits=("unplayed",),
        ),
        *_estimators(),
    ]


def _estimators() -> list[Component]:
    """What answers log Z by itself."""
    here = "pushforward_neis"
    return [
        Component(
            "estimator",
            "importance-sampling",
            f"{here}.importance:ImportanceSampling",
            "plain importance sampling from a normal law",
        ),
        Component(
            "estimator",
            "annealed-importance-sampling",
            f"{here}.annealed:AnnealedImportanceSampling",
            "particles led from a normal law to the target by temperatures",
            "arXiv:physics/9803008",
        ),
        Component(
            "estimator",
            "reverse-annealed-importance-sampling",
            f"{here}.annealed:ReverseAnnealedImportanceSampling",
            "the same from samples of the target back: a bound from above",
            "arXiv:1511.02543",
            needs={"target": ("sample",)},
        ),
        Component(
            "estimator",
            "sequential-monte-carlo",
            f"{here}.sequential:SequentialMonteCarlo",
            "annealed particles that are resampled on the way",
            "arXiv:2007.11936",
            gives=("sample",),
        ),
        Component(
            "estimator",
            "flow-importance-sampling",
            f"{here}.flow_importance:FlowImportanceSampling",
            "weights of samples of a flow",
        ),
        Component(
            "estimator",
            "bridge-sampling",
            f"{here}.bridge:BridgeSampling",
            "particles and a normal law fitted to them, weighed against each other",
        ),
    ]
