"""A Gaussian mixture that is learned, as the law of noise: a flow need then not tear one mode into several."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from pushforward import Draw


class GaussianMixture(nn.Module):
    r"""Equal in form, free in weight, place and width.

    .. math:: \pi(z) = \sum_k w_k \prod_i \mathcal{N}(z_i; m_{ki}, e^{2 s_{ki}})

    Samples follow places and widths, not the weights: these learn from the density alone.

    Args:
        features: how many numbers a row has.
        modes: how many components; their places begin as normal numbers.
    """

    def __init__(self, features: int, modes: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(modes))
        self.means = nn.Parameter(torch.randn(modes, features))
        self.log_scales = nn.Parameter(torch.zeros(modes, features))

    def log_density(self, z: Tensor) -> Tensor:
        """log pi(z), (n,), for rows (n, features)."""
        off = (z[:, None] - self.means) * (-self.log_scales).exp()
        each = -0.5 * (off.square().sum(2) + z.shape[1] * math.log(2 * math.pi)) - self.log_scales.sum(1)
        return (each + self.logits.log_softmax(0)).logsumexp(1)

    def sample(self, draw: Draw) -> Tensor:
        """A row for every sample of the draw."""
        ends = self.logits.detach().softmax(0).cumsum(0)[:-1]
        mode = (draw.uniform("mode")[:, None] >= ends).sum(1)
        return self.means[mode] + self.log_scales[mode].exp() * draw.normal("latent", self.means.shape[1])
