"""Langevin kernels: how points move so that their law becomes a given density, with or without an exact correction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from pushforward.numerics.adaptation import DualAverage
from pushforward.numerics.slopes import LogDensity, value_and_slope
from pushforward.problem import RunFailed
from pushforward.randomness import Draw

Seen = Callable[[Tensor], None]  # told where the chains are, (n, ...), after every step that counts
Kernel = Literal["mala", "ula"]


class Chain(NamedTuple):
    """Where every chain is, and what is known there.

    Attributes:
        x: positions, (n, ...), one chain a row.
        log_density: of the law to be sampled, up to a constant, (n,).
        slope: its gradient, in the shape of x.
    """

    x: Tensor
    log_density: Tensor
    slope: Tensor


@dataclass(frozen=True)
class Moved:
    """Chains after some steps.

    Args:
        x: positions, (n, ...).
        acceptance: mean probability of acceptance of each chain after the warm-up, (n,); one throughout for a kernel
            without a test.
        non_finite: proposals after the warm-up at which the log-density was NaN or its gradient not finite: a test
            refuses them. A density of zero, a log-density of minus infinity, is none of these.
        gradients: evaluations of the gradient of each chain, the warm-up included.
        step: the step at the end, which a warm-up may have changed.
        momentum: in the shape of x, for kernels that have one.
        swaps: the share of exchanges taken between each temperature and the next, for kernels that have several.
    """

    x: Tensor
    acceptance: Tensor
    non_finite: int
    gradients: int
    step: float
    momentum: Tensor | None = None
    swaps: tuple[float, ...] = ()


def start(log_density: LogDensity, x: Tensor) -> Chain:
    """Chains at x; only the gradient in x is taken, so that no parameter's gradient is touched."""
    value, slope = value_and_slope(log_density, x)
    return Chain(x.detach(), value, slope)


def begin(log_density: LogDensity, x: Tensor) -> Chain:
    """Chains at x, which must be places where a chain can begin.

    Raises:
        RunFailed: if a row of x or its log-density is NaN or infinite; a density of zero is left by the first move.
    """
    chain = start(log_density, x)
    lost = ~_finite_rows(chain.x) | chain.log_density.isnan()
    if bool(lost.any()):
        row = int(lost.nonzero()[0])
        where = "its point is not finite" if not bool(_finite_rows(chain.x)[row]) else "its log-density is NaN there"
        raise RunFailed(f"chain {row} cannot begin: {where} ({int(lost.sum())} of {len(x)} chains)")
    refuse_runaway(chain)
    return chain


def refuse_runaway(chain: Chain) -> None:
    """Stop where a log-density is plus infinity: it has no bound there, and chains run to it.

    Raises:
        RunFailed: naming the chain and how far away it is.
    """
    lost = chain.log_density.isposinf()
    if bool(lost.any()):
        row = int(lost.nonzero()[0])
        raise RunFailed(
            f"the log-density is infinite where chain {row} arrived, at |x| = {float(chain.x[row].norm()):.3g}: the"
            " energy runs off to minus infinity; bound it, or penalise its slope"
        )


class Lost(RunFailed):
    """Chains of a kernel without a test are no longer at finite points."""


def refuse_lost(x: Tensor, step: float) -> None:
    """Stop where a kernel without a test has carried chains to points that are not finite.

    Raises:
        Lost: with how many, and the step.
    """
    lost = ~_finite_rows(x)
    if bool(lost.any()):
        raise Lost(
            f"{int(lost.sum())} of {len(x)} chains ran off to infinity at step {step:.3g}: take a smaller step, a"
            " kernel with a test (mala, hmc, nuts), or a log-density that falls at infinity"
        )


def ula_step(log_density: LogDensity, chain: Chain, step: float, noise: Tensor) -> Chain:
    r"""One unadjusted Langevin step.

    .. math:: x' = x + \tfrac{\gamma}{2} \nabla \log \pi(x) + \sqrt{\gamma}\, \xi

    Its stationary law is not quite :math:`\pi`: for the normal law of precision p its variance is
    :math:`1 / (p (1 - \gamma p / 4))`.
    """
    return start(log_density, _ahead(chain, step) + step**0.5 * noise)


def mala_step(
    log_density: LogDensity, chain: Chain, step: float, noise: Tensor, uniform: Tensor
) -> tuple[Chain, Tensor, Tensor]:
    r"""One Metropolis-adjusted Langevin step, which leaves :math:`\pi` exactly invariant.

    .. math:: \log \alpha = \log \frac{\pi(x')}{\pi(x)} +
        \frac{|x' - x - \frac{\gamma}{2} \nabla \log \pi(x)|^2 -
              |x - x' - \frac{\gamma}{2} \nabla \log \pi(x')|^2}{2 \gamma}

    Reference: Roberts, Tweedie, "Exponential Convergence of Langevin Distributions and Their Discrete Approximations",
    Bernoulli 2 (1996), 341-363.

    Args:
        log_density: of the law, up to a constant.
        chain: where the chains are.
        step: gamma, in units of x squared.
        noise: standard normal numbers in the shape of x.
        uniform: uniform numbers in [0, 1), (n,).

    Returns:
        The new chain; each chance of acceptance, (n,); at which proposals a number was not finite, (n,).
    """
    proposal = ula_step(log_density, chain, step, noise)
    back = chain.x - _ahead(proposal, step)
    log_ratio = proposal.log_density - chain.log_density
    log_ratio = log_ratio + (step * _squared(noise) - _squared(back)) / (2 * step)
    return metropolis(proposal, chain, log_ratio, uniform)


