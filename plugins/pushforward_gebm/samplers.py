"""Markov kernels as components: where they move chains, how, and a word when nothing moves."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

from torch import Tensor

from pushforward import Doubt, Draw, RunFailed, Sampler, UserError
from pushforward.numerics.hamiltonian import (
    Propose,
    chance_at,
    compiled_proposal,
    hamiltonian,
    kinetic,
    reversible,
    step_that_is_taken,
)
from pushforward.numerics.kernels import Lost, Moved, Seen, langevin
from pushforward.numerics.no_u_turn import no_u_turn
from pushforward.numerics.slopes import LogDensity
from pushforward.numerics.tempering import inverse_temperatures, parallel_tempering

SELDOM = 0.1  # acceptance below which a chain hardly moves

Result = tuple[Tensor, dict[str, float]]


class ULA(Sampler):
    r"""The unadjusted Langevin algorithm.

    .. math:: x' = x + \tfrac{\gamma}{2} \nabla \log \pi(x) + \sqrt{\gamma}\, \xi

    Cheap and biased: on a normal law of precision p its variance is :math:`1 / (p (1 - \gamma p / 4))`. It has no test;
    where one would refuse nine steps of ten, it says so.

    Reference: Roberts, Tweedie, "Exponential Convergence of Langevin Distributions and Their Discrete Approximations",
    Bernoulli 2 (1996), 341-363.

    Args:
        step: gamma, in units of x squared.

    Raises:
        UserError: if the step is not above 0; when running, RunFailed if chains run off to infinity.
    """

    def __init__(self, step: float = 0.01) -> None:
        _above_zero("ula", step=step)
        self.step = step

    def run(self, log_density: LogDensity, x: Tensor, steps: int, draw: Draw, seen: Seen | None = None) -> Result:
        """Rows after `steps` moves."""
        size = math.sqrt(self.step)
        moved = _unless_lost(
            lambda: langevin(log_density, x, steps, self.step, draw, "ula", seen=seen),
            lambda: step_that_is_taken(log_density, x, size, draw) ** 2,
        )
        _look_at_bias("ula", log_density, moved, size, draw, lambda better: better**2)
        return moved.x, _facts(moved, steps)


class MALA(Sampler):
    r"""The Metropolis-adjusted Langevin algorithm: exact for every step.

    .. math:: x' = x + \tfrac{\gamma}{2} \nabla \log \pi(x) + \sqrt{\gamma}\, \xi, \text{ then a test}

    Reference: Roberts, Tweedie, "Exponential Convergence of Langevin Distributions and Their Discrete Approximations",
    Bernoulli 2 (1996), 341-363.

    Args:
        step: gamma, in units of x squared; where a warm-up begins. 50 to 70 % acceptance is a good one.
        warm_up: proposals before, which are discarded and find the step; 0 keeps it.
        wanted: the acceptance that the warm-up aims at.

    Raises:
        UserError: if a number is out of range.
    """

    def __init__(self, step: float = 0.5, warm_up: int = 0, wanted: float = 0.574) -> None:
        _above_zero("mala", step=step)
        _adapts("mala", warm_up, wanted)
        self.step, self.warm_up, self.wanted = step, warm_up, wanted

    def run(self, log_density: LogDensity, x: Tensor, steps: int, draw: Draw, seen: Seen | None = None) -> Result:
        """Rows after `steps` proposals."""
        moved = langevin(log_density, x, steps, self.step, draw, "mala", self.warm_up, self.wanted, seen)
        facts = _facts(moved, steps)
        if facts["acceptance"] < SELDOM:
            better = step_that_is_taken(log_density, x, math.sqrt(moved.step), draw) ** 2
            _warn("mala", facts["acceptance"], moved.step, better)
        return moved.x, facts


class HMC(Sampler):
    r"""Hamiltonian Monte Carlo: exact, with proposals far away.

    .. math:: H(x, v) = -\log \pi(x) + \tfrac12 |v|^2

    Each proposal is some leapfrog steps with one gradient each. A warm-up, which is no part of the facts, can find
    the step. On laws of many small operations most of the time goes into calling them: `compile` makes one function of
    a proposal, several times faster after some seconds once.

    Reference: Neal, "MCMC Using Hamiltonian Dynamics", 2011, arXiv:1206.1901.

    Args:
        step: h, in units of x; where a warm-up begins.
        leaps: leapfrog steps of a proposal.
        warm_up: proposals before, which are discarded and find the step by dual averaging of all chains' acceptance;
            0 keeps it.
        wanted: the acceptance that the warm-up aims at.
        compile: have torch compile a proposal; it needs a C++ compiler, and a log-density that torch can trace.

    Raises:
        UserError: if a number is out of range; when running, if torch cannot compile.
    """

    def __init__(
        self, step: float = 0.2, leaps: int = 8, warm_up: int = 0, wanted: float = 0.8, compile: bool = False
    ) -> None:
        _above_zero("hmc", step=step, leaps=leaps)
        _adapts("hmc", warm_up, wanted)
        self.step, self.leaps, self.warm_up, self.wanted, self.compile = step, leaps, warm_up, wanted, compile
        self._known: tuple[LogDensity, Propose] | None = None

    def run(self, log_density: LogDensity, x: Tensor, steps: int, draw: Draw, seen: Seen | None = None) -> Result:
        """Rows after `steps` proposals."""
        propose = self._compiled(log_density) if self.compile else None
        moved = hamiltonian(
            log_density, x, steps, self.step, draw, self.leaps, self.warm_up, self.wanted, seen, propose
        )
        facts = _facts(moved, steps)
        if facts["acceptance"] < SELDOM:
            better = step_that_is_taken(log_density, x, moved.step, draw, self.leaps)
            _warn("hmc", facts["acceptance"], moved.step, better)
        return moved.x, facts

    def _compiled(self, log_density: LogDensity) -> Propose:
        if self._known is None or self._known[0] != log_density:
            self._known = log_density, compiled_proposal(log_density, self.leaps)
        return self._known[1]


class NUTS(Sampler):
    r"""The no-U-turn sampler: Hamiltonian trajectories as long as they move away.

    .. math:: H(x, v) = -\log \pi(x) + \tfrac12 |v|^2

    Where the right number of leapfrog steps is not known, or differs from place to place. The trajectories of all
    chains double together, so that a step costs what the longest of them does.

    Reference: Hoffman, Gelman, "The No-U-Turn Sampler", 2014, arXiv:1111.4246; Betancourt, "A Conceptual Introduction
    to Hamiltonian Monte Carlo", 2017, arXiv:1701.02434.

    Args:
        step: h, in units of x; where a warm-up begins.
        depth: doublings at most, so that a trajectory has up to 2^depth leapfrog steps.
        warm_up: trajectories before, which are discarded and find the step; 0 keeps it.
        wanted: the mean acceptance along trajectories that the warm-up aims at.

    Raises:
        UserError: if a number is out of range.
    """

    def __init__(self, step: float = 0.2, depth: int = 8, warm_up: int = 0, wanted: float = 0.8) -> None:
        _above_zero("nuts", step=step, depth=depth)
        _adapts("nuts", warm_up, wanted)
        self.step, self.depth, self.warm_up, self.wanted = step, depth, warm_up, wanted

    def run(self, log_density: LogDensity, x: Tensor, steps: int, draw: Draw, seen: Seen | None = None) -> Result:
        """Rows after `steps` trajectories."""
        moved = no_u_turn(log_density, x, steps, self.step, draw, self.depth, self.warm_up, self.wanted, seen)
        facts = _facts(moved, steps)
        if facts["acceptance"] < SELDOM:
            better = step_that_is_taken(log_density, x, moved.step, draw, 4)
            _warn("nuts", facts["acceptance"], moved.step, better)
        return moved.x, facts


class KineticLangevin(Sampler):
    r"""Kinetic Langevin dynamics by the splitting ABOBA.

    .. math:: dx = v\, dt, \qquad dv = \nabla \log \pi(x)\, dt - \kappa v\, dt + \sqrt{2 \kappa}\, dW

    Without a test; yet the law of the position is exact on normal laws for every step h with h^2 p < 4, so that its
    bias is small wherever a law is nearly normal. Where a test would refuse nine steps of ten, it says so.

    Reference: Leimkuhler, Matthews, "Rational Construction of Stochastic Numerical Methods for Molecular Sampling",
    2013, arXiv:1203.5428.

    Args:
        step: h, in units of x.
        friction: kappa.

    Raises:
        UserError: if a number is not above 0; when running, RunFailed if chains run off to infinity.
    """

    def __init__(self, step: float = 0.2, friction: float = 1.0) -> None:
        _above_zero("kinetic-langevin", step=step, friction=friction)
        self.step, self.friction = step, friction

    def run(self, log_density: LogDensity, x: Tensor, steps: int, draw: Draw, seen: Seen | None = None) -> Result:
        """Rows after `steps` moves."""
        moved = _unless_lost(
            lambda: kinetic(log_density, x, steps, self.step, draw, self.friction, seen),
            lambda: step_that_is_taken(log_density, x, self.step, draw),
        )
        _look_at_bias("kinetic-langevin", log_density, moved, self.step, draw, lambda better: better)
        return moved.x, _facts(moved, steps)


class ParallelTempering(Sampler):
    r"""Parallel tempering: Hamiltonian chains of ever flatter powers of a law, which exchange their points.

    .. math:: \pi_k \propto \pi^{\beta_k}, \qquad 1 = \beta_1 > \dots > \beta_K

    For modes so far apart that no chain at beta = 1 would cross. Only the points at beta = 1 come out, and they are of
    the law itself. The powers must be laws, too: a log-density that is bounded far away has none.

    Reference: Syed, Bouchard-Cote, Deligiannidis, Doucet, "Non-Reversible Parallel Tempering", 2019, arXiv:1905.02939.

    Args:
        temperatures: how many, K; each costs as much as a chain.
        hottest: the smallest inverse temperature; the others lie between it and 1 in equal ratios.
        step: h at beta = 1, in units of x; elsewhere it is h over the root of beta. Where a warm-up begins.
        leaps: leapfrog steps of a proposal.
        warm_up: steps before, which are discarded and find h; 0 keeps it.
        wanted: the acceptance that the warm-up aims at.

    Raises:
        UserError: if a number is out of range.
    """

    def __init__(
        self,
        temperatures: int = 6,
        hottest: float = 0.05,
        step: float = 0.2,
        leaps: int = 4,
        warm_up: int = 0,
        wanted: float = 0.8,
    ) -> None:
        _above_zero("parallel-tempering", step=step, leaps=leaps)
        _adapts("parallel-tempering", warm_up, wanted)
        if temperatures < 2 or not 0 < hottest < 1:
            raise UserError(
                f"parallel-tempering: temperatures is {temperatures}, hottest {hottest}: expected at least 2, and an"
                " inverse temperature between 0 and 1"
            )
        self.temperatures, self.hottest, self.step, self.leaps = temperatures, hottest, step, leaps
        self.warm_up, self.wanted = warm_up, wanted

    def run(self, log_density: LogDensity, x: Tensor, steps: int, draw: Draw, seen: Seen | None = None) -> Result:
        """Rows after `steps` proposals at each temperature; `swaps` is the least mean acceptance of exchanges."""
        betas = inverse_temperatures(self.temperatures, self.hottest)
        moved = parallel_tempering(
            log_density, x, steps, self.step, draw, betas, self.leaps, self.warm_up, self.wanted, seen
        )
        facts = _facts(moved, steps)
        facts["swaps"] = min(moved.swaps) if steps > 1 else 1.0
        if facts["acceptance"] < SELDOM:
            better = step_that_is_taken(log_density, x, moved.step, draw, self.leaps)
            _warn("parallel-tempering", facts["acceptance"], moved.step, better)
        if facts["swaps"] < SELDOM:
            warnings.warn(
                f"parallel-tempering: two temperatures exchange only {facts['swaps']:.1%} of the time: try"
                f" temperatures={2 * self.temperatures}",
                Doubt,
                stacklevel=2,
            )
        return moved.x, facts


def _facts(moved: Moved, steps: int) -> dict[str, float]:
    acceptance = float(moved.acceptance.mean()) if steps and len(moved.x) else 1.0
    return {
        "acceptance": acceptance,
        "non_finite": moved.non_finite,
        "gradients": moved.gradients,
        "step": moved.step,
    }


def _above_zero(name: str, **numbers: float) -> None:
    wrong = [f"{what} is {value}" for what, value in numbers.items() if not value > 0]
    if wrong:
        raise UserError(f"{name}: {', '.join(wrong)}: expected a number above 0")


def _adapts(name: str, warm_up: int, wanted: float) -> None:
    if warm_up < 0 or not 0 < wanted < 1:
        raise UserError(
            f"{name}: warm_up is {warm_up}, wanted {wanted}: expected at least 0, and a share between 0 and 1"
        )


def _unless_lost(run: Callable[[], Moved], better: Callable[[], float]) -> Moved:
    """Run a kernel without a test; where its chains run off, suggest a step that a test would take where they began."""
    try:
        return run()
    except Lost as error:
        raise RunFailed(f"{error}; try step={better():.2g}") from error


def _look_at_bias(
    name: str, log_density: LogDensity, moved: Moved, size: float, draw: Draw, unit: Callable[[float], float]
) -> None:
    """Warn where a test would refuse the steps of a kernel that has none, there or back."""
    if not len(moved.x):
        return
    chance = chance_at(log_density, moved.x, size, draw, chance=reversible)
    if chance < SELDOM:
        better = unit(step_that_is_taken(log_density, moved.x, size, draw, chance=reversible))
        warnings.warn(
            f"{name}: a test would take only {chance:.1%} of the steps at step {unit(size):.3g}, so that the law of"
            f" the chains is far off: try step={better:.2g}",
            Doubt,
            stacklevel=3,
        )


def _warn(name: str, acceptance: float, step: float, better: float) -> None:
    warnings.warn(
        f"{name}: only {acceptance:.1%} of proposals were taken at step {step:.3g}: try step={better:.2g}",
        Doubt,
        stacklevel=3,
    )
