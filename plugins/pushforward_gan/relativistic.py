"""Relativistic averages: how much more real data look than generated ones do on average."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from pushforward import Objective


class RelativisticAverage(Objective):
    r"""Each logit against the mean logit of the other side.

    .. math:: c_D = \mathbb{E}\, \mathrm{sp}(-(D(x) - \bar D_G)) + \mathbb{E}\, \mathrm{sp}(D(G) - \bar D_x), \qquad
        c_G = \mathbb{E}\, \mathrm{sp}(-(D(G) - \bar D_x)) + \mathbb{E}\, \mathrm{sp}(D(x) - \bar D_G)

    The means are those of the batch: a batch in parts has others.

    Reference: Jolicoeur-Martineau, "The relativistic discriminator: a key element missing from standard GAN", 2018,
    arXiv:1807.00734.
    """

    generator_needs_real = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Real above the mean of fake, fake below the mean of real."""
        return softplus(fake.mean() - real).mean() + softplus(fake - real.mean()).mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """The same with the sides exchanged."""
        if real is None:
            raise TypeError("relativistic-average: the generator's cost needs the logits of real data")
        return softplus(real.mean() - fake).mean() + softplus(real - fake.mean()).mean()
