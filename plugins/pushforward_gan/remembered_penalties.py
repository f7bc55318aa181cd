"""Penalties that remember earlier moves: running means of logits, and when a costly one was last applied."""

from __future__ import annotations

import torch
from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor
from torch.nn.functional import relu

from pushforward import Critic, Draw, Penalty, Remembering
from pushforward_gan.penalties import R1


class LeCam(Penalty, Remembering):
    r"""Keep logits of real data near those that generated data used to have, and the other way round.

    .. math:: \lambda\, \mathbb{E}\, \mathrm{relu}(D(x) - \alpha_F)^2 +
        \lambda\, \mathbb{E}\, \mathrm{relu}(\alpha_R - D(G))^2

    The anchors are running means of the logits. For few data. This is the form of the authors' code; the paper has no
    relu.

    Reference: Tseng, Jiang, Liu, Yang, Yang, "Regularizing Generative Adversarial Networks under Limited Data", 2021,
    arXiv:2104.03310.

    Args:
        weight: the strength lambda.
        decay: the weight of the past in the running means.
    """

    per_sample = False

    def __init__(self, weight: NonNegativeFloat = 0.3, decay: NonNegativeFloat = 0.99) -> None:
        Remembering.__init__(self)
        self.weight, self.decay = weight, decay
        self.register_buffer("real", torch.tensor(0.0))
        self.register_buffer("fake", torch.tensor(0.0))
        self.real: Tensor  # running mean of the logits of real data
        self.fake: Tensor  # and of generated ones

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor, draw: Draw) -> Tensor:
        """The penalty on both sides."""
        above, below = relu(critic(real) - self.fake), relu(self.real - critic(fake))
        return self.weight * (above.square().mean() + below.square().mean())

    def remember(self, seen: dict[str, Tensor]) -> None:
        """The anchors follow the logits that were seen."""
        self.real.lerp_(seen["~logit-real"].to(self.real), 1 - self.decay)
        self.fake.lerp_(seen["~logit-fake"].to(self.fake), 1 - self.decay)


class Lazy(Penalty, Remembering):
    r"""Another penalty in every k-th move only, k times as strong, so that its strength is kept.

    .. math:: k\, R \text{ in moves } 0, k, 2k, \dots, \qquad 0 \text{ in the others}

    Saves the second differentiation of most moves. On thin targets it fails where the penalty of every move does not.

    Reference: Karras, Laine, Aittala, Hellsten, Lehtinen, Aila, "Analyzing and Improving the Image Quality of
    StyleGAN", 2019, arXiv:1912.04958, section 3.1.

    Args:
        penalty: the penalty R; None means `r1` with its default strength.
        every: k, in moves of the player.
    """

    def __init__(self, penalty: Penalty | None = None, every: PositiveInt = 16) -> None:
        Remembering.__init__(self)
        self.penalty, self.every = penalty or R1(), every
        self.per_sample = self.penalty.per_sample
        self.register_buffer("moves", torch.tensor(0))
        self.moves: Tensor

    @property
    def weight(self) -> float:  # type: ignore[override]
        """The strength of the penalty."""
        return self.penalty.weight

    @weight.setter
    def weight(self, value: float) -> None:
        self.penalty.weight = value

    @property
    def name(self) -> str:
        """That of the penalty."""
        return self.penalty.name

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor, draw: Draw) -> Tensor:
        """The penalty where it is due."""
        if int(self.moves) % self.every:
            return real.new_zeros(())
        return self.every * self.penalty(critic, real, fake, draw)

    def remember(self, seen: dict[str, Tensor]) -> None:
        """One more move."""
        self.moves += 1
        if isinstance(self.penalty, Remembering):
            self.penalty.remember(seen)
