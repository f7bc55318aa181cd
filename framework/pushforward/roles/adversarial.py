"""Objectives and penalties: what the players of an adversarial game want low, apart from how they are built."""

from __future__ import annotations

import abc
from collections.abc import Callable

import torch
from torch import Tensor

from pushforward.randomness import Draw

Critic = Callable[[Tensor], Tensor]


class Objective(abc.ABC):
    """Abstract: what generator and discriminator want, as functions of realness logits.

    Logits are (n,), already averaged over locations. Each method gives one scalar and must be finite for logits of
    1e4 wherever its value is finite in float32.

    Attributes:
        pairs: whether real and fake logits are compared pair by pair, so that both batches must be of one size.
        generator_needs_real: whether the generator's cost reads the logits of real data; if not they are not computed.
    """

    pairs: bool = False
    generator_needs_real: bool = False

    @abc.abstractmethod
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """The discriminator's cost."""

    @abc.abstractmethod
    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """The generator's cost; `real` is given where `generator_needs_real`."""


class Penalty(abc.ABC):
    """Abstract: what is added to the discriminator's cost.

    Attributes:
        weight: the strength; a schedule may move it.
        per_sample: whether it looks at the slope of each sample, and so refuses a critic that couples samples.
    """

    weight: float
    per_sample: bool = True

    @abc.abstractmethod
    def __call__(self, critic: Critic, real: Tensor, fake: Tensor, draw: Draw) -> Tensor:
        """The penalty, weight included: a scalar. `critic` maps (n, *shape) to logits (n,)."""


def slope(critic: Critic, x: Tensor) -> Tensor:
    """The gradient of each sample's logit in its own datum, in the shape of x, with a graph to the parameters.

    It differentiates the sum of the logits, which is right when no logit depends on another sample.
    """
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return gradient


def one_logit_a_sample(logits: Tensor, n: int) -> Tensor:
    """Logits (n, *locations) averaged to (n,); any other shape is refused, since it would broadcast silently.

    Raises:
        ValueError: if the first dimension is not n.
    """
    if logits.ndim == 0 or logits.shape[0] != n:
        raise ValueError(f"a critic gave logits of shape {tuple(logits.shape)} for {n} samples: expected ({n}, ...)")
    return logits if logits.ndim == 1 else logits.flatten(1).mean(1)
