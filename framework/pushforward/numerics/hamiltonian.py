"""Kernels with momentum: Hamiltonian Monte Carlo, and kinetic Langevin steps that are exact on normal laws."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pushforward.numerics.kernels import Chain, LogDensity, start
from pushforward.randomness import Draw


@dataclass(frozen=True)
class Travelled:
    """Chains after some steps with momentum.

    Args:
        x: positions, (n, ...).
        momentum: in the shape of x.
        acceptance: mean probability of acceptance of each chain, (n,); one for a kernel without a test.
        non_finite: proposals that were refused because a number was not finite.
        gradients: evaluations of the gradient of each chain.
        step: the step at the end, which a warm-up may have changed.
    """

    x: Tensor
    momentum: Tensor
    acceptance: Tensor
    non_finite: int
    gradients: int
    step: float


def leapfrog(log_density: LogDensity, chain: Chain, momentum: Tensor, step: float, leaps: int) -> tuple[Chain, Tensor]:
    r"""Some leapfrog steps: reversible, of volume one, with one gradient each.

    .. math:: v \leftarrow v + \tfrac{h}{2} \nabla \log \pi(x), \quad x \leftarrow x + h v, \quad
        v \leftarrow v + \tfrac{h}{2} \nabla \log \pi(x)
    """
    for _ in range(leaps):
        momentum = momentum + step / 2 * chain.slope
        chain = start(log_density, chain.x + step * momentum)
        momentum = momentum + step / 2 * chain.slope
    return chain, momentum


def hamiltonian(
    log_density: LogDensity,
    x: Tensor,
    steps: int,
    step: float,
    draw: Draw,
    leaps: int = 8,
    warm_up: int = 0,
    wanted: float = 0.8,
) -> Travelled:
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
    """
    chain = start(log_density, x)
    momentum = torch.zeros_like(chain.x)
    taken = torch.zeros(len(x), dtype=x.dtype, device=x.device)
    non_finite, adapted = 0, _DualAverage(step, wanted)
    for i in range(warm_up + steps):
        h = adapted.step if i < warm_up else adapted.settled if warm_up else step
        kick = draw.normal(f"hmc-momentum-{i}", *x.shape[1:]).to(x.dtype)
        proposal, momentum = leapfrog(log_density, chain, kick, h, leaps)
        change = (proposal.log_density - chain.log_density) - 0.5 * (_squared(momentum) - _squared(kick))
        broken = change.isnan() | change.isposinf()
        chance = change.clamp(max=0.0).exp().masked_fill(broken, 0.0)
        accepted = draw.uniform(f"hmc-test-{i}").to(x.dtype) < chance
        chain = _chosen(accepted, proposal, chain)
        if i < warm_up:
            adapted.update(float(chance.mean()))
        else:
            taken, non_finite = taken + chance, non_finite + int(broken.sum())
    settled = adapted.settled if warm_up else step
    return Travelled(chain.x, momentum, taken / max(steps, 1), non_finite, 1 + (warm_up + steps) * leaps, settled)


def kinetic(
    log_density: LogDensity, x: Tensor, steps: int, step: float, draw: Draw, friction: float = 1.0
) -> Travelled:
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
    """
    x = x.detach()
    v = draw.normal("kinetic-momentum", *x.shape[1:]).to(x.dtype)
    decay = math.exp(-friction * step)
    for i in range(steps):
        x = x + step / 2 * v
        slope = start(log_density, x).slope
        v = decay * (v + step / 2 * slope)
        v = v + math.sqrt(1 - decay**2) * draw.normal(f"kinetic-noise-{i}", *x.shape[1:]).to(x.dtype) + step / 2 * slope
        x = x + step / 2 * v
    non_finite = int((~x.flatten(1).isfinite().all(1)).sum())
    return Travelled(x, v, torch.ones(len(x), dtype=x.dtype, device=x.device), non_finite, steps, step)


def step_that_is_taken(log_density: LogDensity, x: Tensor, step: float, draw: Draw, leaps: int = 1) -> float:
    """A step, by halving, at which more than half of the proposals of the chains at x would be taken."""
    chain = start(log_density, x)
    kick = draw.normal("trial-momentum", *x.shape[1:]).to(x.dtype)
    for _ in range(40):
        proposal, momentum = leapfrog(log_density, chain, kick, step, leaps)
        change = (proposal.log_density - chain.log_density) - 0.5 * (_squared(momentum) - _squared(kick))
        if float(change.nan_to_num(-math.inf).clamp(max=0.0).exp().mean()) > 0.5:
            break
        step /= 2
    return step


class _DualAverage:
    """Nesterov's dual averaging of the logarithm of a step, as by Hoffman and Gelman, with their constants."""

    def __init__(self, step: float, wanted: float) -> None:
        self.wanted, self.target = wanted, math.log(10 * step)
        self.step = self.settled = step
        self._count, self._error, self._log_settled = 0, 0.0, 0.0

    def update(self, acceptance: float) -> None:
        self._count += 1
        weight = 1 / (self._count + 10)
        self._error = (1 - weight) * self._error + weight * (self.wanted - acceptance)
        log_step = self.target - math.sqrt(self._count) / 0.05 * self._error
        share = self._count**-0.75
        self._log_settled = share * log_step + (1 - share) * self._log_settled
        self.step, self.settled = math.exp(log_step), math.exp(self._log_settled)


def _chosen(accepted: Tensor, proposal: Chain, chain: Chain) -> Chain:
    keep = accepted.view(-1, *[1] * (chain.x.ndim - 1))
    return Chain(
        torch.where(keep, proposal.x, chain.x),
        torch.where(accepted, proposal.log_density, chain.log_density),
        torch.where(keep, proposal.slope, chain.slope),
    )


def _squared(x: Tensor) -> Tensor:
    return x.flatten(1).square().sum(1)