def langevin(
    log_density: LogDensity,
    x: Tensor,
    steps: int,
    step: float,
    draw: Draw,
    kernel: Kernel = "mala",
    warm_up: int = 0,
    wanted: float = 0.574,
    seen: Seen | None = None,
) -> Moved:
    """Move every row of x by `steps` steps; row i of the draw is the randomness of chain i.

    Args:
        log_density: (n, ...) to (n,), up to a constant.
        x: where the chains begin, (n, ...).
        steps: how many steps after the warm-up.
        step: gamma, in units of x squared; where the warm-up begins.
        draw: randomness for as many samples as there are chains.
        kernel: `mala`, exact; `ula`, without the test and with a bias of the order of the step.
        warm_up: steps before, which are no part of the facts; those of `mala` adapt gamma to the mean acceptance of
            all chains.
        wanted: the acceptance that the warm-up aims at; .574 is best in many dimensions.
        seen: told where the chains are after every step that counts.

    Raises:
        RunFailed: if a chain begins or ends at a point that is not finite, or the log-density has no bound.

    Example:
        >>> moved = langevin(lambda x: -x.square().sum(1) / 2, torch.zeros(500, 1), 20, 1.0, Draw(0, (), 500))
        >>> bool(abs(moved.x.var() - 1) < 0.2), bool(moved.acceptance.mean() > 0.8)
        (True, True)
    """
    chain = begin(log_density, x)
    taken = torch.zeros(len(x), dtype=x.dtype, device=x.device)
    non_finite, adapted = 0, DualAverage(step, wanted)
    for i in range(warm_up + steps):
        if kernel == "mala" and warm_up:
            step = adapted.step if i < warm_up else adapted.settled
        noise = draw.normal(f"{kernel}-noise-{i}", *x.shape[1:]).to(x.dtype)
        if kernel == "ula":
            chain = ula_step(log_density, chain, step, noise)
            refuse_runaway(chain)
            chance, broken = torch.ones_like(taken), _broken(chain)
        else:
            uniform = draw.uniform(f"{kernel}-test-{i}").to(x.dtype)
            chain, chance, broken = mala_step(log_density, chain, step, noise, uniform)
        if i < warm_up:
            adapted.update(float(chance.mean()) if len(x) else wanted)
            continue
        taken, non_finite = taken + chance, non_finite + int(broken.sum())
        if seen is not None:
            seen(chain.x)
    if kernel == "ula":
        refuse_lost(chain.x, step)
    return Moved(chain.x, taken / max(steps, 1), non_finite, 1 + warm_up + steps, step)


def metropolis(proposal: Chain, chain: Chain, log_ratio: Tensor, uniform: Tensor) -> tuple[Chain, Tensor, Tensor]:
    """The test of Metropolis and Hastings: proposals that are not finite are refused.

    Args:
        proposal: where the chains would go.
        chain: where they are.
        log_ratio: logarithm of the ratio of detailed balance, (n,).
        uniform: uniform numbers in [0, 1), (n,).

    Returns:
        The new chain; each chance of acceptance, (n,); at which proposals a number was not finite, (n,).

    Raises:
        RunFailed: if the log-density of a proposal is plus infinity.
    """
    refuse_runaway(proposal)
    return tested(proposal, chain, log_ratio, uniform)


def tested(proposal: Chain, chain: Chain, log_ratio: Tensor, uniform: Tensor) -> tuple[Chain, Tensor, Tensor]:
    """The same where no log-density is plus infinity: a function of tensors alone."""
    broken = _broken(proposal)
    chance = log_ratio.clamp(max=0.0).exp().masked_fill(broken, 0.0).nan_to_num(0.0)  # -inf less -inf: no way out
    accepted = uniform < chance
    keep = accepted.view(-1, *[1] * (chain.x.ndim - 1))
    moved = Chain(
        torch.where(keep, proposal.x, chain.x),
        torch.where(accepted, proposal.log_density, chain.log_density),
        torch.where(keep, proposal.slope, chain.slope),
    )
    return moved, chance, broken


def _ahead(chain: Chain, step: float) -> Tensor:
    """The mean of the next proposal."""
    return chain.x + step / 2 * chain.slope


def _broken(chain: Chain) -> Tensor:
    value = chain.log_density
    return value.isnan() | (value.isfinite() & ~chain.slope.flatten(1).sum(1).isfinite())


def _finite_rows(x: Tensor) -> Tensor:
    return x.flatten(1).isfinite().all(1)


def _squared(x: Tensor) -> Tensor:
    return x.flatten(1).square().sum(1)
