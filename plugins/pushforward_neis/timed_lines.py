"""Weights along a velocity that changes in time: a line in space and time, met at a time of one's own."""

from __future__ import annotations

import math
import time

import torch
from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor

from pushforward import Draw, Estimate, Estimator, Flow, Generator, Target, UserError, VelocityField
from pushforward.numerics.integrators import step
from pushforward.numerics.weights import Weights
from pushforward_neis.bases import base_of
from pushforward_neis.flow_lines import same_space
from pushforward_neis.walkers import BLOCK, walkers_for


class TimedLines(Estimator):
    r"""Non-equilibrium importance sampling along a velocity that changes from time 0 to 1, as that of flow matching.

    .. math:: A(x, s) = \frac{\sum_k v_k\, \rho_1(X_k) J_k}{\sum_j u_j\, \rho_0(X_j) J_j}, \qquad
        X_s = x \sim \rho_0, \quad s \sim u, \qquad \mathbb{E} A = Z

    A field that moves with time is one that does not, in space and time: a walker starts at a place of the base and a
    time of the law u, its line is followed to both ends of time, and the target waits at times of weights v. Each line
    is met at any of its times with its share of u, which is why the mean is Z for every velocity, up to the error of
    Runge-Kutta steps of fourth order. The laws are uniform on the first and the last part of the time, `overlap` long:
    at 0 walkers start at time 0 and are weighed at time 1, which is importance sampling from the flow of the velocity;
    at 1 a line is a mixture of all times, and no weight is much above the ratio of the densities.

    Reference: after Rotskoff, Vanden-Eijnden, "Dynamical Computation of the Density of States and Bayes Factors Using
    Nonequilibrium Importance Sampling", 2019, arXiv:1809.11132, in space and time.

    Args:
        velocity: the field b(t, x), from base at time 0 to target at time 1.
        base: where walkers start: a law with samples and a density; None means N(0, I).
        steps: steps of the unit of time.
        overlap: how long the times of base and of target are, from 0 to 1.

    Raises:
        UserError: if there is no step or the overlap is out of range; when estimating, if base, velocity and target
            live in different spaces, or the budget pays for no walker.
    """

    shared = True

    def __init__(
        self,
        velocity: VelocityField,
        base: Flow | Generator | None = None,
        steps: PositiveInt = 25,
        overlap: NonNegativeFloat = 0.5,
    ) -> None:
        if steps < 1 or not 0 <= overlap <= 1:
            raise UserError(f"steps is {steps} and overlap {overlap}: expected at least 1, and 0 to 1")
        self.velocity, self.base, self.steps, self.overlap = velocity, base, steps, overlap
        self.width = 1 + math.floor(overlap * steps + 1e-9)  # times of the base, and as many of the target

    @torch.no_grad()
    def estimate(self, target: Target, budget: int, draw: Draw) -> Estimate:
        """As many walkers as the budget pays for."""
        began, base = time.perf_counter(), base_of(self.base, target)
        same_space(self.velocity, target)
        walkers = walkers_for(budget, self.width)
        weights = Weights(walkers)
        for part in draw.blocks("walkers", walkers, BLOCK):
            x = base.sample(part.n, draw=part)
            weights.add(self.log_weights(target, base, x, part.integers("time", self.width)))
        weights, seconds = weights.over_processes(draw), time.perf_counter() - began
        return weights.estimate(walkers * self.width, seconds=seconds)

    def log_weights(self, target: Target, base: Flow, x: Tensor, begin: Tensor) -> Tensor:
        """log A of walkers that start at x, (n, D), after so many steps, (n,)."""
        points, log_jacobians = self._lines(x, begin)
        early, late = slice(0, self.width), slice(self.steps + 1 - self.width, self.steps + 1)

        def mean(log_density: object, times: slice) -> Tensor:
            assert callable(log_density)
            values: Tensor = log_density(points[times].flatten(0, 1)).view(self.width, -1) + log_jacobians[times]
            return values.logsumexp(0)

        return mean(target.log_density, late) - mean(base.log_density, early)

    def _lines(self, x: Tensor, begin: Tensor) -> tuple[Tensor, Tensor]:
        """Places at all times, (N + 1, n, D), and the log-determinants from the start to them, (N + 1, n)."""
        points, log_jacobians = x.expand(self.steps + 1, *x.shape).clone(), x.new_zeros(self.steps + 1, len(x))
        h = 1 / self.steps

        def rates(t: float, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            return self.velocity.with_divergence(t, state[0])

        def follow(k: int, to: int, rows: Tensor) -> None:
            state = (points[k, rows], log_jacobians[k, rows])
            points[to, rows], log_jacobians[to, rows] = step(rates, k * h, state, (to - k) * h)

        for k in range(self.steps):
            follow(k, k + 1, (begin <= k).nonzero().squeeze(1))
        for k in range(self.steps, 0, -1):
            follow(k, k - 1, (begin >= k).nonzero().squeeze(1))
        return points, log_jacobians
