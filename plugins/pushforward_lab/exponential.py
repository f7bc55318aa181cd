"""The GAN of two parameters that learns an exponential law: a weakly damped rotation whose rates are known."""

from __future__ import annotations

import cmath
import functools
import math
from collections.abc import Iterable
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from pushforward import Costs, Draw, UserError
from pushforward_lab.spiral import by_name, largest_step_alternating, largest_step_simultaneous, roots
from pushforward_lab.torus import TorusGame

NODES = 60  # of the quadrature: exact to rounding for slopes of a few units


class ExponentialGAN(TorusGame):
    r"""A GAN with one angle for each player learns the mean of an exponential law.

    .. math:: F = \mathbb{E} \log D(\mu_0 Z) + \mathbb{E} \log (1 - D(m Z)), \qquad
        D(x) = \sigma(b \sin\theta\, (x - c)), \quad m = 1 + a \sin\omega, \quad Z \sim \mathrm{Exp}(1)

    The smallest GAN whose slow convergence can be understood: damping is of second order in the critic's slope b and
    rotation of first order, so the orbits are small perturbations of closed ones. At the equilibrium, theta = 0 or pi
    and m = mu_0, the eigenvalues solve l^2 + g l + k^2 = 0 with g = (b^2/2)(mu_0^2 + (mu_0 - c)^2) and
    k = (b/2) a cos(omega*); play spirals for b below 2 a cos(omega*) / (mu_0^2 + (mu_0 - c)^2).

    Reference: after Gonzalez-Prieto, Mozo, Talavera, Gomez-Canaval, "Dynamics of Fourier Modes in Torus Generative
    Adversarial Networks", 2022, arXiv:2209.01842.

    Args:
        mean: the mean mu_0 of the data.
        amplitude: the number a: the generator's mean m runs from 1 - a to 1 + a.
        slope: the largest slope b of the critic's logit.
        centre: where the critic's logit is 0, the number c.
        expectations: `quadrature` takes them exactly, by 60 Gauss-Laguerre nodes; `batch` takes them over as many
            samples of the data and of the generator as the batch has.
        start: where play begins, theta and then omega, in radians; None draws both at random.

    Raises:
        UserError: if no generator has the mean of the data, the slope is not positive, a number is not finite, or
            `start` has not two numbers.
    """

    def __init__(
        self,
        mean: float = 1.2,
        amplitude: float = 0.9,
        slope: float = 0.25,
        centre: float = 1.0,
        expectations: Literal["quadrature", "batch"] = "quadrature",
        start: list[float] | None = None,
    ) -> None:
        super().__init__(start)
        check_arguments(mean, amplitude, slope, centre)
        self.mean, self.amplitude, self.slope, self.centre = mean, amplitude, slope, centre
        self.expectations = expectations

    def value(self, theta: Tensor, omega: Tensor) -> Tensor:
        """F with exact expectations."""
        z, weights = (part.to(theta) for part in laguerre())
        return log_loss(theta, omega, self.mean, self.amplitude, self.slope, self.centre, (z, z), weights)

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """F and its negative, exact or over a batch."""
        if self.expectations == "quadrature":
            return super().costs(names, draw)
        theta, omega = self.discriminator.value[0], self.generator.value[0]
        z = tuple(-torch.log1p(-draw.uniform(name).to(theta)) for name in ("real", "fake"))
        weights = torch.full_like(z[0], 1 / max(draw.n, 1))
        value = log_loss(theta, omega, self.mean, self.amplitude, self.slope, self.centre, (z[0], z[1]), weights)
        return {name: {"value": value if name == "generator" else -value} for name in names}

    def equilibria(self) -> Tensor:
        """Four of one kind: theta is 0 or pi, and the two angles at which the generator has the data's mean."""
        angle = math.asin((self.mean - 1) / self.amplitude)
        return torch.cartesian_prod(
            torch.tensor([0.0, math.pi], dtype=torch.float64),
            torch.tensor([angle, math.pi - angle], dtype=torch.float64),
        )

    def generated_mean(self) -> Tensor:
        """The mean m of the generator at the present point."""
        return 1 + self.amplitude * self.generator.value[0].sin()

    def answers(self) -> dict[str, float]:
        """Eigenvalues, critical slope, largest stable steps; where it spirals, period and contraction a turn.

        `critical-slope` is the b at which rotation ends: play spirals below it, and creeps in without turning above.
        `generated-mean` is the generator's mean where play is at present.
        """
        spread = self.mean**2 + (self.mean - self.centre) ** 2  # E (X - c)^2
        reach = self.amplitude * math.sqrt(1 - ((self.mean - 1) / self.amplitude) ** 2)  # a cos(omega*)
        damping, turning = self.slope**2 / 2 * spread, self.slope / 2 * reach
        return {
            **rates(roots(damping, turning)),
            "critical-slope": 2 * reach / spread,
            "largest-step-simultaneous": largest_step_simultaneous(damping, turning),
            "largest-step-alternating": largest_step_alternating(damping, turning),
            "generated-mean": float(self.generated_mean().detach()),
        }


def log_loss(
    theta: Tensor,
    omega: Tensor,
    mean: float,
    amplitude: float,
    slope: float,
    centre: float,
    z: tuple[Tensor, Tensor],
    weights: Tensor,
) -> Tensor:
    """F at pairs of angles, in their shape, for real and fake exponential numbers `z` and their weights, (n,) each."""
    steepness = slope * theta.sin()[..., None]
    real = steepness * (mean * z[0] - centre)
    fake = steepness * ((1 + amplitude * omega.sin()[..., None]) * z[1] - centre)
    return -((softplus(-real) + softplus(fake)) * weights).sum(-1)


@functools.lru_cache(maxsize=1)
def laguerre() -> tuple[Tensor, Tensor]:
    """Nodes and weights, (60,) each: a weighted sum over the nodes is the mean over an Exp(1) law."""
    nodes, weights = np.polynomial.laguerre.laggauss(NODES)
    return torch.from_numpy(nodes), torch.from_numpy(weights)


def rates(eigenvalues: list[complex]) -> dict[str, float]:
    """A conjugate pair by name; where it turns, also its period and by how much a turn contracts."""
    first = max(eigenvalues, key=lambda value: value.imag)
    if first.imag <= 0:
        return by_name(eigenvalues)
    period = 2 * math.pi / first.imag
    return {**by_name(eigenvalues), "period": period, "contraction-a-turn": abs(cmath.exp(first.real * period))}


def check_arguments(mean: float, amplitude: float, slope: float, centre: float) -> None:
    """Refuse a game without an equilibrium.

    Raises:
        UserError: if no generator has the mean of the data, or a number is out of range.
    """
    for name, number in (("mean", mean), ("amplitude", amplitude), ("slope", slope), ("centre", centre)):
        if not math.isfinite(number):
            raise UserError(f"{name} is {number}: expected a finite number")
    if mean <= 0:
        raise UserError(f"mean is {mean}: an exponential law has a positive one")
    if slope <= 0:
        raise UserError(f"slope is {slope}: expected a positive number")
    if not abs(mean - 1) < amplitude:
        raise UserError(
            f"mean is {mean} and amplitude {amplitude}: the generator's mean stays between {1 - amplitude:g} and"
            f" {1 + amplitude:g}, so give an amplitude above {abs(mean - 1):g}"
        )
