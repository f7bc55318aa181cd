"""A pilot: a few particles that find the temperatures and the steps, which the run itself then keeps fixed."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from pushforward import Draw, RunFailed, UserError
from pushforward.numerics.weights import effective_fraction
from pushforward_neis.annealing import Annealing

SHARE = 0.5  # of the budget, at most, for a pilot
TUNING = 3  # moves at each temperature that adapt the step
TAKEN = (0.6, 0.7)  # the acceptance that is aimed at, for one leapfrog step and for several


class Schedule(NamedTuple):
    """Temperatures, and the steps of the moves there.

    Attributes:
        betas: from 0 to 1, K + 1 of them.
        steps: at each but the first, (K, D).
    """

    betas: list[float]
    steps: Tensor

    def at(self, betas: list[float]) -> Schedule:
        """The same steps at other temperatures, between those known."""
        known = torch.tensor(self.betas[1:], dtype=torch.float64)
        wanted = torch.tensor(betas[1:], dtype=torch.float64)
        above = torch.searchsorted(known, wanted).clamp(1, len(known) - 1) if len(known) > 1 else torch.zeros(0).long()
        if len(known) == 1:
            return Schedule(betas, self.steps.expand(len(wanted), -1))
        share = ((wanted - known[above - 1]) / (known[above] - known[above - 1])).clamp(0, 1).to(self.steps)[:, None]
        logs = self.steps.log()
        return Schedule(betas, (logs[above - 1] * (1 - share) + logs[above] * share).exp())

    def of_length(self, count: int) -> Schedule:
        """As many temperatures as wanted, spread as these are."""
        position = torch.linspace(0, len(self.betas) - 1, count + 1, dtype=torch.float64)
        below = position.floor().long().clamp(max=len(self.betas) - 2)
        known = torch.tensor(self.betas, dtype=torch.float64)
        betas = known[below] + (position - below) * (known[below + 1] - known[below])
        return self.at([0.0, *betas[1:-1].tolist(), 1.0])


def find_schedule(annealing: Annealing, draw: Draw, particles: int, ess: float, budget: int) -> Schedule:
    """Temperatures at each of which a share `ess` of equally weighted particles stays effective, and steps for them.

    Particles of the base law are resampled and moved from one temperature to the next. A step is a multiple of the
    particles' own spread in each coordinate; the multiple follows the acceptance. What the pilot finds is then fixed,
    so that a run with it is unbiased, as adaptation within the run would not be.

    Args:
        annealing: path and moves; it counts what the pilot costs.
        draw: randomness.
        particles: how many.
        ess: the share that stays effective, above 0 and below 1.
        budget: evaluations of the whole estimate, of which the pilot may take half.

    Raises:
        UserError: if the budget does not pay for it.
        RunFailed: if no particle has a density that is above 0 and a number.
    """
    known = annealing.from_base(Draw(draw.seed, (*draw.key, "pilot"), particles, device=draw.device, dtype=draw.dtype))
    betas, steps = [0.0], []
    size = 1.5 / known.x.shape[1] ** 0.25 / annealing.leaps**0.5
    aim = TAKEN[annealing.leaps > 1]
    while betas[-1] < 1:
        log_ratio = annealing.log_ratio(known).double().nan_to_num(-math.inf, -math.inf, -math.inf)
        if not bool(log_ratio.isfinite().any()):
            raise RunFailed(
                f"none of {particles} particles of the pilot is where the target has a density that is above 0 and a"
                " number: give another scale of the base law"
            )
        rise = next_rise(log_ratio, 1 - betas[-1], ess)
        betas.append(1.0 if rise >= 1 - betas[-1] else betas[-1] + rise)
        turn = Draw(draw.seed, (*draw.key, "pilot", len(betas)), particles, device=draw.device, dtype=draw.dtype)
        weights = (rise * log_ratio)[None]
        known = known[systematic(weights, turn.uniform("resample")[:1, None])[0]]
        spread = known.x.std(0).clamp(min=1e-6 * annealing.scale)
        for i in range(TUNING):
            _must_be_paid_for(annealing, particles, betas[-1], budget)
            known, chance = annealing.move(known, betas[-1], size * spread, turn, f"move-{i}")
            size *= math.exp(float(chance.mean()) - aim)
        steps.append(size * spread)
    return Schedule(betas, torch.stack(steps))


def next_rise(log_ratio: Tensor, left: float, ess: float) -> float:
    """The rise of the temperature at which the share `ess` of the particles stays effective, by bisection; or `left`.

    Args:
        log_ratio: log of target over base at equally weighted particles, (n,); minus infinity is a density of zero.
        left: how far it is to the end.
        ess: the share, of the particles whose density is above 0.
    """
    alive = log_ratio[log_ratio.isfinite()]
    if effective_fraction(left * alive) >= ess:
        return left
    low, high = 0.0, left
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if effective_fraction(middle * alive) >= ess else (low, middle)
        if high - low < 1e-3 * high:
            break
    return high


def systematic(log_weights: Tensor, start: Tensor, count: int | None = None) -> Tensor:
    """Systematic resampling within groups: an even comb is laid on the weights of each.

    Args:
        log_weights: (groups, n).
        start: where the comb of each group begins, uniform numbers (groups, 1).
        count: how many are taken of each group; None means as many as there are.

    Returns:
        Which particles of a group are taken, (groups, count); a group without a weight above 0 keeps its own.
    """
    n = log_weights.shape[1]
    own = torch.arange(count or n, device=log_weights.device)
    share = torch.softmax(log_weights.double(), 1).cumsum(1)
    comb = (own + start.double()) / len(own)
    taken = torch.searchsorted(share / share[:, -1:], comb, right=True).clamp(max=n - 1)
    return torch.where(share[:, -1:].isnan(), own, taken)


def _must_be_paid_for(annealing: Annealing, particles: int, beta: float, budget: int) -> None:
    spent = annealing.tally.spent
    if spent + particles * (annealing.leaps + 1) > SHARE * budget:
        raise UserError(
            f"after {spent} evaluations the pilot is only at temperature {beta:.3g}, and half of a budget of"
            f" {budget} does not take it on: raise the evaluations, or lower pilot, leaps or ess"
        )
