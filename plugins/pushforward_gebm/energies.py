"""A critic and an energy are one thing seen from two sides: what looks real is likely."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward import Discriminator, Energy, UserError, one_logit_a_sample

RUN_OFF = 1e4  # nats below zero beyond which an energy is no log-density of anything


class CriticEnergy(Energy):
    r"""A discriminator read as an energy.

    .. math:: E(x) = -D(x)

    For the networks of the GAN families, spectral normalisation included; and for a discriminator that a GAN has
    trained: for logistic losses it tends to log p/g, which is the energy that corrects its own generator.

    Reference: Che, Zhang, Sohl-Dickstein, Larochelle, Paull, Cao, Bengio, "Your GAN is Secretly an Energy-based Model
    and You Should Use Discriminator Driven Latent Sampling", 2020, arXiv:2003.06060.

    Args:
        discriminator: data to logits, averaged over locations.

    Raises:
        UserError: if it wants classes, or has layers in which samples of a batch see each other.
    """

    def __init__(self, discriminator: Discriminator) -> None:
        super().__init__()
        if discriminator.conditional or discriminator.couples_samples:
            what = "wants classes" if discriminator.conditional else "has batch normalisation"
            raise UserError(f"critic: the discriminator {what}: an energy is a function of one datum alone")
        self.discriminator = discriminator

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Minus the mean logit, (n,)."""
        return -one_logit_a_sample(self.discriminator(x), len(x))


class Tilt(Discriminator):
    r"""An energy and its constant as a critic: what objectives and penalties look at.

    .. math:: D(x) = -(E(x) + c)

    Args:
        energy: data to nats.
        constant: c, one number.
    """

    def __init__(self, energy: Energy, constant: Tensor) -> None:
        super().__init__()
        self.energy, self.constant = energy, constant

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Logits, (n,)."""
        return -(self.energy(x) + self.constant)


def lowest(*energies: Tensor) -> dict[str, Tensor]:
    """The lowest energy of a turn as an observation: minus infinity, at which a run stops, once it has run off."""
    found = torch.cat(energies).detach().min()
    return {"~lowest-energy": torch.where(found < -RUN_OFF, -math.inf, found)}
