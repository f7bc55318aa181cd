"""Networks of the GAN family: a plain stack of fully connected layers."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Literal

from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor, nn

from pushforward import Network

ACTIVATIONS = {
    "leaky-relu": lambda: nn.LeakyReLU(0.2, inplace=False),
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
}


class MLP(Network):
    r"""Fully connected layers.

    .. math:: x \mapsto W_{L+1}\, \sigma(W_L \cdots \sigma(W_1 x + b_1) \cdots + b_L) + b_{L+1}

    The network for vectors and very small images. Weights and biases begin as torch's linear layers do, uniform within
    one over the root of the fan-in: on thin targets GANs train visibly better from these small weights than from
    larger ones.

    Args:
        inputs: the shape of one input, flattened here.
        outputs: the shape of one output; () gives (n,).
        width: numbers in a hidden layer, or of each hidden layer.
        depth: hidden layers; 0 makes an affine map. A list of widths has its own.
        activation: leaky-relu (slope .2), relu, silu, softplus or tanh.
        bounded: put a tanh at the end, for data in [-1, 1].
    """

    def __init__(
        self,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
        width: PositiveInt | list[PositiveInt] = 128,
        depth: NonNegativeInt = 3,
        activation: Literal["leaky-relu", "relu", "silu", "softplus", "tanh"] = "leaky-relu",
        bounded: bool = False,
    ) -> None:
        super().__init__()
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        self.width, self.depth, self.activation, self.bounded = width, depth, activation, bounded
        sizes = [math.prod(inputs), *([width] * depth if isinstance(width, int) else width), math.prod(outputs)]
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            linear = nn.Linear(before, after)
            layers += [linear, ACTIVATIONS[activation]()]
        layers[-1] = nn.Tanh() if bounded else nn.Identity()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(n, *inputs) to (n, *outputs)."""
        return self.layers(x.flatten(1)).view(x.shape[0], *self.outputs)
