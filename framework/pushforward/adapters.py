"""A bare network put to a role: one `mlp` serves as generator, discriminator, energy, velocity field and flow."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from pushforward.numerics.divergence import exact_divergence
from pushforward.numerics.integrators import integrate
from pushforward.problem import UserError
from pushforward.roles.discriminator import Discriminator
from pushforward.roles.energy import Energy
from pushforward.roles.flow import Flow
from pushforward.roles.generator import Generator, Latent
from pushforward.roles.velocity import VelocityField

Shape = tuple[int, ...]
Factory = Callable[[Shape, Shape], nn.Module]  # (inputs, outputs) to a network


class NetworkGenerator(Generator):
    """A network from latent noise to data.

    Args:
        network: the network.
        shape: the shape of one datum.
        classes: number of classes, for a conditional generator.
        latent: how many numbers of noise a sample has.
        law: the noise's law, `normal` or `uniform` on [-1, 1].
        conditional: whether the class, one-hot, is put beside the noise.

    Raises:
        UserError: if it is conditional and the target has no labels, if there is no noise, or if the network gives
            another shape than the target's.
    """

    def __init__(
        self,
        network: Factory,
        shape: Shape,
        classes: int | None = None,
        latent: int = 16,
        law: Literal["normal", "uniform"] = "normal",
        conditional: bool = False,
    ) -> None:
        super().__init__()
        if latent < 1:
            raise UserError(f"latent is {latent}: a generator needs at least one number of noise")
        self.shape, self.latent, self.conditional = tuple(shape), Latent(latent, law), conditional
        self.classes = _classes(classes, conditional)
        self.network = network((latent + self.classes,), tuple(shape))

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Data from noise."""
        if self.conditional:
            z = torch.cat([z, _one_hot(condition, self.classes, z)], 1)
        x: Tensor = self.network(z)
        if x.shape != (len(z), *self.shape):
            raise UserError(f"a generator gave shape {tuple(x.shape)}: expected {(len(z), *self.shape)}")
        return x


class NetworkDiscriminator(Discriminator):
    """A network from data to one logit.

    Args:
        network: the network.
        shape: the shape of one datum.
        classes: number of classes, for a conditional discriminator.
        conditional: whether the class, one-hot, is put beside the flattened datum.

    Raises:
        UserError: if it is conditional and the target has no labels.
    """

    def __init__(self, network: Factory, shape: Shape, classes: int | None = None, conditional: bool = False) -> None:
        super().__init__()
        self.conditional, self.classes = conditional, _classes(classes, conditional)
        inputs = (math.prod(shape) + self.classes,) if conditional else tuple(shape)
        self.network = network(inputs, ())
        self.couples_samples = couples_samples(self.network)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Logits, (n,) or (n, *locations)."""
        if self.conditional:
            x = torch.cat([x.flatten(1), _one_hot(condition, self.classes, x)], 1)
        logits: Tensor = self.network(x)
        return logits


class NetworkEnergy(Energy):
    """A network from data to nats.

    Args:
        network: the network.
        shape: the shape of one datum.
    """

    def __init__(self, network: Factory, shape: Shape) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.network = network(self.shape, ())

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Energies, (n,)."""
        energy: Tensor = self.network(x)
        if energy.shape != x.shape[:1]:
            raise UserError(f"an energy gave shape {tuple(energy.shape)}: expected ({x.shape[0]},)")
        return energy


class NetworkVelocity(VelocityField):
    """A network from time and place to velocity, with its divergence by automatic differentiation.

    Args:
        network: the network.
        shape: the shape of one datum, (D,).
        classes: number of classes, for a conditional velocity.
        timed: whether it sees the time.
        conditional: whether the class, one-hot, is put beside the point.

    Raises:
        UserError: if data are no vectors, or it is conditional and the target has no labels.
    """

    def __init__(
        self,
        network: Factory,
        shape: Shape,
        classes: int | None = None,
        timed: bool = True,
        conditional: bool = False,
    ) -> None:
        super().__init__()
        if len(shape) != 1:
            raise UserError(f"a velocity field moves vectors: the target's shape is {tuple(shape)}")
        self.timed, self.conditional, self.classes = timed, conditional, _classes(classes, conditional)
        self.network = network((shape[0] + timed + self.classes,), tuple(shape))

    def forward(self, t: Tensor | float, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """The velocity at x, (n, D)."""
        seen = [x]
        if self.timed:
            time = torch.as_tensor(t, dtype=x.dtype, device=x.device)
            seen.append(time.reshape(-1, 1).expand(x.shape[0], 1))
        if self.conditional:
            seen.append(_one_hot(condition, self.classes, x))
        velocity: Tensor = self.network(torch.cat(seen, 1))
        return velocity


class NetworkFlow(Flow):
    r"""A network as velocity of a continuous flow, integrated by fixed Runge-Kutta steps.

    .. math:: \dot x = b(t, x), \qquad \tfrac{d}{dt} \log |\det \partial x / \partial z| = \nabla \cdot b

    Reference: Chen et al., "Neural Ordinary Differential Equations", 2018, arXiv:1806.07366, eq. 8.

    Args:
        network: the network.
        shape: the shape of one datum, (D,).
        steps: Runge-Kutta steps of fourth order from t = 0 (base) to 1 (data).
    """

    inverse_kind = "iterative"

    def __init__(self, network: Factory, shape: Shape, steps: int = 16) -> None:
        super().__init__()
        self.shape, self.steps = tuple(shape), steps
        self.velocity = NetworkVelocity(network, shape)

    def push(self, z: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Forward in time."""
        return self._move(z, 0.0, 1.0)

    def pull(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Backward in time."""
        return self._move(x, 1.0, 0.0)

    def _move(self, x: Tensor, start: float, stop: float) -> tuple[Tensor, Tensor]:
        keep = torch.is_grad_enabled()

        def rates(t: float, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            b = self.velocity(t, state[0])
            divergence = exact_divergence(lambda y: self.velocity(t, y), state[0])
            return b, divergence if keep else divergence.detach()

        x, log_det = integrate(rates, (x, x.new_zeros(x.shape[0])), start, stop, self.steps, "rk4")
        return x, log_det


def couples_samples(module: nn.Module) -> bool:
    """Whether a module has layers in which samples of a batch see each other."""
    return any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in module.modules())


def _classes(classes: int | None, conditional: bool) -> int:
    if not conditional:
        return 0
    if classes is None:
        raise UserError("conditional: the target has no labels to condition on")
    return classes


def _one_hot(condition: Tensor | None, classes: int, like: Tensor) -> Tensor:
    if condition is None:
        raise UserError("a conditional network needs labels, and none were given")
    return nn.functional.one_hot(condition, classes).to(like.dtype)
