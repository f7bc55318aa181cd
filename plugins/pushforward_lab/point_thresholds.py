r"""When points that follow a kernel critic settle, swing, split or run away: the thresholds in closed form.

Lengths are in units of the points, time in critic steps times :math:`\eta_d`, and :math:`\mu = \eta_g / \eta_d`.
A generated point of mass q stands near a true one of mass p, :math:`\gamma` is the kernel's curvature, and
:math:`\lambda` the critic's damping. All but `round_matrix` are for small steps, where
they do not say otherwise.

Reference: Becker, Pandit, Rangan, Fletcher, "Instability and Local Minima in GAN Training with Kernel
Discriminators", 2022, arXiv:2208.09938. The formulas are derived here from the model.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq


def round_matrix(
    order: Literal["simultaneous", "generator-first"],
    damping: float,
    critic_step: float,
    generator_step: float,
    curvature: float,
    p: float = 1.0,
    q: float = 1.0,
) -> np.ndarray:
    r"""One round of a lone pair near its meeting, in (distance, slope of the critic at the true point), (2, 2).

    .. math:: e' = (1 - \eta_g q C) e + \eta_g q b, \qquad b' = (1 - \eta_d \lambda) b - \eta_d \gamma q \bar e,
        \qquad C = \gamma (p - q) / \lambda

    with :math:`\bar e` the old distance, or the new one where the generator moves first.
    """
    hill = curvature * (p - q) / damping if p != q else 0.0
    move = np.array([1 - generator_step * q * hill, generator_step * q])
    seen = move if order == "generator-first" else np.array([1.0, 0.0])
    return np.stack([move, np.array([0.0, 1 - critic_step * damping]) - critic_step * curvature * q * seen])


def critical_damping(mu: float, curvature: float, p: float = 1.0, q: float = 1.0) -> float:
    r"""The lambda above which a lone pair meets without swinging.

    .. math:: \lambda = \sqrt{\mu q \gamma}\, (\sqrt p + \sqrt q), \qquad 2 q \sqrt{\mu \gamma} \text{ for } p = q

    From :math:`\ddot e + (\lambda + \mu q \gamma (p - q) / \lambda)\, \dot e + \mu p q \gamma\, e = 0`.
    """
    return math.sqrt(mu * q * curvature) * (math.sqrt(p) + math.sqrt(q))


def simultaneous_damping(generator_step: float, curvature: float, q: float = 1.0) -> float:
    r"""The lambda below which simultaneous play of a lone pair of equal masses diverges, whatever the critic's step.

    .. math:: \lambda = \eta_g \gamma q^2

    Where the generator moves first, every positive lambda is stable (for critic steps up to `largest_critic_step`).
    """
    return generator_step * curvature * q**2


def largest_critic_step(damping: float, generator_step: float, curvature: float, q: float = 1.0) -> float:
    r"""The eta_d below which a lone pair of equal masses is stable, where the generator moves first.

    .. math:: \eta_d = 4 / (2 \lambda + \eta_g \gamma q^2)
    """
    return 4 / (2 * damping + generator_step * curvature * q**2)


def imbalance_damping(mu: float, curvature: float, p: float, q: float) -> float:
    r"""The lambda below which a point that is heavier than its true one never comes to rest; zero for a lighter one.

    .. math:: \lambda^2 = \mu q \gamma (q - p)
    """
    return math.sqrt(max(mu * q * curvature * (q - p), 0.0))


def collapse_radius(p: float, q: float, width: float) -> float:
    r"""How far from their one true point two points of mass q each settle, under a Gaussian kernel of that width.

    .. math:: r = s \sqrt{\tfrac23 \ln(2 q / p)}

    A stable bad minimum: no other mode is ever found. Zero where 2 q is at most p: then both settle on the point.
    """
    return width * math.sqrt(max(2 / 3 * math.log(2 * q / p), 0.0))


def runaway_damping(mu: float, curvature: float, q: float = 1.0) -> float:
    r"""The lambda below which a point far from all true ones is driven away by its own past.

    .. math:: \lambda = q \sqrt{\mu \gamma}
    """
    return q * math.sqrt(mu * curvature)


def runaway_speed(
    damping: float, mu: float, curvature: float, q: float = 1.0, critic_step: float | None = None
) -> float:
    r"""How fast it runs, under a Gaussian kernel; zero above the threshold.

    .. math:: 1 = \mu q^2 \gamma \int_0^\infty s\, e^{-\lambda s - \gamma v^2 s^2 / 2}\, ds

    The integral falls with v, from :math:`1/\lambda^2` at rest to less than :math:`1 / \gamma v^2`, which brackets v
    between 0 and :math:`q \sqrt\mu`. With a critic's step, s runs over its multiples and the exponential of lambda is
    :math:`(1 - \eta_d \lambda)^{s / \eta_d}`: exact for a generator that moves first.
    """
    if critic_step is None:

        def delayed(v: float) -> float:
            return quad(lambda s: s * math.exp(-damping * s - curvature * (v * s) ** 2 / 2), 0, math.inf)[0]

    else:
        ages = np.arange(1, 2 + math.ceil(40 / (critic_step * damping)))  # e^-40 is nothing beside 1
        s, weights = critic_step * ages, critic_step * (1 - critic_step * damping) ** ages

        def delayed(v: float) -> float:
            return float((s * weights * np.exp(-curvature * (v * s) ** 2 / 2)).sum())

    def excess(v: float) -> float:
        return mu * q**2 * curvature * delayed(v) - 1

    fastest = 2 * q * math.sqrt(mu)
    return float(brentq(excess, 0.0, fastest, xtol=1e-13)) if excess(0.0) > 0 else 0.0
