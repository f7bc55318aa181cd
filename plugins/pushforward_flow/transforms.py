"""A transform of zuko behind the `Flow` role: which of its two directions is which, shapes, and nothing else."""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.distributions import Transform
from zuko.lazy import LazyComposedTransform, LazyTransform

from pushforward import Flow, UserError

ACTIVATIONS = {"relu": nn.ReLU, "elu": nn.ELU, "silu": nn.SiLU, "tanh": nn.Tanh}


class ZukoFlow(Flow):
    """A flow made of zuko's lazy transforms, which map data to noise.

    It begins as the identity: the last layer of each network is zero, since a deep stack of random maps may never learn
    more than a Gaussian.

    Only zuko's transforms are used, each a plain module that gives a torch `Transform`: neither its distributions nor
    its base law, so that density and sampling are those of the `Flow` role. Importing zuko adds `call_and_ladj` to
    torch's `Transform`, on which this rests, and turns off the validation of arguments in `torch.distributions` for
    the process, on which nothing here rests.

    Args:
        shape: the shape of one datum, flattened for the transforms.
        layers: transforms in the order from data to noise.
    """

    def __init__(self, shape: tuple[int, ...], layers: list[LazyTransform]) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.layers = LazyComposedTransform(*layers)
        for layer in layers:
            _begin_as_identity(layer)

    def pull(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Data to noise: the direction in which the transforms are written."""
        return _mapped(self.layers(), x)

    def push(self, z: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Noise to data."""
        return _mapped(self.layers().inv, z)


def _begin_as_identity(layer: LazyTransform) -> None:
    last = layer.hyper[-1].parameters() if hasattr(layer, "hyper") else layer.parameters()  # one number has no network
    for parameter in last:
        nn.init.zeros_(parameter)


def _mapped(transform: Transform, x: Tensor) -> tuple[Tensor, Tensor]:
    if not len(x):  # torch cannot sum the log-determinants of no rows
        return x, x.flatten(1).sum(1)
    y, log_det = transform.call_and_ladj(x.flatten(1))  # type: ignore[attr-defined]  # added by zuko
    return y.view_as(x), log_det.to(x.dtype)


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
