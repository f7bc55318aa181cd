"""Langevin kernels: how points move so that their law becomes a given density, with or without an exact correction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from pushforward.randomness import Draw

LogDensity = Callable[[Tensor], Tensor]  # (n, ...) to (n,), up to a constant
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
        acceptance: the share of proposals that each chain took, (n,); one throughout for a kernel without a test.
        non_finite: proposals at which the log-density was NaN or infinite, or its gradient not finite; MALA refuses
            them. A density of zero, a log-density of minus infinity, is none of these.
    """

    x: Tensor
    acceptance: Tensor
    non_finite: int


def start(log_density: LogDensity, x: Tensor) -> Chain:
    """Chains at x; only the gradient in x is taken, so that no parameter's gradient is touched."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        value = log_density(x)
        (slope,) = torch.autograd.grad(value.sum(), x)
    return Chain(x.detach(), value.detach(), slope)


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
        The new chain; which chains moved, (n,); at which proposals a number was not finite, (n,).
    """
    proposal = ula_step(log_density, chain, step, noise)
    back = chain.x - _ahead(proposal, step)
    log_ratio = proposal.log_density - chain.log_density
    log_ratio = log_ratio + (step * _squared(noise) - _squared(back)) / (2 * step)
    broken = _broken(proposal)
    accepted = (uniform.log() < log_ratio) & ~broken  # a density of zero has a ratio of zero: it is never taken
    keep = accepted.view(-1, *[1] * (chain.x.ndim - 1))
    moved = Chain(
        torch.where(keep, proposal.x, chain.x),
        torch.where(accepted, proposal.log_density, chain.log_density),
        torch.where(keep, proposal.slope, chain.slope),
    )
    return moved, accepted, broken


def langevin(log_density: LogDensity, x: Tensor, steps: int, step: float, draw: Draw, kernel: Kernel = "mala") -> Moved:
    """Move every row of x by `steps` steps; row i of the draw is the randomness of chain i.

    Args:
        log_density: (n, ...) to (n,), up to a constant.
        x: where the chains begin, (n, ...).
        steps: how many steps.
        step: gamma, in units of x squared.
        draw: randomness for as many samples as there are chains.
        kernel: `mala`, exact; `ula`, without the test and with a bias of the order of the step.

    Example:
        >>> moved = langevin(lambda x: -x.square().sum(1) / 2, torch.zeros(500, 1), 20, 1.0, Draw(0, (), 500))
        >>> bool(abs(moved.x.var() - 1) < 0.2), bool(moved.acceptance.mean() > 0.8)
        (True, True)
    """
    chain = start(log_density, x)
    taken = torch.zeros(len(x), dtype=x.dtype, device=x.device)
    non_finite = 0
    for i in range(steps):
        noise = draw.normal(f"{kernel}-noise-{i}", *x.shape[1:]).to(x.dtype)
        if kernel == "ula":
            chain = ula_step(log_density, chain, step, noise)
            accepted, broken = torch.ones_like(taken), _broken(chain)
        else:
            uniform = draw.uniform(f"{kernel}-test-{i}").to(x.dtype)
            chain, accepted, broken = mala_step(log_density, chain, step, noise, uniform)
        taken = taken + accepted
        non_finite += int(broken.sum())
    return Moved(chain.x, taken / max(steps, 1), non_finite)


def _ahead(chain: Chain, step: float) -> Tensor:
    """The mean of the next proposal."""
    return chain.x + step / 2 * chain.slope


def _broken(chain: Chain) -> Tensor:
    value = chain.log_density
    slope_is_finite = chain.slope.flatten(1).isfinite().all(1)
    return value.isnan() | value.isposinf() | (value.isfinite() & ~slope_is_finite)


def _squared(x: Tensor) -> Tensor:
    return x.flatten(1).square().sum(1)
