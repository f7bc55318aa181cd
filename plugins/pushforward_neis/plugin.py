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
            gives=("log_z", "sample", "walkers"),
            needs={"target": ("log_density",), "base": ("log_density",)},
            holds=("velocity-field",),
            traits=("couples-samples",),
        ),
        *_fields(here),
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
        *_orbits(here),
        *_looks(here),
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


def _fields(here: str) -> list[Component]:
    exact, kind = f"{here}.exact_fields", "velocity-field"
    return [
        Component(kind, "linear-field", f"{exact}:LinearField", "b(x) = W x + c, with its flow", _PAPER),
        Component(kind, "dilation", f"{exact}:Dilation", "b(x) = r x: flow lines are rays", "arXiv:1809.11132"),
        Component(kind, "funnel-field", f"{exact}:FunnelField", "a drift along a funnel, a contraction across", _PAPER),
        Component(
            kind,
            "gradient-field",
            f"{here}.fields:GradientField",
            "the gradient of a two-layer softplus network",
            _PAPER,
        ),
        Component(kind, "generic-field", f"{here}.fields:GenericField", "a network of one hidden layer", _PAPER),
        Component(
            kind,
            "poisson-field",
            f"{here}.poisson:PoissonField",
            "the field of zero variance on the unit square",
            _PAPER,
            needs={"target": ("log_density",)},
        ),
    ]


def _orbits(here: str) -> list[Component]:
    """Estimators along maps that are given, and the base that some of them want."""
    density = ("log_density",)
    return [
        Component(
            "estimator",
            "flow-lines",
            f"{here}.flow_lines:FlowLines",
            "weights of trajectories or whole flow lines of a given velocity",
            "arXiv:1809.11132",
            needs={"target": density, "base": density},
        ),
        Component(
            "estimator",
            "timed-lines",
            f"{here}.timed_lines:TimedLines",
            "weights of lines of a velocity that changes in time",
            "arXiv:1809.11132",
            needs={"target": density, "base": density},
        ),
        Component(
            "estimator",
            "friction-orbits",
            f"{here}.orbits:FrictionOrbits",
            "weights of damped motions by leapfrog steps",
            "arXiv:1809.11132",
            needs={"target": density},
        ),
        Component(
            "estimator",
            "flow-orbits",
            f"{here}.orbits:FlowOrbits",
            "weights of the orbits of a flow's own map",
            "arXiv:2103.10943",
            needs={"target": density},
        ),
        Component(
            "flow", "uniform-torus", f"{here}.bases:UniformTorus", "the uniform law of angles: a base on the torus"
        ),
        Component(
            "flow", "uniform-box", f"{here}.bases:UniformBox", "the uniform law on a box: a base for compact targets"
        ),
    ]


def _looks(here: str) -> list[Component]:
    """What is measured and drawn of walkers."""
    return [
        Component(
            "watcher",
            "trajectories",
            f"{here}.pictures:Trajectories",
            "where walkers go, in the colour of their weights",
            needs={"model": ("walkers",)},
        ),
        Component(
            "watcher",
            "log-z-trace",
            f"{here}.pictures:LogZTrace",
            "estimates of log Z against what they have cost",
            needs={"target": ("log_density",)},
        ),
        Component(
            "measure",
            "relative-variance",
            f"{here}.relative_variance:RelativeVariance",
            "how much the weights of fresh walkers spread",
            _PAPER,
            needs={"model": ("walkers",)},
        ),
        Component(
            "measure",
            "training-evaluations",
            f"{here}.spent:TrainingEvaluations",
            "how often training has evaluated U and its gradient",
            needs={"model": ("walkers",)},
        ),
    ]
