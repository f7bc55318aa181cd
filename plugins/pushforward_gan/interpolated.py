"""Penalties on slopes away from the data: between real and generated samples, or around real ones."""

from __future__ import annotations

import torch
from pydantic import NonNegativeFloat
from torch import Tensor

from pushforward import Critic, Draw, Penalty, slope


class ZeroCentred(Penalty):
    r"""Penalise the discriminator's slope between real and generated data.

    .. math:: \tfrac{\gamma}{2}\, \mathbb{E}\, \|\nabla_{\hat x} D(\hat x)\|^2, \qquad
        \hat x = \epsilon x + (1 - \epsilon) G(z)

    The fraction is uniform, one for each sample. Calms the whole way between the two laws, not only their supports.

    Reference: Thanh-Tung, Tran, Venkatesh, "Improving Generalization and Stability of Generative Adversarial Networks",
    2019, arXiv:1902.03984.

    Args:
        weight: the strength gamma.
    """

    def __init__(self, weight: NonNegativeFloat = 1.0) -> None:
        self.weight = weight

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor, draw: Draw) -> Tensor:
        """The penalty on interpolates."""
        share = fractions(draw, real)
        return 0.5 * self.weight * slope(critic, share * real + (1 - share) * fake).square().flatten(1).sum(1).mean()


class Dragan(Penalty):
    r"""Ask for a slope near one around real data.

    .. math:: \lambda\, \mathbb{E}\, (\|\nabla_{\hat x} D(\hat x)\| - k)^2, \qquad
        \hat x = x + \tfrac{s}{2}\, \mathrm{std}(x)\, u

    u is uniform in [0, 1) in every coordinate, and std(x) the spread of the batch. Keeps the critic from becoming steep
    beside single data.

    Reference: Kodali, Abernethy, Hays, Kira, "On Convergence and Stability of GANs", 2017, arXiv:1705.07215.

    Args:
        weight: the strength lambda.
        norm: the slope k that is asked for.
        scale: how far the perturbation reaches, s, in spreads of the data.
    """

    def __init__(
        self, weight: NonNegativeFloat = 10.0, norm: NonNegativeFloat = 1.0, scale: NonNegativeFloat = 1.0
    ) -> None:
        self.weight, self.norm, self.scale = weight, norm, scale

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor, draw: Draw) -> Tensor:
        """The penalty around real data."""
        spread = real.std() if real.numel() > 1 else real.new_tensor(0.0)
        moved = real + 0.5 * self.scale * spread * draw.uniform("dragan", *real.shape[1:]).to(real)
        norms = torch.linalg.vector_norm(slope(critic, moved).flatten(1), dim=1)  # its gradient at 0 is 0
        return self.weight * (norms - self.norm).square().mean()


def fractions(draw: Draw, like: Tensor) -> Tensor:
    """Uniform numbers in [0, 1), one for each sample, (n, 1, ...)."""
    return draw.uniform("interpolation").to(like).view(-1, *[1] * (like.ndim - 1))
