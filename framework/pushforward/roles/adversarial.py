"""Objectives and penalties: what the players of an adversarial game want low, apart from how they are built."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pushforward.problem import UserError
from pushforward.randomness import Draw
from pushforward.roles.augmentation import Augmentation
from pushforward.roles.discriminator import Discriminator
from pushforward.roles.generator import Generator

Critic = Callable[[Tensor], Tensor]


class Objective(abc.ABC):
    """Abstract: what generator and discriminator want, as functions of realness logits.

    Logits are (n,), already averaged over locations. Each method gives one scalar and must be finite for logits of
    1e4 wherever its value is finite in float32.

    Attributes:
        pairs: whether real and fake logits are compared pair by pair, so that both batches must be of one size.
        generator_needs_real: whether the generator's cost reads the logits of real data; if not they are not computed.
        log_ratio: whether the best logits are the log-ratio of the density of real data to that of generated ones.
        compares_points: whether rows (n, d) may stand for logits, so that data are compared without a critic.
    """

    pairs: bool = False
    generator_needs_real: bool = False
    log_ratio: bool = False
    compares_points: bool = False

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

    @property
    def name(self) -> str:
        """Under which it is reported: the name of its class."""
        return type(self).__name__.lower()

    @abc.abstractmethod
    def __call__(self, critic: Critic, real: Tensor, fake: Tensor, draw: Draw) -> Tensor:
        """The penalty, weight included: a scalar. `critic` maps (n, *shape) to logits (n,).

        `critic(real)` and `critic(fake)` cost nothing: both were scored before.
        """


class GeneratorPenalty(abc.ABC):
    """Abstract: what is added to a generator's cost.

    Attributes:
        weight: the strength; a schedule may move it.
    """

    weight: float

    @abc.abstractmethod
    def __call__(self, generator: Generator, z: Tensor, fake: Tensor, draw: Draw) -> dict[str, Tensor]:
        """Terms, weight included, each a scalar; one whose name begins with `~` is observed and not added.

        Args:
            generator: the generator.
            z: the noise of this turn, (n, latent).
            fake: what it makes of it, (n, *shape), with a graph.
            draw: the turn: its classes are `draw.labels`.
        """


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


class Judge:
    """A discriminator on one turn, as a function of data alone: a batch that it has scored is not scored again.

    Args:
        discriminator: the discriminator.
        draw: the turn.
        condition: the classes of its samples, (n,).
        augment: how samples are changed before they are scored.
    """

    def __init__(
        self,
        discriminator: Discriminator,
        draw: Draw,
        condition: Tensor | None = None,
        augment: Sequence[Augmentation] = (),
    ) -> None:
        self.discriminator, self.draw, self.condition, self.augment = discriminator, draw, condition, augment
        self._scored: list[tuple[Tensor, Tensor]] = []

    def __call__(self, x: Tensor) -> Tensor:
        """Logits (n,) at x, (n, *shape)."""
        for known, logits in self._scored:
            if known is x:
                return logits
        return one_logit_a_sample(self.discriminator(self.changed(x), self.condition), x.shape[0])

    def changed(self, x: Tensor) -> Tensor:
        """What the discriminator is shown instead of x."""
        for change in self.augment:
            x = change(x, self.draw)
        return x

    def both(self, real: Tensor | None, fake: Tensor) -> tuple[Tensor | None, Tensor]:
        """Logits of real and generated data, (n,) each, in one pass where that is possible."""
        shown = None if real is None else self.changed(real)
        scored, false = score_both(self.discriminator, shown, self.changed(fake), self.condition)
        self._scored = [(fake, false)] + ([(real, scored)] if real is not None and scored is not None else [])
        return scored, false

    def known_as(self, x: Tensor, other: Tensor) -> Tensor:
        """`other`, which holds the same numbers as x, is scored as x is."""
        self._scored += [(other, logits) for known, logits in self._scored if known is x]
        return other


def penalty_terms(
    penalties: Sequence[Penalty], judge: Judge, real: Tensor, fake: Tensor, draw: Draw
) -> dict[str, Tensor]:
    """Every penalty by its name, which is that of its class; two of one name are added."""
    terms: dict[str, Tensor] = {}
    apart = judge.known_as(fake, fake.detach())
    for penalty in penalties:
        name, value = penalty.name, penalty(judge, real, apart, draw)
        terms[name] = terms[name] + value if name in terms else value
    return terms


def observations(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """What a move shows of a discriminator: mean logits of real and generated data, and the mean sign of real ones."""
    real, fake = real.detach(), fake.detach()
    return {"~logit-real": real.mean(), "~logit-fake": fake.mean(), "~sign-real": real.sign().mean()}


def refuse_coupled(discriminators: Sequence[Discriminator], penalties: Sequence[Penalty]) -> None:
    """A penalty on the slope of each sample has no meaning where samples see each other.

    Raises:
        UserError: if the two meet.
    """
    if any(d.couples_samples for d in discriminators) and any(p.per_sample for p in penalties):
        raise UserError(
            "a penalty on the slope of each sample needs a discriminator in which samples do not see each other:"
            " this one has batch normalisation"
        )
