"""Annealed importance sampling: weights of particles that are led from a normal law to the target, or back."""

from __future__ import annotations

import abc
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor

from pushforward import Draw, Estimate, Estimator, Target, UserError
from pushforward.numerics.processes import gathered
from pushforward.numerics.weights import Weights
from pushforward_neis.annealing import Annealing, Particles, Tally
from pushforward_neis.pilot import Schedule, find_schedule

BLOCK = 8192  # particles moved at once
EASE = 0.9  # the share of particles that stays effective from one temperature of the pilot to the next


class _Annealed(Estimator):
    """Abstract: particles on a way of temperatures that a pilot finds, weighed in one direction or the other."""

    temperatures: int
    spacing: str
    leaps: int
    moves: int
    scale: float
    pilot: int

    shared = True

    @abc.abstractmethod
    def _weigh(self, annealing: Annealing, schedule: Schedule, part: Draw) -> Tensor:
        """Log-weights of the particles of a part, (n,)."""

    @torch.no_grad()
    def _mean_weight(self, target: Target, budget: int, draw: Draw) -> Estimate:
        began = time.perf_counter()
        annealing = Annealing(target, self.scale, self.leaps)
        schedule = _schedule(annealing, draw, self.pilot, self.temperatures, self.spacing, budget)
        moves = self.moves * (len(schedule.steps) - 1)
        weights, tally = weighed(annealing, budget, moves, draw, lambda part: self._weigh(annealing, schedule, part))
        seconds = time.perf_counter() - began
        return weights.estimate(tally.evaluations, tally.gradients, seconds, also=tally.said)


class AnnealedImportanceSampling(_Annealed):
    r"""Weights of particles that move from a normal law to the target by many temperatures.

    .. math:: \hat Z = \frac1n \sum_i \prod_{k=1}^{K}
        \Bigl(\frac{e^{-U(x_{i,k-1})}}{\mathcal{N}(x_{i,k-1}; 0, s^2 I)}\Bigr)^{\beta_k - \beta_{k-1}}, \qquad
        x_{i,k} \sim M_{\beta_k}(x_{i,k-1}, \cdot)

    M are steps of Hamiltonian Monte Carlo, which leave the law of their temperature as it is; then the mean weight is Z
    whatever the temperatures are, and more of them only make it precise. A pilot of a few particles finds temperatures
    and steps, which are fixed before the run; its cost is part of the budget, as is each evaluation of the gradient.
    The weights are independent, so that error and warning are those of importance sampling. The `bound` of the estimate
    is the mean log-weight, which is below log Z on average.

    Reference: Neal, "Annealed Importance Sampling", 1998, arXiv:physics/9803008.

    Args:
        temperatures: how many, K.
        spacing: `adaptive` spaces the temperatures as the pilot does, so that all of them are equally hard; `linear`
            spaces them evenly.
        leaps: leapfrog steps of a move; one makes it MALA.
        moves: moves at each temperature.
        scale: standard deviation s of the base law; 1 where the target is a posterior under a standard normal prior.
        pilot: particles of the pilot.

    Raises:
        UserError: if the budget does not pay for the pilot and two particles.
    """

    def __init__(
        self,
        temperatures: PositiveInt = 50,
        spacing: Literal["adaptive", "linear"] = "adaptive",
        leaps: PositiveInt = 4,
        moves: PositiveInt = 1,
        scale: PositiveFloat = 1.0,
        pilot: PositiveInt = 128,
    ) -> None:
        self.temperatures, self.spacing, self.leaps, self.moves = temperatures, spacing, leaps, moves
        self.scale, self.pilot = scale, pilot

    def estimate(self, target: Target, budget: int, draw: Draw) -> Estimate:
        """The mean weight of as many particles as the budget pays for."""
        return self._mean_weight(target, budget, draw)

    def _weigh(self, annealing: Annealing, schedule: Schedule, part: Draw) -> Tensor:
        return forward(annealing, schedule, annealing.from_base(part), part, self.moves)


