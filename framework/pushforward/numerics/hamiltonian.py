"""Kernels with momentum: Hamiltonian Monte Carlo, and kinetic Langevin steps that are exact on normal laws."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pushforward.numerics.adaptation import DualAverage
from pushforward.numerics.kernels import (
    Chain,
    Moved,
    Seen,
    begin,
    metropolis,
    refuse_lost,
    refuse_runaway,
    start,
    tested,
)
from pushforward.numerics.slopes import LogDensity, slope_at, traceable
from pushforward.problem import UserError
from pushforward.randomness import Draw

Propose = Callable[[Chain, Tensor, Tensor, float], tuple[Chain, Tensor, Tensor]]  # chains, momenta, luck and step
Chance = Callable[[Tensor], Tensor]  # from the change of a log-weight
AT_ONCE = 10  # leapfrog steps that are compiled into one function


def leapfrog(
    log_density: LogDensity, chain: Chain, momentum: Tensor, step: Tensor | float, leaps: int
) -> tuple[Chain, Tensor]:
    r"""Some leapfrog steps: reversible, of volume one, with one gradient each.

    .. math:: v \leftarrow v + \tfrac{h}{2} \nabla \log \pi(x), \quad x \leftarrow x + h v, \quad
        v \leftarrow v + \tfrac{h}{2} \nabla \log \pi(x)

    Args:
        log_density: (n, ...) to (n,), up to a constant.
        chain: where the chains are.
        momentum: in the shape of their positions.
        step: h, or one for each chain, in a shape that multiplies positions; below 0 goes back.
        leaps: how many; two half kicks that meet are one.
    """
    momentum = _along(momentum, chain.slope, step / 2)
    x = _along(chain.x, momentum, step)
    for _ in range(leaps - 1):
        momentum = _along(momentum, slope_at(log_density, x), step)
        x = _along(x, momentum, step)
    chain = start(log_density, x)
    return chain, _along(momentum, chain.slope, step / 2)


def proposal_of(log_density: LogDensity, leaps: int) -> Propose:
    """A proposal of Hamiltonian Monte Carlo with its test, as a function of chains, momenta, luck and step."""

    def propose(chain: Chain, kick: Tensor, uniform: Tensor, step: Tensor | float) -> tuple[Chain, Tensor, Tensor]:
        proposal, momentum = leapfrog(log_density, chain, kick, step, leaps)
        return metropolis(proposal, chain, _change(proposal, momentum, chain, kick), uniform)

    return propose


def compiled_proposal(log_density: LogDensity, leaps: int) -> Propose:
    """The same, compiled by torch when it is first called, and again for every new shape.

    Raises:
        UserError: when called, if torch cannot compile it.
    """
    both = traceable(log_density)

    @torch.compile(dynamic=False)
    def travelled(x: Tensor, momentum: Tensor, slope: Tensor, step: Tensor, count: int) -> tuple[Tensor, ...]:
        values = slope
        momentum = momentum + step / 2 * slope
        for i in range(count):
            x = x + step * momentum
            values, slope = both(x)
            momentum = momentum + (step if i < count - 1 else step / 2) * slope
        return x, momentum, values, slope

    @torch.compile(dynamic=False)
    def judged(proposal: Chain, momentum: Tensor, chain: Chain, kick: Tensor, uniform: Tensor) -> tuple[Any, ...]:
        runaway = proposal.log_density.isposinf().any()
        return *tested(proposal, chain, _change(proposal, momentum, chain, kick), uniform), runaway

    def propose(chain: Chain, kick: Tensor, uniform: Tensor, step: Tensor | float) -> tuple[Chain, Tensor, Tensor]:
        h = torch.as_tensor(step, dtype=kick.dtype, device=kick.device)
        proposal, momentum = chain, kick
        try:
            with torch.no_grad():
                for first in range(0, leaps, AT_ONCE):
                    count = min(AT_ONCE, leaps - first)
                    x, momentum, values, slope = travelled(proposal.x, momentum, proposal.slope, h, count)
                    proposal = Chain(x, values, slope)
                after, chance, broken, runaway = judged(proposal, momentum, chain, kick, uniform)
        except (torch._dynamo.exc.TorchDynamoException, torch._inductor.exc.InductorError) as error:
            reason = str(error).strip().splitlines()[0]
            raise UserError(f"torch cannot compile this log-density: {reason}; leave `compile` out") from error
        if bool(runaway):
            refuse_runaway(proposal)
        return Chain(*after), chance, broken

    return propose


def hamiltonian(
    log_density: LogDensity,
    x: Tensor,
    steps: int,
    step: float,
    draw: Draw,
    leaps: int = 8,
    warm_up: int = 0,
    wanted: float = 0.8,
    seen: Seen | None = None,
    propose: Propose | None = None,
) -> Moved:
    r"""Hamiltonian Monte Carlo with unit mass: exact, by a test on the energy after some leapfrog steps.

    .. math:: \alpha = \min\bigl(1, e^{H(x, v) - H(x', v')}\bigr), \qquad H = -\log \pi(x) + \tfrac12 |v|^2

    The warm-up comes first and is no part of the chain's facts; in it the step follows the mean acceptance of all
    chains by dual averaging. One gradient is taken a leapfrog step, and none at a point that is known.

    Reference: Neal, "MCMC Using Hamiltonian Dynamics", 2011, arXiv:1206.1901; the warm-up is that of Hoffman, Gelman,
    "The No-U-Turn Sampler", 2014, arXiv:1111.4246, section 3.2.

    Args:
        log_density: (n, ...) to (n,), up to a constant.
        x: where the chains begin, (n, ...).
        steps: proposals after the warm-up.
        step: h, in units of x; where the warm-up begins.
        draw: randomness for as many samples as there are chains.
        leaps: leapfrog steps of a proposal.
        warm_up: proposals that adapt the step.
        wanted: the acceptance that the warm-up aims at.
        seen: told where the chains are after every proposal that counts.
        propose: a proposal where it is compiled; None means that it is not.

    Raises:
        RunFailed: if a chain begins at a point that is not finite, or the log-density has no bound.
    """
    propose = propose or proposal_of(log_density, leaps)
    chain = begin(log_density, x)
    chances = torch.zeros(len(x), dtype=x.dtype, device=x.device)
    refused = torch.zeros(len(x), dtype=torch.int64, device=x.device)
    adapted = DualAverage(step, wanted)
    for i in range(warm_up + steps):
        if warm_up:
            step = adapted.step if i < warm_up else adapted.settled
        kick = draw.normal(f"hmc-momentum-{i}", *x.shape[1:]).to(x.dtype)
        uniform = draw.uniform(f"hmc-test-{i}").to(x.dtype)
        chain, chance, broken = propose(chain, kick, uniform, step)
        if i < warm_up:
            adapted.update(float(chance.mean()) if len(x) else wanted)
            continue
        chances, refused = chances + chance, refused + broken
        if seen is not None:
            seen(chain.x)
    gradients = 1 + (warm_up + steps) * leaps
    return Moved(chain.x, chances / max(steps, 1), int(refused.sum()), gradients, step)


def kinetic(
    log_density: LogDensity,
    x: Tensor,
    steps: int,
    step: float,
    draw: Draw,
    friction: float = 1.0,
    seen: Seen | None = None,
) -> Moved:
    r"""Kinetic Langevin steps by the splitting ABOBA: half a drift, half a kick, friction with noise, and back.

    .. math:: x \leftarrow x + \tfrac{h}{2} v, \quad v \leftarrow v + \tfrac{h}{2} \nabla \log \pi(x), \quad
        v \leftarrow e^{-\kappa h} v + \sqrt{1 - e^{-2 \kappa h}}\, \xi, \quad
        v \leftarrow v + \tfrac{h}{2} \nabla \log \pi(x), \quad x \leftarrow x + \tfrac{h}{2} v

    Without a test, and so biased in general; but for the normal law of precision p the variance of the position is
    1 / p for every h with h^2 p < 4, and that of the momentum 1 / (1 - h^2 p / 4).

    Reference: Leimkuhler, Matthews, "Rational Construction of Stochastic Numerical Methods for Molecular Sampling",
    2013, arXiv:1203.5428.

    Args:
        log_density: (n, ...) to (n,), up to a constant.
        x: where the chains begin, (n, ...); momenta begin at a standard normal law.
        steps: how many.
        step: h, in units of x.
        draw: randomness for as many samples as there are chains.
        friction: kappa.
        seen: told where the chains are after every step.

    Raises:
        RunFailed: if a chain begins or ends at a point that is not finite, or the log-density has no bound.
    """
    x = begin(log_density, x).x
    v = draw.normal("kinetic-momentum", *x.shape[1:]).to(x.dtype)
    decay = math.exp(-friction * step)
    for i in range(steps):
        x = x + step / 2 * v
        chain = start(log_density, x)
        refuse_runaway(chain)
        kick = step / 2 * chain.slope
        noise = draw.normal(f"kinetic-noise-{i}", *x.shape[1:]).to(x.dtype)
        v = decay * (v + kick) + math.sqrt(1 - decay**2) * noise + kick
        x = x + step / 2 * v
        if seen is not None:
            seen(x)
    refuse_lost(x, step)
    return Moved(x, torch.ones(len(x), dtype=x.dtype, device=x.device), 0, 1 + steps, step, v)


def taken(change: Tensor) -> Tensor:
    """The chance that a test gives a proposal whose log-weight changes by so much."""
    return change.nan_to_num(-math.inf, neginf=-math.inf).clamp(max=0.0).exp()


def reversible(change: Tensor) -> Tensor:
    """The lesser of the chances of a proposal and of its way back: small where a kernel without a test is far off."""
    return taken(-change.abs())


def chance_at(
    log_density: LogDensity, x: Tensor, step: float, draw: Draw, leaps: int = 1, chance: Chance = taken
) -> float:
    """Mean chance of a proposal of some leapfrog steps from x."""
    chain = start(log_density, x)
    kick = draw.normal("trial-momentum", *x.shape[1:]).to(x.dtype)
    proposal, momentum = leapfrog(log_density, chain, kick, step, leaps)
    return float(chance(_change(proposal, momentum, chain, kick)).mean())


def step_that_is_taken(
    log_density: LogDensity, x: Tensor, step: float, draw: Draw, leaps: int = 1, chance: Chance = taken
) -> float:
    """A step, by halving, at which the mean chance of proposals of the chains at x would be above a half."""
    for _ in range(60):
        if chance_at(log_density, x, step, draw, leaps, chance) > 0.5:
            break
        step /= 2
    return step


def _change(proposal: Chain, momentum: Tensor, chain: Chain, kick: Tensor) -> Tensor:
    """By how much the log-weight exp(-H) has changed, (n,)."""
    return (proposal.log_density - chain.log_density) - 0.5 * (_squared(momentum) - _squared(kick))


def _along(x: Tensor, direction: Tensor, step: Tensor | float) -> Tensor:
    """x + step direction, in one pass."""
    if isinstance(step, Tensor):
        return torch.addcmul(x, step, direction)
    return torch.add(x, direction, alpha=step)


def _squared(x: Tensor) -> Tensor:
    return x.flatten(1).square().sum(1)
