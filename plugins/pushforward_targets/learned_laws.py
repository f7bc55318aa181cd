"""What a model has learned, as the density of an estimator or a sampler: a trained flow, or a trained energy."""

from __future__ import annotations

import copy
import math
from typing import TypeVar

from torch import Tensor, nn

from pushforward import Draw, Energy, Flow, Target, UserError
from pushforward_targets.endless import Endless

Module = TypeVar("Module", bound=nn.Module)


class FlowLaw(Endless):
    r"""The law of a flow, such as one that another recipe has trained: `flow: {use: trained, recipe: moons/nsf}`.

    .. math:: \log p(x) = \log \pi(T^{-1}(x)) + \log |\det \partial T^{-1} / \partial x|, \qquad \log Z = 0

    For estimators that should find 0 on a density that no formula says, and for distilling one model into another. It
    is computed in float64.

    Args:
        flow: the flow, which is copied and stays as it is.

    Raises:
        UserError: if the flow wants a class.
    """

    def __init__(self, flow: Flow) -> None:
        if flow.conditional:
            raise UserError("flow-law: this flow wants a class, and a target has one law: train it without classes")
        self.flow = _exact(flow)
        self.shape, self.domain, self.log_z = tuple(flow.shape), flow.domain, 0.0

    def _points(self, draw: Draw) -> Tensor:
        self.flow.to(draw.device)
        noise = self.flow.sample_base(draw)
        return self.flow.to_data(noise.double())[0].detach().to(noise)

    def log_density(self, x: Tensor) -> Tensor:
        """log p(x), (n,)."""
        density: Tensor = self.flow.to(x.device).log_density(x.double())
        return density.to(x)


class EnergyLaw(Target):
    r"""The density of an energy, alone or on a base, such as `energy: {use: trained, recipe: rings/ebm}`.

    .. math:: e^{-U(x)} = e^{-E(x)} \quad \text{or} \quad e^{-E(x)}\, G(x)

    For the log-partition that an energy-based model leaves unknown. A generalised energy on a flow G needs that flow,
    too: `base: {use: trained, recipe: ...}`, the same as in its own recipe. It is computed in float64.

    Args:
        energy: E, which is copied and stays as it is.
        base: the flow G; None means none, and then the energy must grow at infinity for Z to be finite.
        dimension: D, the numbers of a point; None means as many as base or energy say.

    Raises:
        UserError: if the base wants a class, or nothing says how many numbers a point has.
    """

    def __init__(self, energy: Energy, base: Flow | None = None, dimension: int | None = None) -> None:
        self.energy, self.base, self.dimension = _exact(energy), None, dimension
        if base is not None:
            if base.conditional:
                raise UserError(
                    "energy-law: the base wants a class, and a target has one law: take one without classes"
                )
            self.base, self.domain = _exact(base), base.domain
        shape = (dimension,) if dimension is not None else getattr(base if base is not None else energy, "shape", None)
        if shape is None:
            raise UserError(f"energy-law: {type(energy).__name__} does not say its shape: give dimension")
        if base is not None and math.prod(shape) != math.prod(base.shape):
            raise UserError(f"energy-law: dimension is {dimension}, and the base is of shape {tuple(base.shape)}")
        self.shape = tuple(shape)

    def log_density(self, x: Tensor) -> Tensor:
        """-U(x), (n,)."""
        exact = x.double()
        density: Tensor = -self.energy.to(x.device)(exact)
        if self.base is not None:
            density = density + self.base.to(x.device).log_density(exact)
        return density.to(x)


def _exact(module: Module) -> Module:
    """A copy in float64 that does not learn."""
    return copy.deepcopy(module).double().eval().requires_grad_(False)
