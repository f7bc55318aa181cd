"""A flow as layers one after the other, each invertible: from data to noise in their order, and back in the reverse."""

from __future__ import annotations

import abc
import math

import torch
from torch import Tensor, nn

from pushforward import Draw, Flow, UserError
from pushforward_flow.mixture import GaussianMixture

Moved = tuple[Tensor, Tensor]


class Layer(nn.Module, abc.ABC):
    """Abstract: an invertible map of rows, whose context is a row of numbers beside each."""

    @abc.abstractmethod
    def to_base(self, x: Tensor, context: Tensor | None = None) -> Moved:
        """Towards the noise: where x goes, and its log-determinant, (n,)."""

    @abc.abstractmethod
    def to_data(self, z: Tensor, context: Tensor | None = None) -> Moved:
        """Towards the data: where z goes, and its log-determinant, (n,)."""


class LayeredFlow(Flow):
    """A flow made of layers that move flattened data.

    Args:
        shape: the shape of one datum.
        layers: in the order from data to noise.
        condition: what it wants beside every datum; None: nothing.
        modes: components of the Gaussian mixture that noise is drawn from; 1 is the standard normal law.
    """

    compiles = True

    def __init__(
        self, shape: tuple[int, ...], layers: list[Layer], condition: Condition | None = None, modes: int = 1
    ) -> None:
        super().__init__()
        if modes < 1:
            raise UserError(f"{type(self).__name__}: modes is {modes}: expected at least 1")
        self.shape, self.layers = tuple(shape), nn.ModuleList(layers)
        self.condition = condition or Condition()
        self.conditional, self.classes = self.condition.width > 0, self.condition.classes
        self.context, self.modes = self.condition.context, modes
        self.mixture = GaussianMixture(math.prod(shape), modes) if modes > 1 else None

    def pull(self, x: Tensor, condition: Tensor | None = None) -> Moved:
        """Through every layer."""
        y, context = x.flatten(1), self.condition(condition, x)
        total = y.new_zeros(len(y))
        for layer in self.layers:
            y, log_det = layer.to_base(y, context)
            total = total + log_det
        return y.view_as(x), total

    def push(self, z: Tensor, condition: Tensor | None = None) -> Moved:
        """Back through every layer, the last first."""
        y, context = z.flatten(1), self.condition(condition, z)
        total = y.new_zeros(len(y))
        for layer in reversed(self.layers):
            y, log_det = layer.to_data(y, context)
            total = total + log_det
        return y.view_as(z), total

    def base_log_density(self, z: Tensor) -> Tensor:
        """That of the mixture, where there is one."""
        return super().base_log_density(z) if self.mixture is None else self.mixture.log_density(z.flatten(1))

    def sample_base(self, draw: Draw) -> Tensor:
        """Noise of the mixture, where there is one."""
        return super().sample_base(draw) if self.mixture is None else self.mixture.sample(draw).view(-1, *self.shape)


class Condition(nn.Module):
    """What stands beside every datum as numbers: a vector as it is, or a class as a row of zeros with a one.

    Args:
        conditional: whether there is any; without a context that is the class.
        classes: how many there are in the data; None: the data have no labels.
        context: how many numbers a vector has; 0: there are none.

    Raises:
        UserError: if it is to be a class and the data have no labels, or the context is negative.
    """

    def __init__(self, conditional: bool = False, classes: int | None = None, context: int = 0) -> None:
        super().__init__()
        if context < 0:
            raise UserError(f"context is {context}: expected how many numbers there are, or 0")
        if conditional and not context and classes is None:
            raise UserError("conditional: the target has no labels to condition on")
        self.classes = classes if conditional and not context else None
        self.context, self.width = context, self.classes or context

    def forward(self, condition: Tensor | None, like: Tensor) -> Tensor | None:
        """(n, width) in the type of the data, or None."""
        if condition is None:
            return None
        if self.classes is not None:
            return (condition[:, None] == torch.arange(self.classes, device=condition.device)).to(like.dtype)
        if condition.shape[1:] != (self.width,):
            raise UserError(f"a context of shape {tuple(condition.shape)}: expected (n, {self.width})")
        return condition.to(like.dtype)


def checked(name: str, shape: tuple[int, ...], transforms: int, hidden: list[int]) -> int:
    """How many numbers a datum has, after a look at what every architecture here takes.

    Raises:
        UserError: if there is no transform, or a hidden layer without units.
    """
    if transforms < 1:
        raise UserError(f"{name}: transforms is {transforms}: expected at least 1")
    if any(width < 1 for width in hidden):
        raise UserError(f"{name}: hidden is {hidden}: expected numbers of units, each at least 1")
    return math.prod(shape)
