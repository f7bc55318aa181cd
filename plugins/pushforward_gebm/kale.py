r"""KALE: the likelihood of data under an energy on a base law, as what the energy wants and as what the base wants.

.. math:: \mathrm{KALE}(P \,\|\, G) = \sup_{E, c}\; 1 - \mathbb{E}_P[E + c] - \mathbb{E}_G\bigl[e^{-(E + c)}\bigr]

It is never negative, zero for equal laws, and the Kullback-Leibler divergence where some E + c is log dG/dP. The best c
for an energy is its log-partition :math:`A = \log \mathbb{E}_G e^{-E}`; with it the value is that of Donsker and
Varadhan, :math:`-\mathbb{E}_P E - A`. Logits are D = -(E + c): high is real, and the best are log dP/dG.
"""

from __future__ import annotations

import math

from torch import Tensor

from pushforward import Objective


class KALE(Objective):
    r"""A lower bound of the Kullback-Leibler divergence, whose best critic is the log-ratio of the two laws.

    .. math:: c_D = \mathbb{E}\, e^{D(G)} - \mathbb{E}\, D(x) - 1, \qquad c_G = -\mathbb{E}\, e^{D(G)}

    -c_D is the bound. Both costs are means over samples: the generator's gradient weighs each of its samples by
    :math:`e^{D}`, its importance. The log-partition is part of the critic, which has to learn it.

    Reference: Arbel, Zhou, Gretton, "Generalized Energy Based Models", 2020, arXiv:2003.05033.
    """

    log_ratio = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Minus the bound."""
        return fake.exp().mean() - real.mean() - 1

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """The bound, as far as it depends on the generator."""
        return -fake.exp().mean()


class DonskerVaradhan(Objective):
    r"""The same bound at the log-partition of the batch: no constant in the critic matters.

    .. math:: c_D = \log \mathbb{E}\, e^{D(G)} - \mathbb{E}\, D(x), \qquad c_G = -\log \mathbb{E}\, e^{D(G)}

    The weights of generated samples add up to one in every batch, so that no exponential overflows. The batch's
    log-partition is too low in the mean, by about its variance over 2: the energy's gradient is biased for small
    batches. No mean over samples: batches stay whole.

    Reference: Donsker, Varadhan, "Asymptotic Evaluation of Certain Markov Process Expectations for Large Time IV",
    1983; Arbel, Zhou, Gretton, "Generalized Energy Based Models", 2020, arXiv:2003.05033.
    """

    log_ratio = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Minus the bound."""
        return _log_mean_exp(fake) - real.mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """The bound, as far as it depends on the generator."""
        return -_log_mean_exp(fake)


def _log_mean_exp(logits: Tensor) -> Tensor:
    return logits.logsumexp(0) - math.log(len(logits))
