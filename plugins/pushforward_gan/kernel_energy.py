"""Energies between two sets of points or of a critic's views of them: the maximum mean discrepancy as an objective."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import PositiveFloat
from torch import Tensor

from pushforward import Objective, UserError

BANDWIDTHS = {"gaussian": [0.5, 1.0, 2.0, 4.0, 8.0], "inverse-multiquadric": [0.5, 1.0, 2.0, 4.0, 8.0]}


class KernelEnergy(Objective):
    r"""The squared maximum mean discrepancy of logits: the critic parts the two sides, the generator joins them.

    .. math:: c_G = \mathbb{E}\, k(u, u') + \mathbb{E}\, k(v, v') - 2\, \mathbb{E}\, k(u, v), \qquad c_D = -c_G,
        \qquad u = D(x), \; v = D(G)

    Pairs of equal rows are left out, so that equal laws have a cost of zero in the mean. Kernels, as functions of the
    distance t in bandwidths: `gaussian`, :math:`e^{-t^2 / 2}`; `inverse-multiquadric`, :math:`(1 + t^2)^{-1/2}`;
    `rational-quadratic`, the mean of :math:`(1 + t^2 / 2a)^{-a}` over a = 1/5, 1/2, 1, 2, 5; `energy`, :math:`-t`,
    which makes it the energy distance. Logits have a free scale, so that a critic needs a penalty on its slope; in
    `moment-matching` there is no critic, and u and v are data and samples themselves.

    Reference: Binkowski, Sutherland, Arbel, Gretton, "Demystifying MMD GANs", 2018, arXiv:1801.01401.

    Args:
        kernel: which one.
        bandwidths: the kernel is its mean over these, in the unit of logits or data; None takes 1/2, 1, 2, 4, 8 for
            `gaussian` and `inverse-multiquadric`, 1 for the others.

    Raises:
        UserError: if there is no bandwidth, or a batch of one.
    """

    generator_needs_real = True
    compares_points = True

    def __init__(
        self,
        kernel: Literal["gaussian", "inverse-multiquadric", "rational-quadratic", "energy"] = "rational-quadratic",
        bandwidths: list[PositiveFloat] | None = None,
    ) -> None:
        if bandwidths is not None and not bandwidths:
            raise UserError("bandwidths is empty: expected one positive number at least")
        self.kernel, self.bandwidths = kernel, bandwidths or BANDWIDTHS.get(kernel, [1.0])

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
        if len(v) < 2:
            raise UserError(f"kernel-energy compares pairs within a batch: got a batch of {len(v)}, expected 2 or more")
        values = self._values(v, v)
        return (values.sum() - values.diagonal().sum()) / (len(v) * (len(v) - 1))

    def _values(self, u: Tensor, v: Tensor) -> Tensor:
        """The kernel between every point of u, (n,) or (n, d), and every one of v: (n, m)."""
        apart = u[:, None] - v
        if self.kernel == "energy":  # whose slope where points meet is taken as zero
            distance = apart.abs() if u.ndim == 1 else torch.linalg.vector_norm(apart, dim=2)
            return torch.stack([-distance / h for h in self.bandwidths]).mean(0)
        square = apart.square() if u.ndim == 1 else apart.square().sum(2)
        return torch.stack([self._at(square / h**2) for h in self.bandwidths]).mean(0)

    def _at(self, square: Tensor) -> Tensor:
        """A smooth kernel at a squared distance in bandwidths."""
        if self.kernel == "gaussian":
            return (-square / 2).exp()
        if self.kernel == "inverse-multiquadric":
            return (1 + square).rsqrt()
        return torch.stack([(1 + square / (2 * a)) ** -a for a in (0.2, 0.5, 1.0, 2.0, 5.0)]).mean(0)
