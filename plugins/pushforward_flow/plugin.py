"""What the flow family offers, and where it is: nothing of it is imported before it is used."""

from __future__ import annotations

from pushforward import Component, hook

PUSHFORWARD_API = 1


@hook
def components() -> list[Component]:
    """The games, the architectures of flows, and the network of a mean flow."""
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
        Component(
            "generator",
            "mean-velocity",
            f"{here}.mean_flow:MeanVelocity",
            "the mean velocity between two times",
            "arXiv:2505.13447",
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
