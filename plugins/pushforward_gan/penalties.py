"""Penalties on the discriminator's slope. One convention for strengths: R1 is (gamma/2) E|grad D|^2."""

from __future__ import annotations

import torch
from pydantic import NonNegativeFloat
from torch import Tensor

from pushforward import Critic, Draw, Penalty, UserError, slope


class R1(Penalty):
    r"""Penalise the discriminator's slope on real data.

    .. math:: \tfrac{\gamma}{2}\, \mathbb{E}_{x \sim p}\, \|\nabla_x D(x)\|^2

    Makes training locally convergent even where data lie on a thin manifold.

    Reference: Mescheder, Geiger, Nowozin, "Which Training Methods for GANs do actually Converge?", 2018,
    arXiv:1801.04406, eq. 9.

    Args:
        weight: the strength gamma (code that omits the half uses gamma/2 of this).

    Raises:
        UserError: if it is negative.
    """

    def __init__(self, weight: NonNegativeFloat = 1.0) -> None:
        self.weight = _strength(weight)

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor, draw: Draw) -> Tensor:
        """The penalty on real data."""
        return 0.5 * self.weight * slope(critic, real).square().flatten(1).sum(1).mean()


class R2(Penalty):
    r"""Penalise the discriminator's slope on generated data.

    .. math:: \tfrac{\gamma}{2}\, \mathbb{E}_{x \sim q}\, \|\nabla_x D(x)\|^2

    With R1 it keeps both sides calm: of use where generated and real data are far apart.

    Reference: Mescheder, Geiger, Nowozin, "Which Training Methods for GANs do actually Converge?", 2018,
    arXiv:1801.04406, eq. 10.

    Args:
        weight: the strength gamma, as in R1.

    Raises:
        UserError: if it is negative.
    """

    def __init__(self, weight: NonNegativeFloat = 1.0) -> None:
        self.weight = _strength(weight)

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor, draw: Draw) -> Tensor:
        """The penalty on generated data."""
        return 0.5 * self.weight * slope(critic, fake).square().flatten(1).sum(1).mean()


class WGANGP(Penalty):
    r"""Hold the discriminator's slope near one between real and generated data.

    .. math:: \lambda\, \mathbb{E}\, (\|\nabla_x D(\hat x)\| - 1)^2, \quad \hat x = \epsilon x + (1 - \epsilon) G

    For the Wasserstein objective; each sample has its own fraction and its own norm. It does not make training
    converge (Mescheder et al., 2018).

    Reference: Gulrajani et al., "Improved Training of Wasserstein GANs", 2017, arXiv:1704.00028, eq. 3.

    Args:
        weight: the strength lambda.
        norm: the slope that is wanted.

    Raises:
        UserError: if one of them is negative.
    """

    def __init__(self, weight: NonNegativeFloat = 10.0, norm: NonNegativeFloat = 1.0) -> None:
        self.weight, self.norm = _strength(weight), _strength(norm)

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor, draw: Draw) -> Tensor:
        """The penalty between the two, pair by pair."""
        share = draw.uniform("interpolation").view(-1, *[1] * (real.ndim - 1))
        slopes = slope(critic, torch.lerp(fake, real, share)).flatten(1)
        norms = torch.linalg.vector_norm(slopes, dim=1)  # its gradient at 0 is 0, that of a bare root is not finite
        return self.weight * (norms - self.norm).square().mean()


def _strength(value: float) -> float:
    if not value >= 0:
        raise UserError(f"a strength of {value}: expected 0 or more; below 0 a penalty drives slopes up without end")
    return value
