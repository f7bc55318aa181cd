"""The way from a normal law to the target by temperatures, and the move that leaves every law on it as it is."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from pushforward import Draw, Target
from pushforward_neis.bases import same_domain


class Particles(NamedTuple):
    """Where particles are, and what is known there: at another temperature nothing is evaluated again.

    Attributes:
        x: positions, (n, D).
        log_target: the target's log-density, (n,).
        slope: its gradient, (n, D).
    """

    x: Tensor
    log_target: Tensor
    slope: Tensor

    def __getitem__(self, rows: Tensor) -> Particles:  # type: ignore[override]
        return Particles(self.x[rows], self.log_target[rows], self.slope[rows])


@dataclass
class Tally:
    """What was spent, and what went wrong.

    Args:
        evaluations: of U at one point.
        gradients: of its gradient.
        refused: proposals at which the target's density was no number.
    """

    evaluations: int = 0
    gradients: int = 0
    refused: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @property
    def spent(self) -> int:
        """Evaluations of U and of its gradient together."""
        return self.evaluations + self.gradients

    @property
    def said(self) -> list[str]:
        """What the warning of an estimate should say of it."""
        if not self.refused:
            return []
        return [f"the target gave NaN or an infinite density at {self.refused} proposals, which were refused"]


class Annealing:
    r"""The geometric path of unnormalised densities, and Hamiltonian moves on it.

    .. math:: \pi_\beta(x) = \mathcal{N}(x; 0, s^2 I)^{1 - \beta}\, e^{-\beta U(x)}, \qquad 0 \le \beta \le 1

    Where the base law is the prior of a posterior, this is the likelihood tempered. Evaluations are counted here and
    nowhere else: one of the gradient for each leapfrog step, and one of U for each proposal.

    Args:
        target: its log-density is -U.
        scale: s.
        leaps: leapfrog steps of a proposal; one makes it a Langevin proposal, so that the move is MALA.
    """

    def __init__(self, target: Target, scale: float = 1.0, leaps: int = 8) -> None:
        same_domain("reals", target)
        self.target, self.scale, self.leaps = target, scale, leaps
        self.tally = Tally()

    def cost(self, moves: int) -> int:
        """Evaluations of one particle that begins and makes so many moves."""
        return 2 + moves * (self.leaps + 1)

    def from_base(self, draw: Draw) -> Particles:
        """Particles of the base law."""
        return self.at(self.scale * draw.normal("particle", *self.target.shape))

    def at(self, x: Tensor) -> Particles:
        """Particles at x, (n, *shape)."""
        log_target, slope = self._evaluated(x.flatten(1))
        self.tally.evaluations += len(x)
        return Particles(x.flatten(1), log_target, slope)

    def log_ratio(self, particles: Particles) -> Tensor:
        """log of the target over the base law, which is normalised, (n,)."""
        return particles.log_target - self._log_base(particles.x)

    def move(self, particles: Particles, beta: float, step: Tensor, draw: Draw, name: str) -> tuple[Particles, Tensor]:
        r"""One step of Hamiltonian Monte Carlo at a temperature, which leaves :math:`\pi_\beta` invariant.

        The length of the step is drawn anew for each move, within a fifth of what is asked, so that no trajectory
        closes on itself.

        Args:
            particles: where they are.
            beta: the temperature.
            step: in the unit of each coordinate, (D,).
            draw: one row a particle.
            name: the name of this move's randomness.

        Returns:
            Where they are then, and each one's probability of acceptance, (n,).
        """
        step = step * (0.8 + 0.4 * torch.rand((), generator=draw.generator(f"{name}-step"), device=step.device))
        kick = draw.normal(f"{name}-momentum", *particles.x.shape[1:])
        x, slope, log_target = particles.x, particles.slope, particles.log_target
        pull = (1 - beta) / self.scale**2
        momentum = torch.addcmul(kick, step, torch.add(beta * slope, x, alpha=-pull), value=0.5)
        for i in range(self.leaps):
            x = torch.addcmul(x, step, momentum)
            last = i + 1 == self.leaps
            if last:
                log_target, slope = self._evaluated(x)
                self.tally.evaluations += len(x)
            else:
                slope = self._slope(x)
            momentum.addcmul_(step, torch.add(beta * slope, x, alpha=-pull), value=0.5 if last else 1.0)
        change = beta * (log_target - particles.log_target) + 0.5 * (_squared(kick) - _squared(momentum))
        change += (1 - beta) * (self._log_base(x) - self._log_base(particles.x))
        chance = change.clamp(max=0.0).exp()
        odd = change.isnan() | log_target.isposinf()
        if bool(odd.any()):
            chance = chance.masked_fill(odd, 0.0)
            ended = x.isfinite().all(1) & (log_target.isnan() | log_target.isposinf())
            self.tally.refused += int((odd & ended).sum())
        accepted = draw.uniform(f"{name}-test") < chance
        keep = accepted[:, None]
        moved = Particles(
            torch.where(keep, x, particles.x),
            torch.where(accepted, log_target, particles.log_target),
            torch.where(keep, slope, particles.slope),
        )
        return moved, chance

    def _evaluated(self, x: Tensor) -> tuple[Tensor, Tensor]:
        self.tally.gradients += len(x)
        value, slope = self.target.log_density_and_score(x.view(-1, *self.target.shape))
        return value, slope.flatten(1)

    def _slope(self, x: Tensor) -> Tensor:
        if type(self.target).score is Target.score:  # by automatic differentiation
            return self._evaluated(x)[1]
        self.tally.gradients += len(x)
        return self.target.score(x.view(-1, *self.target.shape)).flatten(1)

    def _log_base(self, x: Tensor) -> Tensor:
        return -0.5 * (_squared(x) / self.scale**2 + x.shape[1] * math.log(2 * math.pi * self.scale**2))


def _squared(x: Tensor) -> Tensor:
    return x.square().sum(1)
