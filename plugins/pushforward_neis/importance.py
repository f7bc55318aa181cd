"""Plain importance sampling: what every estimator of log Z has to beat."""

from __future__ import annotations

import math
import time

import torch
from pydantic import PositiveFloat

from pushforward import Draw, Estimate, Estimator, Target
from pushforward.numerics.weights import Weights
from pushforward_neis.bases import same_domain

BLOCK = 16384  # rows evaluated at once


class ImportanceSampling(Estimator):
    r"""Weights of samples of a normal law.

    .. math:: \hat Z = \frac1n \sum_i \frac{e^{-U(x_i)}}{\mathcal{N}(x_i; 0, s^2 I)},
        \qquad x_i \sim \mathcal{N}(0, s^2 I)

    A baseline: right where the normal law covers the target, and without finite variance, or blind to whole modes,
    where it does not; the estimate's `ess`, `khat` and `warning` then say so, as far as the samples can know it.

    Args:
        scale: standard deviation s of the proposal.
    """

    shared = True

    def __init__(self, scale: PositiveFloat = 1.0) -> None:
        self.scale = scale

    @torch.no_grad()
    def estimate(self, target: Target, budget: int, draw: Draw) -> Estimate:
        """One sample for each evaluation of U."""
        began = time.perf_counter()
        same_domain("reals", target)
        weights = Weights(budget)
        for part in draw.blocks("proposals", budget, BLOCK):
            noise = part.normal("proposal", *target.shape).flatten(1)
            x = (self.scale * noise).view(part.n, *target.shape)
            log_q = -0.5 * (noise.square().sum(1) + noise.shape[1] * math.log(2 * math.pi * self.scale**2))
            weights.add(target.log_density(x) - log_q)
        return weights.over_processes(draw).estimate(budget, seconds=time.perf_counter() - began)
