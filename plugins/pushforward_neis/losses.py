"""What a velocity is trained on: how far walkers' weights are from one another, in the log domain."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

Loss = Literal["log-second-moment", "second-moment", "variance", "log-weight", "entropy"]


def loss_of(name: Loss, log_weights: Tensor, log_share: Tensor | None = None) -> Tensor:
    r"""One number, least where all weights are equal.

    .. math:: \log \mathbb{E} A^2, \qquad \mathbb{E} A^2, \qquad \log \mathrm{Var}\, A, \qquad -\mathbb{E} \log A,
        \qquad \mathbb{E}\, (A / \bar A + \epsilon) \log (A / \bar A + \epsilon)

    The mean of A is the same for every velocity, so that the second moment has no minimum but the variance's. A step
    of fixed length is the same for a loss and for its logarithm, which is the one that cannot overflow. The variance
    takes away the mean of the same walkers, which makes its gradient less noisy once weights are nearly equal. The last
    two bend less under a few large weights: the first of them hardly looks at them at all, and cannot see a mode that
    no walker meets; in the second A is in units of the mean of the same walkers, and epsilon is a thousandth.

    Args:
        name: which one.
        log_weights: log A of walkers, (n,).
        log_share: log of base over the law that walkers were drawn from, (n,); None where that was the base.
    """
    n = math.log(len(log_weights))
    share = torch.zeros_like(log_weights) if log_share is None else log_share
    if name == "log-weight":
        return -(share.exp() * log_weights).mean()
    met = log_weights != -math.inf  # a weight of zero counts as zero; NaN stays and is seen
    log_a, share = log_weights[met], share[met]
    if name == "entropy":
        mean = (log_a + share).logsumexp(0) - n
        above = torch.logaddexp(log_a - mean, log_a.new_tensor(-math.log(1000)))
        return ((above + share).exp() * above).sum() / len(log_weights)
    second = (2 * log_a + share).logsumexp(0) - n
    if name == "variance":
        mean = (log_a + share).logsumexp(0) - n
        return second + torch.log1p(-(2 * mean - second).exp().clamp(max=1 - 1e-6))
    return second if name == "log-second-moment" else second.exp()
