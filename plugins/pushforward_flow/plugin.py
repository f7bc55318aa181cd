"""What the flow family offers, and where it is: nothing of it is imported before it is used."""

from __future__ import annotations

from typing import Any

from pushforward import Component, Kind, UserError, hook

PUSHFORWARD_API = 1


@hook
def kinds() -> list[Kind]:
    """What a mean flow learns, of any network."""
    here = "pushforward_flow.mean_velocity"
    return [
        Kind(
            "mean-velocity",
            f"{here}:MeanVelocity",
            "a mean velocity between two times, for samples in one step",
            adapter=f"{here}:NetworkMeanVelocity",
            gives=("sample",),
        )
    ]


@hook
def components() -> list[Component]:
    """The games, the architectures of flows, velocities that change in time, and what is measured of them."""
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
        Component(
            "model",
            "mixture-of-flows",
            f"{here}.mixture_of_flows:MixtureOfFlows",
            "maximum likelihood for several flows side by side",
            gives=("sample", "log_density"),
            needs={"target": ("sample",)},
            holds=(),
        ),
        Component(
            "model",
            "reverse-kl",
            f"{here}.reverse_kl:ReverseKL",
            "a flow fitted to a density that can only be evaluated",
            "arXiv:1505.05770",
            gives=("sample", "log_density", "log_z"),
            needs={"target": ("log_density",)},
            holds=("flow",),
        ),
        Component(
            "generator",
            "flow",
            f"{here}.generator:FlowGenerator",
            "a flow where a generator stands",
            "arXiv:1705.08868",
        ),
        Component(
            "model",
            "flow-matching",
            f"{here}.matching:FlowMatching",
            "a velocity regressed on paths from noise to data",
            "arXiv:2210.02747",
            gives=("sample", "log_density"),
            needs={"target": ("sample",)},
            holds=("flow", "velocity-field"),
        ),
        Component(
            "model",
            "mean-flow",
            f"{here}.mean_flow:MeanFlow",
            "a mean velocity, for samples in one step",
            "arXiv:2505.13447",
            gives=("sample",),
            needs={"target": ("sample",)},
            holds=("generator",),
        ),
        *_fields(),
        Component(
            "measure",
            "matching-error",
            f"{here}.matching_error:MatchingError",
            "the cost of flow matching on held-out data",
            "arXiv:2210.02747",
            needs={"model": ("sample",), "target": ("sample",)},
        ),
        Component(
            "measure",
            "solver-evaluations",
            f"{here}.solver_evaluations:SolverEvaluations",
            "how often a continuous flow asks its velocity",
            needs={"model": ("sample", "log_density"), "target": ("sample",)},
        ),
        Component(
            "flow",
            "continuous-flow",
            f"{here}.continuous:ContinuousFlow",
            "an ordinary differential equation from noise to data",
            "arXiv:1810.01367",
        ),
        Component("flow", "maf", f"{here}.autoregressive:MAF", "masked autoregressive affine maps", "arXiv:1705.07057"),
        Component("flow", "nice", f"{here}.coupling:NICE", "additive coupling layers", "arXiv:1410.8516"),
        Component("flow", "realnvp", f"{here}.coupling:RealNVP", "affine coupling layers", "arXiv:1605.08803"),
        Component(
            "flow",
            "residual-flow",
            f"{here}.residual:ResidualFlow",
            "contractions added to the identity",
            "arXiv:1906.02735",
        ),
        Component("flow", "glow", f"{here}.glow:Glow", "images in several scales", "arXiv:1807.03039"),
        Component("flow", "nsf", f"{here}.spline:NSF", "splines, autoregressive or coupled", "arXiv:1906.04032"),
    ]


def _fields() -> list[Component]:
    here = "pushforward_flow.fields"
    return [
        Component("velocity-field", "timed-linear-field", f"{here}:TimedLinearField", "W(t) x + c(t), polynomial in t"),
        Component(
            "velocity-field",
            "timed-gradient-field",
            f"{here}:TimedGradientField",
            "the gradient of a two-layer softplus network that sees the time",
        ),
        Component(
            "velocity-field", "potential-field", f"{here}:PotentialField", "the gradient of any network's potential"
        ),
    ]


@hook
def plan(plan: Any) -> list[Any]:
    """Pairs of a whole batch are no pairs of its parts."""
    if plan.model.component.name != "flow-matching" or plan.model.argument("coupling") in (None, "independent"):
        return []
    devices = plan.trainer.get("devices", 1)
    if plan.value("accumulate") == 1 and devices in (1, "1"):
        return []
    what = (
        f"model.coupling: {plan.model.argument('coupling')} pairs noise with data of whole batches: got"
        f" {plan.value('accumulate')} micro-batches on {devices} devices, expected one process and accumulate=1"
    )
    return list(UserError(what).problems)
