"""Torch's fused Adam without the checks that stand around its kernel: of a small step they are the longer part."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class Moments(NamedTuple):
    """What the kernel is given of one parameter group, in the order of its parameters."""

    parameters: list[Tensor]
    first: list[Tensor]
    second: list[Tensor]
    counts: list[Tensor]


class FusedAdam(torch.optim.Adam):
    """torch.optim.Adam(fused=True), to the bit: the same kernel, called with lists that are gathered once.

    The first step is torch's own, and so is every step in which a parameter has no gradient. Hooks of steps are not
    called: the games' own `remember` is what follows a move.
    """

    _gathered: list[Moments] | None = None  # of the class: a copy of the optimizer gathers its own

    def __init__(self, parameters: list[nn.Parameter], **numbers: Any) -> None:
        super().__init__(parameters, fused=True, **numbers)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step of all groups."""
        gradients = [[p.grad for p in group["params"]] for group in self.param_groups]
        if self._gathered is None or any(g is None for own in gradients for g in own):
            torch.optim.Adam.step(self)
            self._gathered = self._gather()
            return
        for group, moments, own in zip(self.param_groups, self._gathered, gradients, strict=True):
            beta1, beta2 = group["betas"]
            torch._foreach_add_(moments.counts, 1)
            torch._fused_adam_(
                moments.parameters,
                own,
                moments.first,
                moments.second,
                [],
                moments.counts,
                lr=group["lr"],
                beta1=beta1,
                beta2=beta2,
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                amsgrad=False,
                maximize=False,
            )

    step.hooked = True  # type: ignore[attr-defined]  # torch then leaves it as it is written

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Moments from a checkpoint, which are other tensors than those that were gathered."""
        super().load_state_dict(state_dict)
        self._gathered = None

    def _gather(self) -> list[Moments] | None:
        found = []
        for group in self.param_groups:
            kept = [self.state.get(p, {}) for p in group["params"]]
            if not all(kept) or len({(p.device, p.dtype) for p in group["params"]}) > 1:
                return None  # a parameter that never moved has no moments, and the kernel takes one kind at a time
            found.append(
                Moments(group["params"], *([state[key] for state in kept] for key in ("exp_avg", "exp_avg_sq", "step")))
            )
        return found
