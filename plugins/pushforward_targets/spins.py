"""Spins as Gaussian fields: laws of a few yes-or-no variables, as smooth densities with the same partition function."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward import Draw
from pushforward_targets import density_metadata
from pushforward_targets.endless import Endless

STIFFNESS = 0.1  # the least eigenvalue of J + c I: above 0, or a direction would not see the spins


class SpinField(Endless):
    r"""Abstract: the Gaussian field (Hubbard-Stratonovich) form of a law of n spins of plus and minus one.

    .. math:: P(s) \propto e^{\frac12 s^\top J s + h^\top s}, \qquad J + c I = L L^\top

    .. math:: e^{-U(x)} = \mathcal{N}(x; 0, I)\, \prod_i 2 \cosh\bigl((L x)_i + h_i\bigr)\, e^{a - c n / 2}, \qquad
        Z = e^a \sum_s e^{\frac12 s^\top J s + h^\top s}

    Given s, x is N(L' s, I); given x, the spins are independent. So the field has exact samples, and its log Z is the
    sum over all 2^n configurations.

    Args:
        couplings: J, symmetric with nothing on its diagonal, (n, n).
        fields: h, (n,).
        offset: a.

    Attributes:
        couplings: J.
        fields: h.
        root: L, symmetric.
    """

    def __init__(self, couplings: Tensor, fields: Tensor, offset: float = 0.0) -> None:
        self.couplings, self.fields, n = couplings.double(), fields.double(), len(fields)
        values, axes = torch.linalg.eigh(self.couplings)
        shift = STIFFNESS - float(values[0])
        self.root = axes * (values + shift).sqrt() @ axes.T
        self.shape, self._constant = (n,), offset - 0.5 * shift * n
        bits = torch.arange(2**n)[:, None] >> torch.arange(n) & 1
        self._spins = (2 * bits - 1).double()  # (2^n, n)
        weights = 0.5 * (self._spins @ self.couplings * self._spins).sum(1) + self._spins @ self.fields
        self.log_z = float(weights.logsumexp(0)) + offset
        self._below = weights.softmax(0).cumsum(0)

    def _points(self, draw: Draw) -> Tensor:
        uniform = draw.uniform("spins").double()
        chosen = torch.searchsorted(self._below.to(uniform), uniform, right=True).clamp(max=len(self._below) - 1)
        noise = draw.normal("noise", *self.shape)
        return noise + (self._spins.to(noise)[chosen] @ self.root.to(noise))

    def log_density(self, x: Tensor) -> Tensor:
        """-U(x), (n,)."""
        push = x @ self.root.to(x) + self.fields.to(x)
        both = torch.logaddexp(push, -push).sum(1)  # log 2 cosh
        return both - 0.5 * (x.square().sum(1) + x.shape[1] * math.log(2 * math.pi)) + self._constant

    def score(self, x: Tensor) -> Tensor:
        """-grad U(x), (n, D)."""
        root = self.root.to(x)
        return (x @ root + self.fields.to(x)).tanh() @ root - x


class Ising(SpinField):
    r"""The Ising model on a small periodic square, as a Gaussian field; log Z is that of the spins.

    .. math:: Z = \sum_{s \in \{-1, 1\}^{n}} \exp\Bigl(\tfrac1T \sum_{i \sim j} s_i s_j + \tfrac{h}{T} \sum_i s_i\Bigr)

    A discrete law has no score; this density has the same log Z (`SpinField` says how), so that any estimator can be
    held against an enumeration. Below the critical temperature 2.269 it has two modes, unequal where h is not 0.

    Reference: Hubbard, "Calculation of Partition Functions", 1959; Onsager, "Crystal Statistics", 1944.

    Args:
        side: sites along an edge, 3 or 4; a point has side^2 numbers.
        temperature: T, in units of the coupling.
        field: h, in units of the coupling.

    Raises:
        UserError: if the side is not 3 or 4, or the temperature not above 0.
    """

    def __init__(self, side: int = 4, temperature: float = 2.5, field: float = 0.05) -> None:
        density_metadata.ising(side, temperature, field)
        self.side, self.temperature, self.field = side, temperature, field
        n = side * side
        couplings = torch.zeros(n, n, dtype=torch.float64)
        for site in range(n):
            row, column = divmod(site, side)
            for other in (row * side + (column + 1) % side, (row + 1) % side * side + column):
                couplings[site, other] += 1 / temperature
                couplings[other, site] += 1 / temperature
        super().__init__(couplings, torch.full((n,), field / temperature, dtype=torch.float64))


class RBM(SpinField):
    r"""A small restricted Boltzmann machine of random weights, as a Gaussian field; log Z is that of its units.

    .. math:: Z = \sum_{v, h} \exp(a^\top v + b^\top h + v^\top W h), \qquad v \in \{0, 1\}^V,\; h \in \{0, 1\}^H

    W, a and b are normal numbers of the standard deviations below, from a draw of `seed`. Units of 0 and 1 are
    rewritten as spins (`SpinField` says how they become a density).

    Reference: Salakhutdinov, Murray, "On the Quantitative Analysis of Deep Belief Networks", 2008.

    Args:
        visible: V, visible units.
        hidden: H, hidden units; V + H is at most 16.
        scale: standard deviation of the weights W.
        bias_scale: standard deviation of the biases a and b.
        seed: another seed gives other weights.

    Attributes:
        weights: W, (V, H).
        biases: a and b, (V + H,).

    Raises:
        UserError: if a layer is empty, there are more than 16 units, or a scale is not above 0.
    """

    def __init__(
        self, visible: int = 8, hidden: int = 6, scale: float = 1.0, bias_scale: float = 0.5, seed: int = 0
    ) -> None:
        density_metadata.rbm(visible, hidden, scale, bias_scale, seed)
        self.visible, self.hidden, self.scale, self.bias_scale, self.seed = visible, hidden, scale, bias_scale, seed
        draw = Draw(seed, ("rbm",), visible + hidden, dtype=torch.float64)
        self.weights = scale * draw.normal("weights", hidden)[:visible]
        self.biases = bias_scale * draw.normal("biases")
        n = visible + hidden
        couplings = torch.zeros(n, n, dtype=torch.float64)
        couplings[:visible, visible:] = self.weights / 4  # v = (1 + s) / 2
        couplings = couplings + couplings.T
        fields = self.biases / 2 + couplings.sum(1)
        super().__init__(couplings, fields, float(self.biases.sum()) / 2 + float(self.weights.sum()) / 4)
