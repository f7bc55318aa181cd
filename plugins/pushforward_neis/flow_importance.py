"""Flow importance sampling: weights of samples of a flow, such as one that another recipe has trained."""

from __future__ import annotations

import time

import torch

from pushforward import Draw, Estimate, Estimator, Flow, Target, UserError
from pushforward.numerics.weights import Weights
from pushforward_neis.bases import same_domain

BLOCK = 4096  # rows evaluated at once


class FlowImportanceSampling(Estimator):
    r"""Weights of samples of a flow.

    .. math:: \hat Z = \frac1n \sum_i \frac{e^{-U(x_i)}}{q(x_i)}, \qquad x_i = T(z_i) \sim q

    For a flow that resembles the target, such as one trained on its data: then nearly all weights are effective, and
    each costs one evaluation of U and no inverse of the flow. What the flow misses, the weights cannot know.

    Reference: Noé, Olsson, Köhler, Wu, "Boltzmann Generators", 2019, arXiv:1812.01729.

    Args:
        proposal: the flow q, such as `{use: trained, recipe: rings/flow}`.

    Raises:
        UserError: if the flow wants a condition, or makes data of another shape than the target's.
    """

    shared = True

    def __init__(self, proposal: Flow) -> None:
        if proposal.conditional:
            raise UserError("the proposal wants a condition, which an estimate of log Z has not: take another flow")
        self.proposal = proposal

    @torch.no_grad()
    def estimate(self, target: Target, budget: int, draw: Draw) -> Estimate:
        """One sample for each evaluation of U."""
        began = time.perf_counter()
        made, wanted = tuple(self.proposal.shape), tuple(target.shape)
        if made != wanted:
            raise UserError(f"the proposal makes data of shape {made}: the target's shape is {wanted}")
        same_domain(self.proposal.domain, target, covers=True)
        weights = Weights(budget)
        for part in draw.blocks("proposals", budget, BLOCK):
            z = self.proposal.sample_base(part)
            x, log_det = self.proposal.to_data(z)
            weights.add(target.log_density(x) - self.proposal.base_log_density(z) + log_det)
        return weights.over_processes(draw).estimate(budget, seconds=time.perf_counter() - began)
