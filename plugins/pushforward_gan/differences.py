"""Penalties by differences of logits: as calming as slopes, without differentiating twice."""

from __future__ import annotations

from pydantic import NonNegativeFloat
from torch import Tensor, nn

from pushforward import Augmentation, Critic, Draw, Penalty
from pushforward_gan.augmentations import InstanceNoise


class ApproximateR1(Penalty):
    r"""Penalise how much the discriminator changes when real data are jolted.

    .. math:: \lambda\, \mathbb{E}\, |D(x) - D(x + \sigma \epsilon)|^2 = \lambda \sigma^2\, \mathbb{E} \|\nabla D\|^2
        + O(\sigma^4), \qquad \epsilon \sim \mathcal{N}(0, I)

    R1 with :math:`\gamma = 2 \lambda \sigma^2` for a critic that cannot be differentiated twice, or not in time.

    Reference: Lin et al., "Diffusion Adversarial Post-Training for One-Step Video Generation", 2025,
    arXiv:2501.08316, eq. 4.

    Args:
        weight: the strength lambda.
        scale: the standard deviation sigma of the jolt, in units of the data.
    """

    def __init__(self, weight: NonNegativeFloat = 100.0, scale: NonNegativeFloat = 0.01) -> None:
        self.weight, self.scale = weight, scale

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor, draw: Draw) -> Tensor:
        """The penalty on real data."""
        return self.weight * self._jolted(critic, real, draw).square().mean()

    def _jolted(self, critic: Critic, x: Tensor, draw: Draw) -> Tensor:
        noise = draw.normal(f"jolt-{type(self).__name__}", *x.shape[1:]).to(x)
        return critic(x) - critic(x + self.scale * noise)


class ApproximateR2(ApproximateR1):
    r"""Penalise how much the discriminator changes when generated data are jolted.

    .. math:: \lambda\, \mathbb{E}\, |D(G) - D(G + \sigma \epsilon)|^2, \qquad \epsilon \sim \mathcal{N}(0, I)

    R2 with :math:`\gamma = 2 \lambda \sigma^2`, without differentiating twice.

    Reference: Lin et al., "Diffusion Adversarial Post-Training for One-Step Video Generation", 2025,
    arXiv:2501.08316, eq. 4.

    Args:
        weight: the strength lambda.
        scale: the standard deviation sigma of the jolt, in units of the data.
    """

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor, draw: Draw) -> Tensor:
        """The penalty on generated data."""
        return self.weight * self._jolted(critic, fake, draw).square().mean()


class Consistency(Penalty):
    r"""Ask the discriminator for the same logit before and after a change that does not matter.

    .. math:: \lambda\, \big(\mathbb{E}\, (D(x) - D(T(x)))^2 + \mathbb{E}\, (D(G) - D(T(G)))^2\big)

    Of use with few data: what a class of changes cannot alter the critic cannot memorise.

    Reference: Zhao et al., "Improved Consistency Regularization for GANs", 2020, arXiv:2002.04724, eq. 3.

    Args:
        weight: the strength lambda.
        augment: the changes T, in this order; None means instance noise of scale 0.1.
    """

    per_sample = False

    def __init__(self, weight: NonNegativeFloat = 10.0, augment: list[Augmentation] | None = None) -> None:
        self.weight = weight
        self.augment: list[Augmentation] = [InstanceNoise(0.1)] if augment is None else augment

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor, draw: Draw) -> Tensor:
        """The penalty on both sides."""
        own = Draw(
            draw.seed, (*draw.key, "consistency"), draw.total, draw.rows, device=draw.device, dtype=draw.dtype
        )  # changes other than those that the critic is shown anyway
        return self.weight * (self._off(critic, real, own) + self._off(critic, fake, own))

    def _off(self, critic: Critic, x: Tensor, draw: Draw) -> Tensor:
        changed = x
        for change in self.augment:
            changed = change(changed, draw)
        return nn.functional.mse_loss(critic(changed), critic(x))
