"""A penalty on the size of energies: what keeps them from drifting where only their differences are learned."""

from __future__ import annotations

from pydantic import NonNegativeFloat
from torch import Tensor

from pushforward import Critic, Draw, Penalty


class SquaredEnergies(Penalty):
    r"""Keep energies near zero.

    .. math:: \alpha\, (\mathbb{E}_{x \sim p}\, E(x)^2 + \mathbb{E}_{x \sim q}\, E(x)^2)

    q is what the energy is held against: the base, or chains. For contrastive divergence, whose cost has no bottom.

    Reference: Du, Mordatch, "Implicit Generation and Modeling with Energy-Based Models", 2019, arXiv:1903.08689.

    Args:
        weight: the strength alpha.
    """

    per_sample = False

    def __init__(self, weight: NonNegativeFloat = 0.1) -> None:
        self.weight = weight

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor, draw: Draw) -> Tensor:
        """The penalty on both sides."""
        return self.weight * (critic(real).square().mean() + critic(fake).square().mean())
