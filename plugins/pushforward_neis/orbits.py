"""Weights of the orbits of an exact map: unbiased with any number of steps, and nothing is learned."""

from __future__ import annotations

import math

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor

from pushforward import Draw, Estimate, Estimator, Flow, Target, UserError
from pushforward_neis.bases import Identity, base_of
from pushforward_neis.estimator import LogDensity
from pushforward_neis.steppers import FlowLayers, FrictionLeapfrog
from pushforward_neis.walkers import estimate_in_window, walkers_for
from pushforward_neis.window import Window


class FrictionOrbits(Estimator):
    r"""Weights of damped motions in the potential U, by leapfrog steps.

    .. math:: \dot x = p, \qquad \dot p = -\nabla U(x) - \gamma p, \qquad J_t = e^{-\gamma D t},
        \qquad (x, p) \sim \mathcal{N}(0, I)

    Friction lets walkers fall into the target, whose Jacobian is known without any computation. A leapfrog step is an
    exact map of phase space, so that the mean weight is Z however long the step is.

    Reference: Rotskoff, Vanden-Eijnden, "Dynamical Computation of the Density of States and Bayes Factors Using
    Nonequilibrium Importance Sampling", 2019, arXiv:1809.11132; Thin et al., "NEO: Non Equilibrium Sampling on the
    Orbit of a Deterministic Transform", 2021, arXiv:2103.10943.

    Args:
        friction: gamma, per unit of time.
        step: the length h of a leapfrog step; too long a step makes orbits run away where U is steep.
        steps: leapfrog steps of the window; a walker takes steps + 1 evaluations of U and four gradients a step.
        start: where the window begins, as a share of its length, from -1 to 0.

    Raises:
        UserError: if friction is negative, a window is none; when estimating, if the budget pays for no walker.
    """

    shared = True

    def __init__(
        self, friction: NonNegativeFloat = 1.0, step: PositiveFloat = 0.1, steps: PositiveInt = 20, start: float = 0.0
    ) -> None:
        if not friction >= 0:
            raise UserError(f"friction is {friction}: expected at least 0")
        self.friction, self.step, self.steps, self.start = friction, step, steps, start
        self.window = Window(steps, start, step * steps)

    def estimate(self, target: Target, budget: int, draw: Draw) -> Estimate:
        """As many walkers as the budget pays for; every gradient counts as one evaluation."""
        gradients = 4 * self.steps
        stepper = FrictionLeapfrog(lambda x: target.score(x).detach(), self.step, self.friction)
        walkers = walkers_for(budget, self.window.points + gradients)
        base = Identity((2 * math.prod(target.shape),))
        return estimate_in_window(with_momentum(target), base, stepper, self.window, walkers, draw, gradients)


class FlowOrbits(Estimator):
    r"""Weights of the orbits of a flow's own map: importance sampling from noise and what a flow makes of it.

    .. math:: A(x) = \sum_k \frac{w_k\, \rho_1(T^k x) J_k}{\sum_j w_j\, \rho_0(T^{k - j} x) J_{k - j}}

    With one step the walkers' law is the even mixture of the base and its image under T: where the flow has missed a
    mode that noise can reach, the weights stay bounded.

    Reference: Thin et al., "NEO: Non Equilibrium Sampling on the Orbit of a Deterministic Transform", 2021,
    arXiv:2103.10943.

    Args:
        flow: the map T, from noise to data in one space; unbiased where its inverse is exact.
        steps: how often it is applied.
        start: where the window begins, as a share of the steps, from -1 to 0.

    Raises:
        UserError: if a window is none; when estimating, if flow and target live in different spaces or the budget pays
            for no walker.
    """

    shared = True

    def __init__(self, flow: Flow, steps: PositiveInt = 1, start: float = 0.0) -> None:
        self.flow, self.steps, self.start = flow, steps, start
        self.window = Window(steps, start, float(steps))

    def estimate(self, target: Target, budget: int, draw: Draw) -> Estimate:
        """As many walkers as the budget pays for."""
        base_of(self.flow, target)
        if self.flow.domain != "reals":
            raise UserError(f"flow-orbits starts from N(0, I): its flow lives on the {self.flow.domain}, not the reals")
        walkers = walkers_for(budget, self.window.points)
        base = Identity(target.shape)
        return estimate_in_window(target.log_density, base, FlowLayers(self.flow), self.window, walkers, draw)


def with_momentum(target: Target) -> LogDensity:
    """log density of positions and standard normal momenta, (n, 2 D): its integral is that of the positions alone."""

    def log_density(state: Tensor) -> Tensor:
        position, momentum = state.chunk(2, 1)
        kinetic = 0.5 * (momentum.square().sum(1) + momentum.shape[1] * math.log(2 * math.pi))
        return target.log_density(position.reshape(-1, *target.shape)) - kinetic

    return log_density
