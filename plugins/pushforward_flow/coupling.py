"""Coupling layers: half of the coordinates stay, and say how the other half is moved."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from pushforward import UserError
from pushforward_flow.autoregressive import Embedding
from pushforward_flow.conditioner import Conditioner
from pushforward_flow.layered import Condition, Layer, LayeredFlow, Moved, checked
from pushforward_flow.linear import mixed
from pushforward_flow.monotone import Affine, Monotone, Shift


class Coupling(Layer):
    """The coordinates outside a mask go through monotone maps that those inside it, and the context, describe.

    Args:
        stays: for every coordinate whether it stays, (D,) of bool.
        monotone: the map of a coordinate.
        hidden: units of the network's hidden layers.
        activation: of these.
        context: how many numbers of a context stand beside each row.
        embedding: what the network sees of a coordinate that stays, (...) to (..., seen); None: itself.
        seen: how many numbers that is.

    Raises:
        UserError: if nothing is left to move.
    """

    there: Tensor
    back: Tensor

    def __init__(
        self,
        stays: Tensor,
        monotone: Monotone,
        hidden: list[int],
        activation: str,
        context: int = 0,
        embedding: Embedding | None = None,
        seen: int = 1,
    ) -> None:
        super().__init__()
        if bool(stays.all()):
            raise UserError(f"a coupling layer's mask keeps all {len(stays)} coordinates: leave some of them to move")
        there = (~stays).to(torch.int8).argsort(stable=True)  # those that stay come first
        for name, index in (("there", there), ("back", there.argsort())):
            self.register_buffer(name, index, persistent=False)
        self.monotone, self.embedding = monotone, embedding
        self.staying = int(stays.sum())
        self.moving = len(stays) - self.staying
        inputs = self.staying * seen + context
        self.conditioner = Conditioner(inputs, self.moving * monotone.numbers, hidden, activation)

    def to_base(self, x: Tensor, context: Tensor | None = None) -> Moved:
        """In one pass."""
        stay, move = x.index_select(1, self.there).split([self.staying, self.moving], 1)
        moved, log_slope = self.monotone.bend(move, self._theta(stay, context))
        return torch.cat([stay, moved], 1).index_select(1, self.back), log_slope.sum(1)

    def to_data(self, z: Tensor, context: Tensor | None = None) -> Moved:
        """In one pass."""
        stay, move = z.index_select(1, self.there).split([self.staying, self.moving], 1)
        moved, log_slope = self.monotone.unbend(move, self._theta(stay, context))
        return torch.cat([stay, moved], 1).index_select(1, self.back), log_slope.sum(1)

    def _theta(self, stay: Tensor, context: Tensor | None) -> Tensor:
        inputs = stay if self.embedding is None else self.embedding(stay).flatten(1)
        if context is not None:
            inputs = torch.cat([context, inputs], 1)
        return self.conditioner(inputs).unflatten(1, (self.moving, self.monotone.numbers))


def every_second(features: int, number: int) -> Tensor:
    """The coordinates that stay in the layer of this number: every second one, the others in the next.

    A lone coordinate always moves.
    """
    return torch.arange(features) % 2 == number % 2 if features > 1 else torch.zeros(1, dtype=torch.bool)


class Scale(Layer):
    """Every coordinate times a number of its own."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(features))

    def to_base(self, x: Tensor, context: Tensor | None = None) -> Moved:
        """Times it."""
        return x * self.log_scale.exp(), self.log_scale.sum().expand(len(x))

    def to_data(self, z: Tensor, context: Tensor | None = None) -> Moved:
        """Divided by it."""
        return z * (-self.log_scale).exp(), -self.log_scale.sum().expand(len(z))


class RealNVP(LayeredFlow):
    r"""Affine coupling layers over alternating checkerboards.

    .. math:: z_A = x_A, \qquad z_B = e^{a(x_A)} x_B + b(x_A), \qquad
        \log |\det \partial z / \partial x| = \sum_{i \in B} a_i(x_A)

    Density and sample take one pass each, which an autoregressive flow has for the density alone; it wants more layers
    in return. Every log-scale is held softly within log 1000 of zero.

    Reference: Dinh, Sohl-Dickstein, Bengio, "Density Estimation Using Real NVP", 2016, arXiv:1605.08803.

    Args:
        shape: the shape of one datum, flattened; it follows from the data.
        transforms: how many coupling layers follow each other; what stayed in one moves in the next.
        hidden: units of the hidden layers of each layer's network.
        activation: relu, elu, silu or tanh.
        classes: number of classes, for a conditional flow.
        conditional: whether every datum comes with its class, or with a vector of `context` numbers.
        context: how many numbers that vector has; 0: the condition is the class.
        linear: whether an invertible linear map stands before each layer, which mixes the coordinates.
        modes: components of the Gaussian mixture that noise is drawn from; 1 is the standard normal law.

    Raises:
        UserError: if there is no transform, a hidden layer without units, or no labels where they are the condition.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        transforms: int = 8,
        hidden: list[int] = [64, 64],  # noqa: B006
        activation: Literal["relu", "elu", "silu", "tanh"] = "relu",
        classes: int | None = None,
        conditional: bool = False,
        context: int = 0,
        linear: bool = False,
        modes: int = 1,
    ) -> None:
        features, condition = checked("realnvp", shape, transforms, hidden), Condition(conditional, classes, context)
        layers: list[Layer] = [
            Coupling(every_second(features, i), Affine(), hidden, activation, condition.width)
            for i in range(transforms)
        ]
        super().__init__(shape, mixed(layers, features, linear), condition, modes)
        self.transforms, self.hidden, self.activation, self.linear = transforms, list(hidden), activation, linear


class NICE(LayeredFlow):
    r"""Additive coupling layers over alternating checkerboards, then one scale for each coordinate.

    .. math:: z_A = x_A, \qquad z_B = x_B + b(x_A), \qquad \log |\det \partial z / \partial x| = \sum_i s_i

    All but the scales keep volume, so nothing can blow up: the mildest of the coupling flows, and the weakest.

    Reference: Dinh, Krueger, Bengio, "NICE: Non-linear Independent Components Estimation", 2014, arXiv:1410.8516.

    Args:
        shape: the shape of one datum, flattened; it follows from the data.
        transforms: how many coupling layers follow each other; what stayed in one moves in the next.
        hidden: units of the hidden layers of each layer's network.
        activation: relu, elu, silu or tanh.
        classes: number of classes, for a conditional flow.
        conditional: whether every datum comes with its class, or with a vector of `context` numbers.
        context: how many numbers that vector has; 0: the condition is the class.
        linear: whether an invertible linear map stands before each layer, which mixes the coordinates.
        modes: components of the Gaussian mixture that noise is drawn from; 1 is the standard normal law.

    Raises:
        UserError: if there is no transform, a hidden layer without units, or no labels where they are the condition.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        transforms: int = 8,
        hidden: list[int] = [64, 64],  # noqa: B006
        activation: Literal["relu", "elu", "silu", "tanh"] = "relu",
        classes: int | None = None,
        conditional: bool = False,
        context: int = 0,
        linear: bool = False,
        modes: int = 1,
    ) -> None:
        features, condition = checked("nice", shape, transforms, hidden), Condition(conditional, classes, context)
        layers: list[Layer] = [
            Coupling(every_second(features, i), Shift(), hidden, activation, condition.width) for i in range(transforms)
        ]
        super().__init__(shape, [*mixed(layers, features, linear), Scale(features)], condition, modes)
        self.transforms, self.hidden, self.activation, self.linear = transforms, list(hidden), activation, linear
