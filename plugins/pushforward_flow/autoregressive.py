"""The masked autoregressive flow: each coordinate is shifted and scaled by what the earlier ones say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from pushforward_flow.conditioner import MaskedConditioner
from pushforward_flow.layered import Condition, Layer, LayeredFlow, Moved, checked
from pushforward_flow.linear import mixed
from pushforward_flow.monotone import Affine, Monotone

Embedding = Callable[[Tensor], Tensor]


class Autoregressive(Layer):
    """Every coordinate goes through a monotone map that those before it, and the context, describe.

    Towards the noise it takes one pass. Towards the data coordinates come one by one, each with what it adds to the
    network alone: the arithmetic of one pass, in as many steps.

    Args:
        features: how many coordinates there are.
        reverse: whether the last one comes first.
        monotone: the map of a coordinate.
        hidden: units of the network's hidden layers.
        activation: of these.
        context: how many numbers of a context stand beside each row.
        embedding: what the network sees of a coordinate, (...) to (..., seen); None: itself.
        seen: how many numbers that is.
    """

    def __init__(
        self,
        features: int,
        reverse: bool,
        monotone: Monotone,
        hidden: list[int],
        activation: str,
        context: int = 0,
        embedding: Embedding | None = None,
        seen: int = 1,
    ) -> None:
        super().__init__()
        self.features, self.reverse, self.monotone = features, reverse, monotone
        self.embedding = embedding or _itself
        groups = [context] + [seen] * (features - 1)  # the i-th coordinate sees the context and those before it
        self.conditioner = MaskedConditioner(groups, monotone.numbers, hidden, activation)

    def to_base(self, x: Tensor, context: Tensor | None = None) -> Moved:
        """All coordinates at once."""
        x = x.flip(1) if self.reverse else x
        inputs = self.embedding(x[:, :-1]).flatten(1)
        if context is not None:
            inputs = torch.cat([context, inputs], 1)
        theta = self.conditioner(inputs).unflatten(1, (self.features, self.monotone.numbers))
        z, log_slope = self.monotone.bend(x, theta)
        return z.flip(1) if self.reverse else z, log_slope.sum(1)

    def to_data(self, z: Tensor, context: Tensor | None = None) -> Moved:
        """One coordinate after the other."""
        z = z.flip(1) if self.reverse else z
        following = self.conditioner.one_by_one()
        new = z[:, :0] if context is None else context
        columns, total = [], z.new_zeros(len(z))
        for i in range(self.features):
            x, log_slope = self.monotone.unbend(z[:, i], following(i, new))
            columns.append(x)
            total = total + log_slope
            new = self.embedding(x)
        x = torch.stack(columns[::-1] if self.reverse else columns, 1)
        return x, total


def _itself(x: Tensor) -> Tensor:
    return x[..., None]


class MAF(LayeredFlow):
    r"""Affine maps of each coordinate given the earlier ones, in alternating order.

    .. math:: z_i = e^{a_i(x_{<i})} x_i + b_i(x_{<i}), \qquad \log |\det \partial z / \partial x| = \sum_i a_i(x_{<i})

    For densities of tables and of the plane: one pass for a density, and for a sample the arithmetic
    of one pass in as many steps as there are coordinates. Every log-scale is held softly within log 1000 of zero.

    Reference: Papamakarios, Pavlakou, Murray, "Masked Autoregressive Flow for Density Estimation", 2017,
    arXiv:1705.07057.

    Args:
        shape: the shape of one datum, flattened; it follows from the data.
        transforms: how many maps follow each other; the order of coordinates is reversed from each to the next.
        hidden: units of the hidden layers of each map's network.
        activation: relu, elu, silu or tanh.
        classes: number of classes, for a conditional flow.
        conditional: whether every datum comes with its class, or with a vector of `context` numbers.
        context: how many numbers that vector has; 0: the condition is the class.
        linear: whether an invertible linear map stands before each map, which mixes the coordinates.
        modes: components of the Gaussian mixture that noise is drawn from; 1 is the standard normal law.

    Raises:
        UserError: if there is no transform, a hidden layer without units, or no labels where they are the condition.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        transforms: int = 5,
        hidden: list[int] = [64, 64],  # noqa: B006
        activation: Literal["relu", "elu", "silu", "tanh"] = "relu",
        classes: int | None = None,
        conditional: bool = False,
        context: int = 0,
        linear: bool = False,
        modes: int = 1,
    ) -> None:
        features, condition = checked("maf", shape, transforms, hidden), Condition(conditional, classes, context)
        layers: list[Layer] = [
            Autoregressive(features, i % 2 == 1, Affine(), hidden, activation, condition.width)
            for i in range(transforms)
        ]
        super().__init__(shape, mixed(layers, features, linear), condition, modes)
        self.transforms, self.hidden, self.activation, self.linear = transforms, list(hidden), activation, linear
        if transforms == 1 and not linear:
            self.order = tuple(range(features))
