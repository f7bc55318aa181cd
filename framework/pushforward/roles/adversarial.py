"""Objectives and penalties: what the players of an adversarial game want low, apart from how they are built."""

from __future__ import annotations

import abc
from collections.abc import Callable

import torch
from torch import Tensor

from pushforward.problem import UserError
from pushforward.randomness import Draw
from pushforward.roles.discriminator import Discriminator

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


def score_both(
    discriminator: Discriminator, real: Tensor | None, fake: Tensor, condition: Tensor | None = None
) -> tuple[Tensor | None, Tensor]:
    """Logits of real and generated data, (n,) each, in one pass; apart where the discriminator couples samples."""
    if real is not None and fake.shape[1:] != real.shape[1:]:
        raise UserError(f"generated samples have shape {tuple(fake.shape[1:])}, the data {tuple(real.shape[1:])}")
    if real is None or discriminator.couples_samples:
        scored = None if real is None else one_logit_a_sample(discriminator(real, condition), real.shape[0])
        return scored, one_logit_a_sample(discriminator(fake, condition), fake.shape[0])
    both = None if condition is None else torch.cat([condition, condition])
    n, m = real.shape[0], fake.shape[0]
    first, second = one_logit_a_sample(discriminator(torch.cat([real, fake]), both), n + m).split([n, m])
    return first, second


def penalty_terms(
    penalties: list[Penalty],
    discriminator: Discriminator,
    real: Tensor,
    fake: Tensor,
    draw: Draw,
    condition: Tensor | None = None,
) -> dict[str, Tensor]:
    """Every penalty by the name of its class; two of one class are added."""

    def critic(x: Tensor) -> Tensor:
        return one_logit_a_sample(discriminator(x, condition), x.shape[0])

    terms: dict[str, Tensor] = {}
    for penalty in penalties:
        name, value = type(penalty).__name__.lower(), penalty(critic, real, fake.detach(), draw)
        terms[name] = terms[name] + value if name in terms else value
    return terms


def refuse_coupled(discriminators: list[Discriminator], penalties: list[Penalty]) -> None:
    """A penalty on the slope of each sample has no meaning where samples see each other.

    Raises:
        UserError: if the two meet.
    """
    if any(d.couples_samples for d in discriminators) and any(p.per_sample for p in penalties):
        raise UserError(
            "a penalty on the slope of each sample needs a discriminator in which samples do not see each other:"
            " this one has batch normalisation"
        )
