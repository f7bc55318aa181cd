"""Descent by steps of one length: for costs whose gradient spans many orders of magnitude."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from pydantic import NonNegativeFloat
from torch import Tensor, nn

from pushforward import Optimizer

Tensors = dict[str, Tensor]


class NormalisedDescent(Optimizer):
    r"""A step of the same length whatever the gradient's size.

    .. math:: \theta \leftarrow \theta - h\, g / |g|

    The norm is taken over all parameters of a player together. A cost and its logarithm give the same step. The
    length must fall over the run for the parameters to settle: give `lr` as `inverse-decay`, as the paper does. At a
    gradient of zero nothing moves.

    Reference: Cao, Vanden-Eijnden, "Learning Optimal Flows for Non-Equilibrium Importance Sampling", 2022,
    arXiv:2206.09908.

    Args:
        lr: the length h of a step, in the unit of the parameters.
    """

    def __init__(self, lr: NonNegativeFloat = 0.1) -> None:
        self.lr = lr

    def in_place(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """The same step as a torch optimizer."""
        return _Normalised(parameters, self.lr)

    def start(self, parameter: Tensor) -> Tensors:
        """Nothing is remembered."""
        return {}

    def step(self, parameter: Tensor, gradient: Tensor, memory: Tensors) -> tuple[Tensor, Tensors]:
        """One step of a player that has this one parameter; for several, ask `step_together`."""
        return parameter - self.lr * gradient * _inverse(gradient.norm()), memory

    def step_together(
        self, parameters: Tensors, gradients: Tensors, memory: dict[str, Tensors]
    ) -> tuple[Tensors, dict[str, Tensors]]:
        """One step of a player, by its parameters' names."""
        norm = torch.nn.utils.get_total_norm([gradients[key] for key in parameters])
        scale = self.lr * _inverse(norm)
        return {key: value - scale * gradients[key] for key, value in parameters.items()}, memory


class _Normalised(torch.optim.Optimizer):
    def __init__(self, parameters: Iterable[nn.Parameter], lr: float) -> None:
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            moving = [p for p in group["params"] if p.grad is not None]
            if not moving:
                continue
            scale = group["lr"] * _inverse(torch.nn.utils.get_total_norm([p.grad for p in moving]))
            for p in moving:
                p.sub_(scale * p.grad)
        return loss


def _inverse(norm: Tensor) -> Tensor:
    """1 / norm, and 0 at 0."""
    return torch.where(norm > 0, 1 / norm.clamp_min(torch.finfo(norm.dtype).tiny), 0.0)
