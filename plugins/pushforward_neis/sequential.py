"""Sequential Monte Carlo: annealed particles, resampled on the way in groups whose differences tell the error."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor

from pushforward import Draw, Estimate, Estimator, RunFailed, Target, UserError
from pushforward.numerics.pareto import pareto_khat
from pushforward.numerics.processes import gathered
from pushforward.numerics.weights import FEWEST, Weights, effective_fraction, interval
from pushforward_neis.annealing import Annealing, Tally
from pushforward_neis.pilot import Schedule, find_schedule, systematic

BLOCK = 8192  # particles moved at once
LARGEST = 4096  # particles of a group, so that a block holds whole groups
FEW = 0.5  # the effective share below which a group is resampled, and below which groups are not believed
LIMIT = 0.7  # of k-hat
SMALL = 50  # particles of a group, below which the law of its estimate is too skewed for the mean of twenty of them


class SequentialMonteCarlo(Estimator):
    r"""Particles that are led from a normal law to the target, and resampled where their weights spread.

    .. math:: \hat Z = \frac1G \sum_g \prod_k \sum_i W_{g,k-1}^i\, \Bigl(
        \frac{e^{-U(x_{g,k-1}^i)}}{\mathcal{N}(x_{g,k-1}^i; 0, s^2 I)}\Bigr)^{\beta_k - \beta_{k-1}}

    A pilot finds the temperatures, by bisection so that a share `ess` of its particles stays effective from one to the
    next, and the steps of the moves; both are then fixed, and the estimate is unbiased for Z. Weights W cumulate until
    fewer than half of a group's particles are effective; then it is resampled systematically.

    Particles of one group depend on each other, so that their weights tell no error. Groups do not: `n` counts them,
    the error is that of their mean, and the interval is Student's, which asks groups not to be too small. The effective
    share and k-hat are the worst that all particles together have on the way. The particles that end at temperature 1
    can be had as samples.

    Reference: Del Moral, Doucet, Jasra, "Sequential Monte Carlo Samplers", 2006; Dai, Heng, Jacob, Whiteley,
    "An Invitation to Sequential Monte Carlo Samplers", 2020, arXiv:2007.11936.

    Args:
        ess: the share of particles that stays effective from one temperature to the next; nearer to 1 where particles
            must find their modes while it is still easy.
        leaps: leapfrog steps of a move; one makes it MALA.
        moves: moves at each temperature.
        groups: independent groups of particles, at least; large ones are cut so that they fit a block.
        scale: standard deviation s of the base law; 1 where the target is a posterior under a standard normal prior.
        pilot: particles of the pilot.

    Raises:
        UserError: if `ess` is no share, if there are not two groups, or if the budget does not pay for the pilot and
            two particles in each group.
    """

    shared = True

    def __init__(
        self,
        ess: PositiveFloat = 0.9,
        leaps: PositiveInt = 4,
        moves: PositiveInt = 1,
        groups: PositiveInt = 20,
        scale: PositiveFloat = 1.0,
        pilot: PositiveInt = 128,
    ) -> None:
        if not 0 < ess < 1:
            raise UserError(f"ess is {ess}: expected a share between 0 and 1")
        if groups < 2:
            raise UserError(f"groups is {groups}: the error is told by the differences of at least 2")
        self.ess, self.leaps, self.moves, self.groups = ess, leaps, moves, groups
        self.scale, self.pilot = scale, pilot

    @torch.no_grad()
    def estimate(self, target: Target, budget: int, draw: Draw) -> Estimate:
        """The mean over groups of as many particles as the budget pays for."""
        began = time.perf_counter()
        annealing, schedule, groups, size = self._planned(target, budget, draw, samples=False)
        pilot, annealing.tally = annealing.tally, Tally()
        worst, weights = Worst(), Weights(groups)
        for block in self._ended(annealing, schedule, draw, groups, size, samples=False):
            weights.add(block.log_z)
            worst = worst.and_also(block.worst)
        tally = sum(gathered(annealing.tally, draw), start=pilot)
        worst = functools.reduce(Worst.and_also, gathered(worst, draw))
        return _judged(weights.over_processes(draw), size, tally, worst, time.perf_counter() - began)

    @torch.no_grad()
    def sample(self, target: Target, n: int, draw: Draw) -> Tensor:
        """n samples, (n, *shape): final particles, drawn by weight, nearly of the target where they are many.

        Raises:
            RunFailed: if no particle ends where the density is above 0, or one where it is no number.
        """
        annealing = Annealing(target, self.scale, self.leaps)
        schedule = find_schedule(annealing, draw, self.pilot, self.ess, budget=2**62)
        size = min(max(n, 1000), LARGEST)
        ended = list(self._ended(annealing, schedule, draw, -(-n // size), size, samples=True))
        x = torch.cat([group.x for group in ended]).flatten(0, 1)
        log_weights = torch.cat([group.log_z for group in ended]).repeat_interleave(size)
        if not bool(log_weights.logsumexp(0).isfinite()):
            raise RunFailed("no particle ended where the target has a density that is above 0 and a number")
        start = torch.rand(1, 1, generator=draw.generator("choice"), device=draw.device)
        chosen = systematic(log_weights[None], start, n)[0]
        order = torch.randperm(n, generator=draw.generator("order"), device=draw.device)
        return x[chosen[order]].view(n, *target.shape)

    @torch.no_grad()
    def particles(self, target: Target, budget: int, draw: Draw) -> Ended:
        """All groups at temperature 1, as many as the budget pays for; memory grows with them, since they are kept."""
        annealing, schedule, groups, size = self._planned(target, budget, draw, samples=True)
        pilot, annealing.tally = annealing.tally, Tally()
        own = list(self._ended(annealing, schedule, draw, groups, size, samples=True))
        blocks = [block for several in gathered(own, draw) for block in several]
        log_z, x, log_target = (
            torch.cat([getattr(block, name) for block in blocks]) for name in ("log_z", "x", "log_target")
        )
        worst = functools.reduce(Worst.and_also, (block.worst for block in blocks))
        return Ended(log_z, x, log_target, worst, sum(gathered(annealing.tally, draw), start=pilot))

    def _planned(self, target: Target, budget: int, draw: Draw, samples: bool) -> tuple[Annealing, Schedule, int, int]:
        """What the pilot found, how many groups there are, and how many particles the budget pays for in each."""
        annealing = Annealing(target, self.scale, self.leaps)
        schedule = find_schedule(annealing, draw, self.pilot, self.ess, budget)
        each = annealing.cost(self.moves * (len(schedule.steps) - (not samples)))
        particles = (budget - annealing.tally.spent) // each
        if particles < 2 * self.groups:
            raise UserError(
                f"of {budget} evaluations the pilot took {annealing.tally.spent}, and the rest pays for {particles}"
                f" particles, of {each} each: that is fewer than 2 for each of {self.groups} groups; raise the"
                " evaluations, or lower groups, leaps, moves or ess"
            )
        groups = max(self.groups, -(-particles // LARGEST))
        return annealing, schedule, groups, particles // groups

    def _ended(
        self, annealing: Annealing, schedule: Schedule, draw: Draw, groups: int, size: int, samples: bool
    ) -> Iterator[Ended]:
        """Groups at the end of the way, by blocks; for samples they are moved and resampled at temperature 1 too."""
        last = len(schedule.steps)
        for part in draw.blocks("particles", groups * size, max(BLOCK // size, 1) * size):
            particles, worst = annealing.from_base(part), Worst()
            log_z = torch.zeros(part.n // size, 1, dtype=torch.float64, device=part.device)
            log_weights = torch.zeros(part.n // size, size, dtype=torch.float64, device=part.device)
            for k in range(1, last + 1):
                rise = schedule.betas[k] - schedule.betas[k - 1]
                log_weights += rise * annealing.log_ratio(particles).double().view(log_weights.shape)
                poor = _effective(log_weights) < FEW * size
                if k == last or bool(poor.any()):
                    worst = worst.and_also(Worst.of(log_z + log_weights))
                if k == last:
                    poor = torch.full_like(poor, samples)
                if bool(poor.any()):
                    taken = systematic(log_weights, part.uniform(f"resample-{k}").view(-1, size)[:, :1])
                    rows = torch.where(poor[:, None], taken, torch.arange(size, device=part.device))
                    particles = particles[
                        (rows + size * torch.arange(len(rows), device=part.device)[:, None]).flatten()
                    ]
                    log_z = torch.where(poor[:, None], log_z + _log_mean(log_weights), log_z)
                    log_weights = torch.where(poor[:, None], 0.0, log_weights)
                for i in range(self.moves if k < last or samples else 0):
                    particles, _ = annealing.move(
                        particles, schedule.betas[k], schedule.steps[k - 1], part, f"move-{k}-{i}"
                    )
            shape = log_weights.shape
            yield Ended(
                (log_z + _log_mean(log_weights)).squeeze(1),
                particles.x.view(*shape, -1),
                particles.log_target.view(shape),
                worst,
            )


@dataclass(frozen=True)
class Worst:
    """The least effective share, and the heaviest tail, of all particles of a block on their way.

    Args:
        ess: as a fraction.
        khat: Pareto tail index.
    """

    ess: float = 1.0
    khat: float = -math.inf

    @classmethod
    def of(cls, log_weights: Tensor) -> Worst:
        """Of the particles of all groups together."""
        w = log_weights.flatten()
        if not bool(w.logsumexp(0).isfinite()):
            return cls(0.0, math.inf)
        return cls(effective_fraction(w), pareto_khat(w))

    def and_also(self, other: Worst) -> Worst:
        """The worse of two."""
        return Worst(min(self.ess, other.ess), max(self.khat, other.khat))

    def said(self, particles: int, groups: float, n: int) -> list[str]:
        """What a warning should say of so many particles, in n groups of which so large a share is effective."""
        said = []
        if self.khat > LIMIT:
            said.append(f"between two temperatures Pareto k-hat is {self.khat:.2f}, above {LIMIT}: raise ess")
        if self.ess * particles < FEWEST:
            said.append(f"at one temperature only {self.ess * particles:.1f} of {particles} particles were effective")
        if particles < SMALL * n:
            said.append(
                f"groups of {particles / n:.0f} particles are so small that the estimates of most are too low, and few"
                " make up for it: spend more evaluations, or lower groups or ess"
            )
        if groups < FEW:
            said.append(
                f"groups differ so much that {groups * n:.1f} of {n} carry the mean, so that its error cannot be"
                " trusted: spend more evaluations"
            )
        return said


@dataclass(frozen=True)
class Ended:
    """Groups at the end of their way.

    Args:
        log_z: log of each group's estimate of Z, (groups,).
        x: their particles, (groups, size, D).
        log_target: the target's log-density there, (groups, size).
        worst: what their weights were like.
        tally: what they cost, where that is known.
    """

    log_z: Tensor
    x: Tensor
    log_target: Tensor
    worst: Worst
    tally: Tally = field(default_factory=Tally)


def _effective(log_weights: Tensor) -> Tensor:
    """Effective particles of each group; all where no weight is above 0, and where one is no number."""
    share = torch.softmax(log_weights, 1)
    return 1 / share.square().sum(1).nan_to_num(1 / share.shape[1])


def _log_mean(log_weights: Tensor) -> Tensor:
    return log_weights.logsumexp(1, keepdim=True) - math.log(log_weights.shape[1])


def _judged(groups: Weights, size: int, tally: Tally, worst: Worst, seconds: float) -> Estimate:
    """The estimate of independent groups, with what their particles say of it."""
    log_z, n, particles = groups.log_mean, groups.n, groups.n * size
    said = []
    if groups.non_finite:
        said = [
            f"{groups.non_finite} of {n} groups end with a weight that is NaN or infinite: the estimate is not finite"
        ]
    elif log_z == -math.inf:
        said = [f"all weights are zero: none of {particles} particles ended where the target has mass"]
    else:
        said = worst.said(particles, groups.ess, n)
    return Estimate(
        log_z,
        groups.error,
        interval(log_z, groups.error, n),
        worst.ess,
        worst.khat,
        n,
        groups.non_finite,
        tally.evaluations,
        tally.gradients,
        seconds,
        "; ".join([*said, *tally.said]),
    )
