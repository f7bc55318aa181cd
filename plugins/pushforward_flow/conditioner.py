"""Networks that say how a coordinate is bent: from those that stay, or from those that come before it in an order."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ACTIVATIONS = {"relu": nn.ReLU, "elu": nn.ELU, "silu": nn.SiLU, "tanh": nn.Tanh}


class Conditioner(nn.Module):
    """A network whose last layer begins at zero, so that a layer of a flow begins as the identity.

    A deep stack of random maps may never learn more than a Gaussian. Without inputs it is a constant.

    Args:
        inputs: how many numbers it sees.
        outputs: how many it gives.
        hidden: units of its hidden layers.
        activation: one of `ACTIVATIONS`.
    """

    def __init__(self, inputs: int, outputs: int, hidden: list[int], activation: str) -> None:
        super().__init__()
        self.inputs, self.gate = inputs, ACTIVATIONS[activation]()
        sizes = [inputs, *hidden, outputs] if inputs else []
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.constant = nn.Parameter(torch.zeros(outputs)) if not inputs else None
        if inputs:
            for parameter in self.layers[-1].parameters():
                nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs) to (n, outputs)."""
        if self.constant is not None:
            return self.constant.to(x).expand(len(x), -1)
        for i, layer in enumerate(self.layers):
            x = self.linear(self.gate(x) if i else x, i, layer)
        return x

    def linear(self, x: Tensor, number: int, layer: nn.Module) -> Tensor:
        """One of its linear layers."""
        y: Tensor = layer(x)
        return y


class MaskedConditioner(Conditioner):
    """A network whose i-th group of outputs sees the groups of inputs 0, ..., i alone.

    Units of every hidden layer are put in order of the last group that they see, so that every mask is a staircase:
    what a group adds is then computed from slices, and asking for the groups one by one costs no more than one pass.

    Reference: Germain, Gregor, Murray, Larochelle, "MADE: Masked Autoencoder for Distribution Estimation", 2015,
    arXiv:1502.03509.

    Args:
        inputs: how many numbers each group of inputs has.
        outputs: how many each group of outputs has; there are as many groups.
        hidden: units of its hidden layers.
        activation: one of `ACTIVATIONS`.
    """

    def __init__(self, inputs: list[int], outputs: int, hidden: list[int], activation: str) -> None:
        groups = len(inputs)
        super().__init__(sum(inputs), groups * outputs, hidden, activation)
        seen = [group for group, width in enumerate(inputs) for _ in range(width)]  # of each number, its group
        first = min(seen, default=0)
        shared = [[first + unit * (groups - first) // width for unit in range(width)] for width in hidden]
        degrees = [seen, *shared, [group for group in range(groups) for _ in range(outputs)]]
        self.edges = [[sum(d < group for d in each) for group in range(groups + 1)] for each in degrees]
        for i, (before, after) in enumerate(pairwise(degrees) if self.inputs else ()):
            mask = torch.tensor(after)[:, None] >= torch.tensor(before)
            self.register_buffer(f"mask{i}", mask.to(torch.get_default_dtype()), persistent=False)

    def linear(self, x: Tensor, number: int, layer: nn.Module) -> Tensor:
        """A linear layer, of which the mask leaves a staircase."""
        return F.linear(x, layer.weight * getattr(self, f"mask{number}"), layer.bias)

    def one_by_one(self) -> Callable[[int, Tensor], Tensor]:
        """A function to be called with each group of inputs, (n, width), in order, that gives that group's outputs."""
        known: list[list[Tensor]] = [[] for _ in self.edges[:-1]]

        def following(group: int, new: Tensor) -> Tensor:
            if self.constant is not None:
                return self.constant.to(new).view(len(self.edges[0]) - 1, -1)[group].expand(len(new), -1)
            for i, layer in enumerate(self.layers):
                known[i].append(self.gate(new) if i else new)
                seen = torch.cat(known[i], 1)
                rows = slice(self.edges[i + 1][group], self.edges[i + 1][group + 1])
                new = F.linear(seen, layer.weight[rows, : seen.shape[1]], layer.bias[rows])
            return new

        return following
