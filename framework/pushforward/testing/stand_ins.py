"""Small honest parts for whatever a component needs: networks of a few units, an affine flow, three blobs as data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from pushforward.adapters import NetworkDiscriminator, NetworkEnergy, NetworkGenerator, NetworkVelocity
from pushforward.game import Costs, Game
from pushforward.numerics.weights import estimate_from_log_weights
from pushforward.optimizers import SGD
from pushforward.randomness import Draw
from pushforward.roles.adversarial import Critic, Objective, Penalty, slope
from pushforward.roles.estimator import Estimate
from pushforward.roles.flow import Flow
from pushforward.roles.target import Batch, Target
from pushforward.rules.turns import Alternating
from pushforward.schedules import Constant

CLASSES = 3


class Blobs(Target):
    """Three equal round blobs on a circle, one class each; everything is known of them.

    Args:
        shape: the shape of one datum.
    """

    modes: Tensor
    classes = CLASSES
    log_z = 0.0
    mode_scale = 0.3

    def __init__(self, shape: tuple[int, ...] = (2,)) -> None:
        self.shape = tuple(shape)
        angle = torch.arange(CLASSES) * (2 * math.pi / CLASSES)
        centres = torch.zeros(CLASSES, math.prod(shape))
        centres[:, 0] = angle.cos()
        if math.prod(shape) > 1:
            centres[:, 1] = angle.sin()
        self.modes = centres.view(CLASSES, *shape)

    def sample(self, n: int, draw: Draw) -> Batch:
        """n exact and independent samples."""
        labels = draw.integers("class", CLASSES)
        noise = draw.normal("noise", *self.shape)
        return Batch(self.modes.to(noise)[labels] + self.mode_scale * noise, labels)

    def log_density(self, x: Tensor) -> Tensor:
        """log p(x), (n,)."""
        distance = (x.flatten(1)[:, None] - self.modes.to(x).flatten(1)).square().sum(2)
        normaliser = 0.5 * math.prod(self.shape) * math.log(2 * math.pi * self.mode_scale**2)
        return (-distance / (2 * self.mode_scale**2)).logsumexp(1) - normaliser - math.log(CLASSES)


class Affine(Flow):
    """Every coordinate scaled and shifted by a number of its own.

    Args:
        shape: the shape of one datum.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.shift, self.log_scale = nn.Parameter(0.1 * torch.randn(shape)), nn.Parameter(0.1 * torch.randn(shape))

    def push(self, z: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """x = shift + scale z."""
        return self.shift + self.log_scale.exp() * z, self.log_scale.sum().expand(len(z))

    def pull(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """z = (x - shift) / scale."""
        return (x - self.shift) / self.log_scale.exp(), -self.log_scale.sum().expand(len(x))


class Logistic(Objective):
    """Logistic losses on both sides."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Real up, fake down."""
        return softplus(-real).mean() + softplus(fake).mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Fake up."""
        return softplus(-fake).mean()


class Slope(Penalty):
    """Half the mean square of the slope on real data."""

    weight = 1.0

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor, draw: Draw) -> Tensor:
        """One number."""
        return 0.5 * self.weight * slope(critic, real).square().flatten(1).sum(1).mean()


class Looked(Game):
    """A game with a part in every role, for whatever looks at models.

    Attributes:
        gives: its capabilities.

    Args:
        target: what it pretends to have learned.
    """

    gives = ("sample", "log_density", "log_z", "equilibrium")
    averaged = ("flow",)

    def __init__(self, target: Target) -> None:
        super().__init__()
        self.target, shape = target, tuple(target.shape)
        self.flow, self.generator = Affine(shape), NetworkGenerator(tiny_network, shape, latent=3)
        self.discriminator, self.energy = NetworkDiscriminator(tiny_network, shape), NetworkEnergy(tiny_network, shape)
        if len(shape) == 1:
            self.velocity = NetworkVelocity(tiny_network, shape)
        self.register_buffer("memory", torch.zeros(3))

    @property
    def players(self) -> dict[str, nn.Module]:
        """The flow alone."""
        return {"flow": self.flow}

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """Minus the mean log-density."""
        if draw.x is None:
            raise ValueError("this draw brings no data")
        return {name: {"likelihood": -self.flow.log_density(draw.x).mean()} for name in names}

    def sample(self, n: int, draw: Draw, condition: Tensor | None = None) -> Tensor:
        """n samples of the flow."""
        return self.flow.sample(n, draw=draw)

    def log_density(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """That of the flow."""
        return self.flow.log_density(x)

    def equilibrium(self) -> dict[str, Tensor] | None:
        """The most likely flow has the mean and the standard deviation of every coordinate; None unless data are blobs.

        A blob's centre is on the unit circle, so each of its two coordinates varies by one half.
        """
        if not isinstance(self.target, Blobs):
            return None
        variance = self.target.modes.square().mean(0) + self.target.mode_scale**2
        return {"flow.shift": self.target.modes.mean(0), "flow.log_scale": variance.log() / 2}

    def answers(self) -> dict[str, float]:
        """The smallest cost in closed form."""
        best = self.equilibrium()
        if best is None:
            return {}
        scale = best["flow.log_scale"]
        return {"least-likelihood": float(scale.sum() + 0.5 * scale.numel() * (1 + math.log(2 * math.pi)))}

    @torch.no_grad()
    def estimate(self, target: Target, evaluations: int, draw: Draw) -> Estimate:
        """log Z by importance sampling from the flow, at the cost of 2000 evaluations or fewer."""
        n = min(evaluations, 2000)
        x = self.flow.sample(n, draw=Draw(draw.seed, draw.key, n))
        return estimate_from_log_weights(target.log_density(x) - self.flow.log_density(x), n)


def tiny_network(inputs: tuple[int, ...], outputs: tuple[int, ...]) -> nn.Module:
    """One smooth hidden layer of eight units."""
    before, after = math.prod(inputs), math.prod(outputs)
    layers = [nn.Flatten(), nn.Linear(before, 8), nn.Tanh(), nn.Linear(8, after)]
    return nn.Sequential(*layers, nn.Unflatten(1, outputs) if outputs else nn.Flatten(0))


STAND_INS: dict[str, Callable[[tuple[int, ...]], Any]] = {
    "target": Blobs,
    "generator": lambda shape: NetworkGenerator(tiny_network, shape, latent=3),
    "discriminator": lambda shape: NetworkDiscriminator(tiny_network, shape),
    "energy": lambda shape: NetworkEnergy(tiny_network, shape),
    "velocity-field": lambda shape: NetworkVelocity(tiny_network, shape),
    "flow": Affine,
    "network": lambda shape: tiny_network,
    "objective": lambda shape: Logistic(),
    "penalty": lambda shape: Slope(),
    "rule": lambda shape: Alternating(),
    "optimizer": lambda shape: SGD(0.05),
    "schedule": lambda shape: Constant(0.1),
}
