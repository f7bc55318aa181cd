"""The second-moment model: many points near one true point, summarised by their mean and their covariance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from pushforward_lab.isolated_points import IsolatedPoints


class Moments(NamedTuple):
    """A neighbourhood of a true point: n points of equal mass, and the critic up to second order.

    Attributes:
        mean: e, of the points, from the true one, (d,).
        covariance: S, of the points about their mean, (d, d).
        slope: b, the critic's gradient at the true point, (d,).
        hill: C, minus the critic's second derivative there, (d, d).
    """

    mean: Tensor
    covariance: Tensor
    slope: Tensor
    hill: Tensor


@dataclass(frozen=True)
class SecondMoments:
    r"""The dynamics of the moments, for a kernel wide beside the points' spread.

    .. math::
        e' &= (I - \eta_g q C) e + \eta_g q b, \qquad S' = M S M, \quad M = I - \eta_g q C \\
        b' &= (1 - \eta_d \lambda) b - \eta_d \gamma Q e \\
        C' &= (1 - \eta_d \lambda) C + \eta_d \gamma (p - Q) I
            + \tfrac12 \eta_d \gamma^2 Q \bigl( \operatorname{tr}(S + e e^\top) I + 2 S + 2 e e^\top \bigr)

    with :math:`Q = n q`. The generator moves first: e and S on the right of the last two lines are the new ones, as
    in an alternating round. The trace is of S + e e': a published notebook traces C + e e', which is not
    the expansion of the kernel, and blows up (`trace="published"`, kept to show it).

    Reference: Becker, Pandit, Rangan, Fletcher, "Instability and Local Minima in GAN Training with Kernel
    Discriminators", 2022, arXiv:2208.09938; the trace is corrected here.

    Args:
        true_mass: p.
        mass: q, of one generated point.
        count: n.
        curvature: gamma, 1 / s^2 of the kernel.
        damping: lambda.
        critic_step: eta_d.
        generator_step: eta_g.
        trace: which trace feeds the hill.
    """

    true_mass: float
    mass: float
    count: int
    curvature: float
    damping: float
    critic_step: float
    generator_step: float
    trace: Literal["corrected", "published"] = "corrected"

    def round(self, now: Moments) -> Moments:
        """The moments after the points' step and then the critic's."""
        gathered, gamma, step = self.count * self.mass, self.curvature, self.critic_step
        eye = torch.eye(len(now.mean), dtype=now.mean.dtype, device=now.mean.device)
        move = eye - self.generator_step * self.mass * now.hill
        mean = move @ now.mean + self.generator_step * self.mass * now.slope
        covariance = move @ now.covariance @ move.T
        second = covariance + torch.outer(mean, mean)
        traced = second if self.trace == "corrected" else now.hill + torch.outer(mean, mean)
        keep = 1 - step * self.damping
        slope = keep * now.slope - step * gamma * gathered * mean
        hill = keep * now.hill + step * gamma * (self.true_mass - gathered) * eye
        hill = hill + 0.5 * step * gamma**2 * gathered * (traced.trace() * eye + 2 * second)
        return Moments(mean, covariance, slope, hill)


def moments_of(points: Tensor, true: Tensor) -> Moments:
    """The moments of points of equal mass, (n, d), near a true one, (d,), with a critic that has no opinion yet."""
    mean = points.mean(0) - true
    away = points - points.mean(0)
    return Moments(mean, away.T @ away / len(points), torch.zeros_like(mean), torch.zeros_like(away.T @ away))


def second_moments(
    game: IsolatedPoints, generator_step: float, trace: Literal["corrected", "published"] = "corrected"
) -> tuple[SecondMoments, Moments]:
    """The model of a game with one true point and generated ones of equal mass, and the moments of its points.

    Args:
        game: the game, before its first round.
        generator_step: eta_g, of the generator's optimizer.
        trace: which trace feeds the hill.

    Example:
        >>> game = IsolatedPoints(start=[[0.1], [-0.1]])
        >>> model, moments = second_moments(game, generator_step=0.05)
        >>> round(float(moments.covariance), 3), model.count, model.mass
        (0.01, 2, 0.5)
    """
    critic, points = game.critic, game.generator.value.detach()
    model = SecondMoments(
        float(critic.true_masses[0]),
        float(critic.masses[0]),
        len(points),
        float(game.kernel.curvature),
        float(game.damping),
        float(game.critic_step),
        generator_step,
        trace,
    )
    return model, moments_of(points, critic.true[0])
