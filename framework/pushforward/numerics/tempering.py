"""Parallel tempering: chains of flatter laws cross between modes, and hand their points down."""

from __future__ import annotations

import torch
from torch import Tensor

from pushforward.numerics.adaptation import DualAverage
from pushforward.numerics.hamiltonian import leapfrog
from pushforward.numerics.kernels import Chain, Moved, Seen, begin, metropolis
from pushforward.numerics.slopes import LogDensity, Sloped, value_and_slope
from pushforward.randomness import Draw


class Tempered(Sloped):
    """Powers of a law: one inverse temperature for each row."""

    def __init__(self, log_density: LogDensity, beta: Tensor) -> None:
        self.untempered, self.beta = log_density, beta
        super().__init__(lambda x: beta * log_density(x), lambda x: self.both(x)[1])

    def both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """beta times the log-density and its gradient."""
        value, slope = value_and_slope(self.untempered, x)
        return self.beta * value, _like(self.beta, x) * slope


def inverse_temperatures(count: int, hottest: float) -> tuple[float, ...]:
    """From 1 down to `hottest` in equal ratios."""
    return tuple(hottest ** (k / (count - 1)) for k in range(count)) if count > 1 else (1.0,)


def parallel_tempering(
    log_density: LogDensity,
    x: Tensor,
    steps: int,
    step: float,
    draw: Draw,
    betas: tuple[float, ...],
    leaps: int = 4,
    warm_up: int = 0,
    wanted: float = 0.8,
    seen: Seen | None = None,
) -> Moved:
    r"""Hamiltonian chains of every power of a law, which exchange their points.

    .. math:: \pi_k \propto \pi^{\beta_k}, \quad 1 = \beta_1 > \dots > \beta_K, \qquad
        \alpha = \min\bigl(1, (\pi(x_{k+1}) / \pi(x_k))^{\beta_k - \beta_{k+1}}\bigr)

    A step is one proposal at each temperature, of size h / sqrt(beta), then exchanges of every other neighbouring pair,
    even and odd in turn. Only the points at beta = 1 come out.

    Reference: Syed, Bouchard-Cote, Deligiannidis, Doucet, "Non-Reversible Parallel Tempering", 2019, arXiv:1905.02939.

    Args:
        log_density: (n, ...) to (n,), up to a constant.
        x: where the chains begin, (n, ...), the same at every temperature.
        steps: how many after the warm-up.
        step: h at beta = 1, in units of x; where the warm-up begins.
        draw: randomness for as many samples as there are chains.
        betas: inverse temperatures, the first of them 1.
        leaps: leapfrog steps of a proposal.
        warm_up: steps before, which adapt h to the mean acceptance of all chains.
        wanted: the acceptance that the warm-up aims at.
        seen: told where the chains at beta = 1 are after every step that counts.

    Raises:
        RunFailed: if a chain begins at a point that is not finite, or the log-density has no bound.
    """
    levels, n = len(betas), len(x)
    beta = torch.tensor(betas, dtype=x.dtype, device=x.device)
    of_row = beta.repeat_interleave(n)
    tempered = Tempered(log_density, of_row)
    chain = begin(tempered, x.repeat(levels, *[1] * (x.ndim - 1)))
    taken, exchanged = torch.zeros(n, dtype=x.dtype, device=x.device), [0.0] * (levels - 1)
    non_finite, adapted = 0, DualAverage(step, wanted)
    for i in range(warm_up + steps):
        if warm_up:
            step = adapted.step if i < warm_up else adapted.settled
        kick = _by_level(draw.normal(f"tempering-momentum-{i}", levels, *x.shape[1:]).to(x.dtype))
        proposal, momentum = leapfrog(tempered, chain, kick, step / _like(of_row, x).sqrt(), leaps)
        change = proposal.log_density - chain.log_density - 0.5 * (_squared(momentum) - _squared(kick))
        uniform = _by_level(draw.uniform(f"tempering-test-{i}", levels).to(x.dtype))
        chain, chance, broken = metropolis(proposal, chain, change, uniform)
        luck = draw.uniform(f"tempering-exchange-{i}", levels).to(x.dtype)
        chain, shares = _exchanged(chain, beta, luck, i % 2)
        if i < warm_up:
            adapted.update(float(chance.mean()) if n else wanted)
            continue
        taken, non_finite = taken + chance[:n], non_finite + int(broken[:n].sum())
        for k, share in shares.items():
            exchanged[k] += share
        if seen is not None:
            seen(chain.x[:n])
    tries = [max(len(range((k - warm_up) % 2, steps, 2)), 1) for k in range(levels - 1)]  # turns of its parity
    swaps = tuple(total / count for total, count in zip(exchanged, tries, strict=True))
    gradients = levels * (1 + (warm_up + steps) * leaps)
    return Moved(chain.x[:n], taken / max(steps, 1), non_finite, gradients, step, swaps=swaps)


def _exchanged(chain: Chain, beta: Tensor, luck: Tensor, first: int) -> tuple[Chain, dict[int, float]]:
    """Exchange the points of levels k and k + 1 for k = first, first + 2, ..., with the mean chance of each."""
    levels, n = len(beta), len(luck)
    log_density = chain.log_density.view(levels, n) / beta[:, None]  # at beta = 1
    source = torch.arange(levels, device=beta.device)[:, None].repeat(1, n)
    shares = {}
    for k in range(first, levels - 1, 2):
        gain = (beta[k] - beta[k + 1]) * (log_density[k + 1] - log_density[k])
        chance = gain.nan_to_num(0.0).clamp(max=0.0).exp()
        swap = luck[:, k] < chance
        source[k], source[k + 1] = torch.where(swap, k + 1, k), torch.where(swap, k, k + 1)
        shares[k] = float(chance.mean()) if n else 1.0
    rows = (source * n + torch.arange(n, device=beta.device)).flatten()
    ratio = beta.repeat_interleave(n) / beta[source.flatten()]
    slope = _like(ratio, chain.slope) * chain.slope[rows]
    return Chain(chain.x[rows], ratio * chain.log_density[rows], slope), shares


def _by_level(numbers: Tensor) -> Tensor:
    """(n, levels, ...) to (levels n, ...): a chain's numbers at all levels are of its own row of the draw."""
    return numbers.transpose(0, 1).flatten(0, 1)


def _like(rows: Tensor, x: Tensor) -> Tensor:
    return rows.view(-1, *[1] * (x.ndim - 1))


def _squared(x: Tensor) -> Tensor:
    return x.flatten(1).square().sum(1)
