"""Games of two angles: what play on a torus conserves, where it circles, and where it is thrown off."""

from __future__ import annotations

import abc
import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.func import grad

from pushforward import Costs, Draw, UserError
from pushforward_lab.laboratory import LaboratoryGame, Numbers, start_at
from pushforward_lab.spiral import by_name


class TorusGame(LaboratoryGame):
    """Abstract: one angle for each player and one value F(theta, omega), periodic in both.

    The discriminator's angle theta climbs, the generator's angle omega descends. Angles are in radians and not wrapped:
    gradients do not care, and distances are taken around the torus.

    Args:
        start: where play begins, theta and then omega; None draws both at random.

    Raises:
        UserError: if `start` has not two numbers.
    """

    def __init__(self, start: list[float] | None = None) -> None:
        super().__init__()
        self.start = start
        theta, omega = start_at(start, 2, "start").split(1)
        self.discriminator, self.generator = Numbers(theta), Numbers(omega)

    @property
    def players(self) -> dict[str, nn.Module]:
        """The discriminator moves first."""
        return {"discriminator": self.discriminator, "generator": self.generator}

    @abc.abstractmethod
    def value(self, theta: Tensor, omega: Tensor) -> Tensor:
        """F at pairs of angles, in their shape."""

    @abc.abstractmethod
    def equilibria(self) -> Tensor:
        """All equilibria up to full turns, (K, 2): theta and omega."""

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """F and its negative."""
        value = self.value(self.discriminator.value[0], self.generator.value[0])
        return {name: {"value": value if name == "generator" else -value} for name in names}

    def flow(self, theta: Tensor, omega: Tensor) -> tuple[Tensor, Tensor]:
        """The velocities (dF/dtheta, -dF/domega) of play at infinitesimal steps, in the shape of the angles."""
        climb, slope = grad(lambda t, o: self.value(t, o).sum(), argnums=(0, 1))(theta, omega)
        return climb, -slope

    def linearised(self, theta: Tensor, omega: Tensor) -> Tensor:
        """The Jacobian of the flow at one pair of angles, (2, 2)."""
        rows = torch.func.jacrev(self.flow, argnums=(0, 1))(theta, omega)
        return torch.stack([torch.stack(row) for row in rows])

    def equilibrium(self) -> dict[str, Tensor] | None:
        """The equilibrium nearest around the torus, moved by full turns to where play is."""
        here = torch.cat([self.discriminator.value, self.generator.value]).detach().cpu()
        away = torch.remainder(self.equilibria() - here + math.pi, 2 * math.pi) - math.pi
        if not len(away):
            return None
        theta, omega = (here + away[away.norm(dim=1).argmin()]).split(1)
        return {"discriminator.value": theta, "generator.value": omega}


class HarmonicTorus(TorusGame):
    r"""The torus game with a single product of waves, which circles for ever.

    .. math:: F = a \sin(p\,\theta) \sin(q\,\omega), \qquad H = \cos(p\,\theta)^{q^2} \cos(q\,\omega)^{p^2}

    To see what a rule does to rotation away from the linear regime: at infinitesimal steps H is conserved. There are
    4pq centres, turning at the rate a p q, and as many saddles: the indices on a torus add up to nothing.

    Reference: Gonzalez-Prieto, Mozo, Talavera, Gomez-Canaval, "Dynamics of Fourier Modes in Torus Generative
    Adversarial Networks", 2022, arXiv:2209.01842.

    Args:
        amplitude: the number a.
        discriminator_waves: the number p of waves around theta.
        generator_waves: the number q of waves around omega.
        start: where play begins, theta and then omega, in radians; None draws both at random.

    Raises:
        UserError: if the amplitude is 0 or not finite, waves are below one, or `start` has not two numbers.
    """

    def __init__(
        self,
        amplitude: float = 1.0,
        discriminator_waves: int = 1,
        generator_waves: int = 1,
        start: list[float] | None = None,
    ) -> None:
        super().__init__(start)
        if not math.isfinite(amplitude) or amplitude == 0:
            raise UserError(f"amplitude is {amplitude}: expected a finite number other than 0")
        for name, waves in (("discriminator_waves", discriminator_waves), ("generator_waves", generator_waves)):
            if waves < 1:
                raise UserError(f"{name} is {waves}: expected at least 1")
        self.amplitude = amplitude
        self.discriminator_waves, self.generator_waves = discriminator_waves, generator_waves

    def value(self, theta: Tensor, omega: Tensor) -> Tensor:
        """The product of both waves."""
        return self.amplitude * (self.discriminator_waves * theta).sin() * (self.generator_waves * omega).sin()

    def first_integral(self, theta: Tensor, omega: Tensor) -> Tensor:
        """H, which stays what it is along the flow."""
        p, q = self.discriminator_waves, self.generator_waves
        return (p * theta).cos() ** (q * q) * (q * omega).cos() ** (p * p)

    def equilibria(self) -> Tensor:
        """The centres: both waves at a node."""
        return torch.cartesian_prod(_nodes(self.discriminator_waves), _nodes(self.generator_waves))

    def saddles(self) -> Tensor:
        """Where both waves are at a crest or a trough, (K, 2): play is thrown off there."""
        p, q = self.discriminator_waves, self.generator_waves
        return torch.cartesian_prod(_nodes(p) + math.pi / (2 * p), _nodes(q) + math.pi / (2 * q))

    def answers(self) -> dict[str, float]:
        """Eigenvalues and period at a centre, the saddles' rates of growth, and H where play is at present.

        A saddle throws the discriminator off where F is negative, and the generator where it is positive.
        """
        p, q, a = self.discriminator_waves, self.generator_waves, abs(self.amplitude)
        turning = a * p * q
        here = self.first_integral(self.discriminator.value.detach()[0], self.generator.value.detach()[0])
        return {
            **by_name([1j * turning, -1j * turning]),
            "period": 2 * math.pi / turning,
            "centres": 4.0 * p * q,
            "saddles": 4.0 * p * q,
            "saddle-growth-discriminator": a * p * p,
            "saddle-growth-generator": a * q * q,
            "first-integral": float(here),
        }


def _nodes(waves: int) -> Tensor:
    """Where sin(waves x) is 0, once around."""
    return torch.arange(2 * waves, dtype=torch.float64) * (math.pi / waves)
