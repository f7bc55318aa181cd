"""f-divergences, each by the bound that a critic makes tight."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import softplus

from pushforward import Objective, RunFailed

Score = Callable[[Tensor], Tensor]

# g(v) for real data and f*(g(v)) for generated ones, v the logit: Nowozin et al., tables 2 and 6
SCORES: dict[str, tuple[Score, Score]] = {
    "kl": (lambda v: v, lambda v: (v - 1).exp()),
    "reverse-kl": (lambda v: -(-v).exp(), lambda v: v - 1),
    "pearson": (lambda v: v, lambda v: v.square() / 4 + v),
    "hellinger": (lambda v: 1 - (-v).exp(), lambda v: v.exp() - 1),
    "jensen-shannon": (lambda v: math.log(2) - softplus(-v), lambda v: softplus(v) - math.log(2)),
    "total-variation": (lambda v: v.tanh() / 2, lambda v: v.tanh() / 2),
}


class FGAN(Objective):
    r"""The critic's lower bound of an f-divergence of data from generated samples.

    .. math:: c_D = -\mathbb{E}\, g(D(x)) + \mathbb{E}\, f^*(g(D(G))), \qquad c_G = -\mathbb{E}\, g(D(G))

    At its best the critic makes :math:`-c_D` the divergence itself: for Jensen-Shannon twice the usual one. The
    generator's cost is the paper's alternative, which does not vanish where the critic is sure; a saturating one takes
    :math:`-\mathbb{E} f^*(g(D(G)))`, the bound itself. Where an exponential overflows the run stops and names the
    logit.

    Reference: Nowozin, Cseke, Tomioka, "f-GAN: Training Generative Neural Samplers using Variational Divergence
    Minimization", 2016, arXiv:1606.00709, sections 2.4 and 3.2.

    Args:
        divergence: which one.
        saturating: let the generator minimise the bound itself.
    """

    def __init__(
        self,
        divergence: Literal[
            "kl", "reverse-kl", "pearson", "hellinger", "jensen-shannon", "total-variation"
        ] = "jensen-shannon",
        saturating: bool = False,
    ) -> None:
        self.divergence, self.saturating = divergence, saturating
        self.on_real, self.on_fake = SCORES[divergence]

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Minus the bound."""
        return self._finite(self.on_fake(fake).mean() - self.on_real(real).mean(), real, fake)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """What generated data score as if they were real, or minus their part of the bound."""
        cost = -self.on_fake(fake).mean() if self.saturating else -self.on_real(fake).mean()
        return self._finite(cost, fake)

    def _finite(self, cost: Tensor, *logits: Tensor) -> Tensor:
        """The cost, unless an exponential of a logit is beyond what its type can hold."""
        if self.divergence not in ("kl", "reverse-kl", "hellinger") or torch._C._functorch.is_functorch_wrapped_tensor(
            cost
        ):
            return cost
        if not bool(torch.isfinite(cost)):
            largest = max((v.detach().abs().max() for v in logits), key=float)
            raise RunFailed(
                f"objective f-gan ({self.divergence}) is not finite: a logit of {float(largest):.4g} is beyond its"
                " exponential; penalise the critic's slope, or take jensen-shannon"
            )
        return cost