class ReverseAnnealedImportanceSampling(_Annealed):
    r"""Annealed importance sampling from exact samples of the target back to a normal law.

    .. math:: \log \hat Z = -\log \frac1n \sum_i \prod_{k=1}^{K}
        \Bigl(\frac{\mathcal{N}(x_{i,k}; 0, s^2 I)}{e^{-U(x_{i,k})}}\Bigr)^{\beta_k - \beta_{k-1}}, \qquad
        x_{i,K} \sim e^{-U} / Z

    The mean weight is 1/Z. Where the target can be sampled this brackets log Z together with the forward direction: the
    mean log-weight, negated, is above log Z on average, and meets the forward bound as temperatures are added. Modes
    that forward particles never find are seen here.

    Reference: Grosse, Ghahramani, Adams, "Sandwiching the Marginal Likelihood Using Bidirectional Monte Carlo", 2015,
    arXiv:1511.02543.

    Args:
        temperatures: how many, K.
        spacing: `adaptive` spaces the temperatures as a pilot from the base law does; `linear` spaces them evenly.
        leaps: leapfrog steps of a move; one makes it MALA.
        moves: moves at each temperature.
        scale: standard deviation s of the base law.
        pilot: particles of the pilot.

    Raises:
        UserError: if the budget does not pay for the pilot and two particles.
    """

    def __init__(
        self,
        temperatures: PositiveInt = 50,
        spacing: Literal["adaptive", "linear"] = "adaptive",
        leaps: PositiveInt = 4,
        moves: PositiveInt = 1,
        scale: PositiveFloat = 1.0,
        pilot: PositiveInt = 128,
    ) -> None:
        self.temperatures, self.spacing, self.leaps, self.moves = temperatures, spacing, leaps, moves
        self.scale, self.pilot = scale, pilot

    def estimate(self, target: Target, budget: int, draw: Draw) -> Estimate:
        """The mean weight of as many exact samples as the budget pays for, inverted."""
        return turned_round(self._mean_weight(target, budget, draw))

    def _weigh(self, annealing: Annealing, schedule: Schedule, part: Draw) -> Tensor:
        x = annealing.target.sample(part.n, part).x.to(part.dtype)
        return backward(annealing, schedule, annealing.at(x), part, self.moves)


def forward(annealing: Annealing, schedule: Schedule, particles: Particles, draw: Draw, moves: int = 1) -> Tensor:
    """Log-weights of particles of the base law, (n,), whose mean weight is Z."""
    log_weights = torch.zeros(draw.n, dtype=torch.float64)
    last = len(schedule.betas) - 1
    for k in range(1, last + 1):
        log_weights += (schedule.betas[k] - schedule.betas[k - 1]) * annealing.log_ratio(particles).double().cpu()
        for i in range(moves if k < last else 0):
            particles, _ = annealing.move(particles, schedule.betas[k], schedule.steps[k - 1], draw, f"move-{k}-{i}")
    return log_weights


def backward(annealing: Annealing, schedule: Schedule, particles: Particles, draw: Draw, moves: int = 1) -> Tensor:
    """Log-weights of samples of the target, (n,), whose mean weight is 1 / Z."""
    log_weights = torch.zeros(draw.n, dtype=torch.float64)
    for k in range(len(schedule.betas) - 1, 0, -1):
        log_weights -= (schedule.betas[k] - schedule.betas[k - 1]) * annealing.log_ratio(particles).double().cpu()
        for i in range(moves if k > 1 else 0):
            particles, _ = annealing.move(
                particles, schedule.betas[k - 1], schedule.steps[k - 2], draw, f"move-{k}-{i}"
            )
    return log_weights


def weighed(
    annealing: Annealing, budget: int, moves: int, draw: Draw, weigh: Callable[[Draw], Tensor]
) -> tuple[Weights, Tally]:
    """The weights of as many particles as the rest of the budget pays for, by blocks and over processes.

    Raises:
        UserError: if it does not pay for two.
    """
    pilot, each = annealing.tally, annealing.cost(moves)
    n = (budget - pilot.spent) // each
    if n < 2:
        raise UserError(
            f"of {budget} evaluations the pilot took {pilot.spent}, and the rest does not pay for two particles, which"
            f" take {each} each: raise the evaluations, or lower temperatures, leaps or moves"
        )
    annealing.tally = Tally()
    weights = Weights(n)
    for part in draw.blocks("particles", n, BLOCK):
        weights.add(weigh(part))
    return weights.over_processes(draw), sum(gathered(annealing.tally, draw), start=pilot)


def turned_round(inverse: Estimate) -> Estimate:
    """The estimate of log Z from one of log 1/Z."""
    low, high = inverse.interval
    bound = None if inverse.bound is None else -inverse.bound
    return replace(inverse, log_z=-inverse.log_z, interval=(-high, -low), bound=bound)


def _schedule(
    annealing: Annealing, draw: Draw, particles: int, temperatures: int, spacing: str, budget: int
) -> Schedule:
    found = find_schedule(annealing, draw, particles, EASE, budget)
    if spacing == "linear":
        return found.at([k / temperatures for k in range(temperatures + 1)])
    return found.of_length(temperatures)
