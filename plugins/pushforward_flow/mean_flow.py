"""MeanFlow: the mean velocity over a stretch of time is learned, so that one step makes a sample."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from pushforward import Costs, Draw, Game, Generator, Latent, UserError

ACTIVATIONS = {"silu": nn.SiLU, "tanh": nn.Tanh, "elu": nn.ELU}


class MeanVelocity(Generator):
    r"""A network for the mean velocity from time t to r, which makes data of noise in one step.

    .. math:: G(z) = z + u(z, 0, 1), \qquad u(x, t, r) = \frac{1}{r - t} \int_t^r b(s, x_s)\, ds

    Args:
        shape: the shape of one datum, flattened.
        width: hidden units of each layer.
        depth: hidden layers.
        activation: silu, tanh or elu: smooth, since the cost differentiates it.

    Raises:
        UserError: if there is no hidden layer or unit.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        width: int = 128,
        depth: int = 3,
        activation: Literal["silu", "tanh", "elu"] = "silu",
    ) -> None:
        super().__init__()
        if width < 1 or depth < 1:
            raise UserError(f"mean-velocity: width is {width}, depth {depth}: expected at least 1 each")
        self.shape, self.width, self.depth, self.activation = tuple(shape), width, depth, activation
        numbers = math.prod(shape)
        self.latent = Latent(numbers)
        sizes = [numbers + 2] + [width] * depth
        layers = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), self._gate())]
        self.network = nn.Sequential(*layers, nn.Linear(width, numbers))

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Data from noise, (n, numbers) to (n, *shape)."""
        zero = z.new_zeros(len(z))
        return (z + self.velocity(z, zero, zero + 1)).view(-1, *self.shape)

    def velocity(self, x: Tensor, t: Tensor, r: Tensor) -> Tensor:
        """u(x, t, r), (n, numbers), at flattened points x and times (n,)."""
        u: Tensor = self.network(torch.cat([x, t[:, None], (r - t)[:, None]], 1))
        return u

    def _gate(self) -> nn.Module:
        return ACTIVATIONS[self.activation]()


class MeanFlow(Game):
    r"""Learn the mean velocity of the straight paths from noise to data by what its derivative must be.

    .. math:: u(x_t, t, r) = v + (r - t) \tfrac{d}{dt} u(x_t, t, r), \qquad v = x - z, \quad
        \tfrac{d}{dt} u = \partial_x u \cdot v + \partial_t u

    For samples in one step. The right side is one forward-mode derivative and is kept fixed. For r = t it is flow
    matching, of which a share of each batch is made. The model is a generator: it has no density.

    Reference: Geng, Deng, Bai, Kolter, He, "Mean Flows for One-step Generative Modeling", 2025, arXiv:2505.13447,
    eq. 6; time runs from noise, 0, to data, 1, here.

    Args:
        generator: the mean velocity: `mean-velocity`.
        matching: the share of a batch with r = t.
        power: each sample's squared error e counts as e / (e + offset)^power, with the denominator kept fixed: 0 is
            the plain square.
        offset: see `power`.

    Raises:
        UserError: if the generator is no mean velocity, or a number is out of range.
    """

    averaged = ("generator",)

    def __init__(self, generator: Generator, matching: float = 0.5, power: float = 0.0, offset: float = 1e-3) -> None:
        super().__init__()
        if not isinstance(generator, MeanVelocity):
            raise UserError(f"mean-flow: its generator is {type(generator).__name__}: expected `mean-velocity`")
        if not 0 <= matching <= 1 or not power >= 0 or not offset > 0:
            raise UserError(
                f"mean-flow: matching is {matching}, power {power}, offset {offset}: expected a share, 0 or more, and"
                " above 0"
            )
        self.generator: MeanVelocity = generator
        self.matching, self.power, self.offset = matching, power, offset

    @property
    def players(self) -> dict[str, nn.Module]:
        """The mean velocity, alone."""
        return {"generator": self.generator}

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """The squared error of the identity, a coordinate."""
        if "generator" not in tuple(names):
            return {}
        assert draw.x is not None
        x = draw.x.flatten(1)
        z = draw.normal("base", x.shape[1])
        t, r = draw.uniform("times", 2).sort(1).values.unbind(1)
        r = torch.where(draw.uniform("matching") < self.matching, t, r)
        v, point = x - z, torch.lerp(z, x, t[:, None])
        u, rate = torch.func.jvp(self.generator.velocity, (point, t, r), (v, torch.ones_like(t), torch.zeros_like(r)))
        error = (u - (v + (r - t)[:, None] * rate).detach()).square().mean(1)
        weight = (error.detach() + self.offset) ** -self.power
        return {"generator": {"mean-velocity": (weight * error).mean()}}

    def sample(self, n: int, draw: Draw, condition: Tensor | None = None) -> Tensor:
        """n samples, in one step."""
        if condition is not None:
            raise UserError("mean-flow knows no classes: leave the class out")
        return self.generator.sample(n, None, draw)
