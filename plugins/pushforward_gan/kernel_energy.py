"""Energies between the critic's views of data and of samples: the maximum mean discrepancy as an objective."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from pushforward import Objective


class KernelEnergy(Objective):
    r"""The squared maximum mean discrepancy of logits: the critic parts the two sides, the generator joins them.

    .. math:: c_G = \mathbb{E}\, k(u, u') + \mathbb{E}\, k(v, v') - 2\, \mathbb{E}\, k(u, v), \qquad c_D = -c_G,
        \qquad u = D(x), \; v = D(G)

    Pairs of equal rows are left out, so that equal laws have a cost of zero in the mean. Kernels: `gaussian`, the mean
    over bandwidths 1/2, 1, 2, 4, 8; `rational-quadratic`, the mean of :math:`(1 + d^2 / 2a)^{-a}` over a = 1/5, 1/2, 1,
    2, 5; `energy`, :math:`-|d|`, which makes it the energy distance. Logits have a free scale, so that the critic needs
    a penalty on its slope.

    Reference: Binkowski, Sutherland, Arbel, Gretton, "Demystifying MMD GANs", 2018, arXiv:1801.01401.

    Args:
        kernel: which one.
    """

    generator_needs_real = True

    def __init__(self, kernel: Literal["gaussian", "rational-quadratic", "energy"] = "rational-quadratic") -> None:
        self.kernel = kernel

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Minus the discrepancy."""
        return -self._discrepancy(real, fake)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """The discrepancy."""
        if real is None:
            raise TypeError("kernel-energy: the generator's cost needs the logits of real data")
        return self._discrepancy(real, fake)

    def _discrepancy(self, real: Tensor, fake: Tensor) -> Tensor:
        return self._within(real) + self._within(fake) - 2 * self._values(real, fake).mean()

    def _within(self, v: Tensor) -> Tensor:
        values = self._values(v, v)
        return (values.sum() - values.diagonal().sum()) / max(len(v) * (len(v) - 1), 1)

    def _values(self, u: Tensor, v: Tensor) -> Tensor:
        apart = u[:, None] - v
        if self.kernel == "energy":
            return -apart.abs()
        square = apart.square()
        if self.kernel == "gaussian":
            return torch.stack([(-square / (2 * h**2)).exp() for h in (0.5, 1.0, 2.0, 4.0, 8.0)]).mean(0)
        return torch.stack([(1 + square / (2 * a)) ** -a for a in (0.2, 0.5, 1.0, 2.0, 5.0)]).mean(0)
