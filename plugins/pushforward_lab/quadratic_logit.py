"""A critic that knows only means and variances: two narrow layers over a number and its square."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from pushforward import Network


class QuadraticLogit(Network):
    r"""The difference of two logits, each an affine function of one number that sees x and its square.

    .. math:: h = a^\top x + b^\top x^2 + c, \qquad x \mapsto (u_1 - u_0)\, h + (v_1 - v_0)

    Two-class cross-entropy on the logits u h + v is the logistic loss of their difference. Enough to tell normal laws
    apart, whose log-ratio is quadratic; the smallest critic with two layers, and so with curvature of its own.

    Reference: Guo, Mounjid, "GANs Training: A Game and Stochastic Control Approach", 2021, arXiv:2112.00222.

    Args:
        inputs: the shape of one input, flattened here.
        outputs: the shape of one output; () gives (n,).
    """

    def __init__(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> None:
        super().__init__()
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        self.seen = nn.Linear(2 * math.prod(inputs), 1)
        self.logits = nn.Linear(1, 2 * math.prod(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(n, *inputs) to (n, *outputs)."""
        x = x.flatten(1)
        fake, real = self.logits(self.seen(torch.cat([x, x**2], 1))).chunk(2, 1)
        return (real - fake).view(x.shape[0], *self.outputs)
