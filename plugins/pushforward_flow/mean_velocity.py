"""A mean velocity over a stretch of time makes data of noise in one step: it is a generator."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from pushforward import Generator, Latent, UserError

Factory = Callable[[tuple[int, ...], tuple[int, ...]], nn.Module]  # (inputs, outputs) to a network


class MeanVelocity(Generator):
    r"""Abstract: the mean velocity from time t to r of whatever carries noise, at 0, to data, at 1.

    .. math:: G(z) = z + u(z, 0, 1), \qquad u(x, t, r) = \frac{1}{r - t} \int_t^r b(s, x_s)\, ds

    It must allow forward-mode derivatives.

    Attributes:
        shape: the shape of one datum.
        classes: number of classes, where it is conditional.
    """

    shape: tuple[int, ...]
    classes: int | None = None

    @abc.abstractmethod
    def velocity(self, x: Tensor, t: Tensor, r: Tensor, condition: Tensor | None = None) -> Tensor:
        """u(x, t, r), (n, numbers), at flattened points x and times (n,)."""

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Data from noise, (n, numbers) to (n, *shape)."""
        zero = z.new_zeros(len(z))
        return (z + self.velocity(z, zero, zero + 1, condition)).view(-1, *self.shape)


class NetworkMeanVelocity(MeanVelocity):
    """A network from place, time and the length of the stretch to a mean velocity.

    Args:
        network: the network; smooth, such as one of silu, since the cost differentiates it.
        shape: the shape of one datum, flattened here.
        classes: number of classes, for a conditional mean velocity.
        conditional: whether the class, one-hot, is put beside the point.

    Raises:
        UserError: if it is conditional and the target has no labels.
    """

    def __init__(
        self, network: Factory, shape: tuple[int, ...], classes: int | None = None, conditional: bool = False
    ) -> None:
        super().__init__()
        if conditional and classes is None:
            raise UserError("conditional: the target has no labels to condition on")
        self.shape, self.classes, self.conditional = tuple(shape), classes, conditional
        numbers = math.prod(shape)
        self.latent = Latent(numbers)
        self.network = network((numbers + 2 + (classes or 0) * conditional,), (numbers,))

    def velocity(self, x: Tensor, t: Tensor, r: Tensor, condition: Tensor | None = None) -> Tensor:
        """u(x, t, r), (n, numbers), at flattened points x and times (n,)."""
        seen = [x, t[:, None], (r - t)[:, None]]
        if self.conditional:
            if condition is None or self.classes is None:
                raise UserError("a conditional mean velocity needs labels, and none were given")
            seen.append(nn.functional.one_hot(condition, self.classes).to(x.dtype))
        u: Tensor = self.network(torch.cat(seen, 1))
        return u
