"""What the GEBM family offers, where it is, and when a batch must stay whole."""

from __future__ import annotations

from typing import Any

from pushforward import Component, UserError, hook

PUSHFORWARD_API = 1


@hook
def components() -> list[Component]:
    """The model and the Markov kernels."""
    here = "pushforward_gebm"
    return [
        Component(
            "model",
            "gebm",
            f"{here}.game:GEBM",
            "an energy on a base law that is a flow or a generator",
            "arXiv:2003.05033",
            gives=("sample", "log_density if base"),
            needs={"target": ("sample",)},
            holds=("energy",),
        ),
        Component(
            "measure",
            "gain-over-base",
            f"{here}.gain:GainOverBase",
            "what an energy adds to its base's log-density",
            "arXiv:2003.05033",
            needs={"model": ("sample",), "target": ("sample",)},
        ),
        Component("sampler", "ula", f"{here}.samplers:ULA", "unadjusted Langevin steps"),
        Component("sampler", "mala", f"{here}.samplers:MALA", "Langevin steps with a test"),
        Component("sampler", "hmc", f"{here}.samplers:HMC", "Hamiltonian Monte Carlo", "arXiv:1206.1901"),
        Component("sampler", "nuts", f"{here}.samplers:NUTS", "the no-U-turn sampler", "arXiv:1111.4246"),
        Component(
            "sampler",
            "parallel-tempering",
            f"{here}.samplers:ParallelTempering",
            "chains of flatter laws that exchange their points",
            "arXiv:1905.02939",
        ),
        Component(
            "sampler",
            "kinetic-langevin",
            f"{here}.samplers:KineticLangevin",
            "Langevin steps with momentum, by the splitting ABOBA",
            "arXiv:1203.5428",
        ),
    ]


@hook
def plan(plan: Any) -> list[Any]:
    """A base that is trained has a cost that is no mean over samples: then, and only then, parts are refused."""
    if plan.model.component.name != "gebm" or not plan.model.argument("train_base"):
        return []
    devices = plan.trainer.get("devices", 1)
    if plan.value("accumulate") == 1 and devices in (1, "1"):
        return []
    what = (
        "model.train_base: the base's cost is no mean over samples, so that a batch in parts gives another gradient:"
        f" got {plan.value('accumulate')} micro-batches on {devices} devices, expected one process and accumulate=1"
    )
    return list(UserError(what).problems)
