"""Reverse Kullback-Leibler: a flow moves to where a density that can only be evaluated says that mass belongs."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from pushforward import Costs, Draw, Estimate, Flow, Game, Target, UserError
from pushforward.numerics.weights import Weights

ROWS = 8192  # samples at once


class ReverseKL(Game):
    r"""A flow fitted to an unnormalised density, without data.

    .. math:: c = \mathbb{E}_{x \sim q_\theta} [\log q_\theta(x) - \log \tilde p(x)] = KL(q \,\|\, p) - \log Z

    For densities that can be evaluated and not sampled. Minus the cost is the evidence lower bound on log Z. It falls
    to -log Z at best, and prefers to cover one mode well to covering all. The measure `log-z` weights fresh samples
    by p/q: its `bound` is the evidence lower bound, its `ess` the share that the samples are worth.

    Reference: Rezende, Mohamed, "Variational Inference with Normalizing Flows", 2015, arXiv:1505.05770.

    Args:
        target: what is fitted: it has a log-density.
        flow: the invertible map between noise and data, without a condition.

    Raises:
        UserError: if the flow wants a condition, draws its noise from a mixture, or the target has labels alone.
    """

    averaged = ("flow",)
    needs_data = False

    def __init__(self, target: Target, flow: Flow) -> None:
        super().__init__()
        if flow.conditional:
            raise UserError("reverse-kl: a density says nothing of classes: use a flow that is not conditional")
        if getattr(flow, "mixture", None) is not None:
            raise UserError("reverse-kl: samples have no gradient to the weights of a mixture: use a flow with modes=1")
        self.target, self.flow = target, flow

    @property
    def players(self) -> dict[str, nn.Module]:
        """The flow alone."""
        return {"flow": self.flow}

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """The mean of log q - log p over samples of q."""
        if "flow" not in tuple(names):
            return {}
        x, log_q = self.flow.sample_and_log_density(draw)
        gap = log_q - self.target.log_density(x)
        return {"flow": {"reverse-kl": gap.mean()}}

    def sample(self, n: int, draw: Draw, condition: Tensor | None = None) -> Tensor:
        """n samples of the flow."""
        return self.flow.sample(n, condition, draw)

    def log_density(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """log q(x) in nats, (n,)."""
        return self.flow.log_density(x, condition)

    @torch.no_grad()
    def estimate(self, target: Target, evaluations: int, draw: Draw) -> Estimate:
        """log Z by importance sampling from the flow, one evaluation of the density for each sample."""
        weights = Weights(evaluations)
        for first in range(0, evaluations, ROWS):
            n = min(ROWS, evaluations - first)
            block = Draw(draw.seed, (*draw.key, "block", first), n, device=draw.device, dtype=draw.dtype)
            x, log_q = self.flow.sample_and_log_density(block)
            weights.add(target.log_density(x) - log_q)
        return weights.estimate(evaluations)
