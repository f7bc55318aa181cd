"""Markov kernels as components: where they move chains, how, and a word when nothing moves."""

from __future__ import annotations

import warnings
from typing import Any

from torch import Tensor

from pushforward import Draw, Sampler, UserError
from pushforward.numerics.hamiltonian import hamiltonian, kinetic, step_that_is_taken
from pushforward.numerics.kernels import langevin

SELDOM = 0.1  # acceptance below which a chain hardly moves


class ULA(Sampler):
    r"""The unadjusted Langevin algorithm.

    .. math:: x' = x + \tfrac{\gamma}{2} \nabla \log \pi(x) + \sqrt{\gamma}\, \xi

    Cheap and biased: on a normal law of precision p its variance is :math:`1 / (p (1 - \gamma p / 4))`.

    Args:
        step: gamma, in units of x squared.

    Raises:
        UserError: if the step is not above 0.
    """

    def __init__(self, step: float = 0.01) -> None:
        _above_zero("ula", step=step)
        self.step = step

    def run(self, log_density: Any, x: Tensor, steps: int, draw: Draw) -> tuple[Tensor, dict[str, float]]:
        """Rows after `steps` moves, and how many numbers were not finite."""
        moved = langevin(log_density, x, steps, self.step, draw, "ula")
        return moved.x, {"acceptance": 1.0, "non_finite": moved.non_finite, "gradients": steps + 1, "step": self.step}


class MALA(Sampler):
    r"""The Metropolis-adjusted Langevin algorithm: exact for every step.

    .. math:: x' = x + \tfrac{\gamma}{2} \nabla \log \pi(x) + \sqrt{\gamma}\, \xi, \text{ then a test}

    Reference: Roberts, Tweedie, "Exponential Convergence of Langevin Distributions and Their Discrete Approximations",
    Bernoulli 2 (1996), 341-363.

    Args:
        step: gamma, in units of x squared; 50 to 70 % acceptance is a good one.

    Raises:
        UserError: if the step is not above 0.
    """

    def __init__(self, step: float = 0.5) -> None:
        _above_zero("mala", step=step)
        self.step = step

    def run(self, log_density: Any, x: Tensor, steps: int, draw: Draw) -> tuple[Tensor, dict[str, float]]:
        """Rows after `steps` proposals, with the share that was taken."""
        moved = langevin(log_density, x, steps, self.step, draw, "mala")
        acceptance = float(moved.acceptance.mean()) if steps else 1.0
        if acceptance < SELDOM:
            _warn("mala", acceptance, self.step, step_that_is_taken(log_density, x, self.step**0.5, draw) ** 2)
        facts = {"acceptance": acceptance, "non_finite": moved.non_finite, "gradients": steps + 1, "step": self.step}
        return moved.x, facts


class HMC(Sampler):
    r"""Hamiltonian Monte Carlo: exact, with proposals far away.

    .. math:: H(x, v) = -\log \pi(x) + \tfrac12 |v|^2

    Each proposal is some leapfrog steps with one gradient each. A warm-up, which is no part of the facts, can find
    the step.

    Reference: Neal, "MCMC Using Hamiltonian Dynamics", 2011, arXiv:1206.1901.

    Args:
        step: h, in units of x; where a warm-up begins.
        leaps: leapfrog steps of a proposal.
        warm_up: proposals that adapt the step by dual averaging of all chains' acceptance; 0 keeps it.
        wanted: the acceptance that the warm-up aims at.

    Raises:
        UserError: if a number is out of range.
    """

    def __init__(self, step: float = 0.2, leaps: int = 8, warm_up: int = 0, wanted: float = 0.8) -> None:
        _above_zero("hmc", step=step)
        if leaps < 1 or warm_up < 0 or not 0 < wanted < 1:
            raise UserError(
                f"hmc: leaps is {leaps}, warm_up {warm_up}, wanted {wanted}: expected at least 1, at least 0, and a"
                " share between 0 and 1"
            )
        self.step, self.leaps, self.warm_up, self.wanted = step, leaps, warm_up, wanted

    def run(self, log_density: Any, x: Tensor, steps: int, draw: Draw) -> tuple[Tensor, dict[str, float]]:
        """Rows after `steps` proposals, with their mean acceptance and the step that was used."""
        moved = hamiltonian(log_density, x, steps, self.step, draw, self.leaps, self.warm_up, self.wanted)
        acceptance = float(moved.acceptance.mean()) if steps else 1.0
        if acceptance < SELDOM:
            _warn("hmc", acceptance, moved.step, step_that_is_taken(log_density, x, moved.step, draw, self.leaps))
        return moved.x, {
            "acceptance": acceptance,
            "non_finite": moved.non_finite,
            "gradients": moved.gradients,
            "step": moved.step,
        }


class KineticLangevin(Sampler):
    r"""Kinetic Langevin dynamics by the splitting ABOBA.

    .. math:: dx = v\, dt, \qquad dv = \nabla \log \pi(x)\, dt - \kappa v\, dt + \sqrt{2 \kappa}\, dW

    Without a test; yet the law of the position is exact on normal laws for every step h with h^2 p < 4, so that its
    bias is small wherever a law is nearly normal.

    Reference: Leimkuhler, Matthews, "Rational Construction of Stochastic Numerical Methods for Molecular Sampling",
    2013, arXiv:1203.5428.

    Args:
        step: h, in units of x.
        friction: kappa.

    Raises:
        UserError: if a number is not above 0.
    """

    def __init__(self, step: float = 0.2, friction: float = 1.0) -> None:
        _above_zero("kinetic-langevin", step=step, friction=friction)
        self.step, self.friction = step, friction

    def run(self, log_density: Any, x: Tensor, steps: int, draw: Draw) -> tuple[Tensor, dict[str, float]]:
        """Rows after `steps` moves."""
        moved = kinetic(log_density, x, steps, self.step, draw, self.friction)
        facts = {"acceptance": 1.0, "non_finite": moved.non_finite, "gradients": steps, "step": self.step}
        return moved.x, facts


def _above_zero(name: str, **numbers: float) -> None:
    wrong = [f"{what} is {value}" for what, value in numbers.items() if not value > 0]
    if wrong:
        raise UserError(f"{name}: {', '.join(wrong)}: expected a number above 0")


def _warn(name: str, acceptance: float, step: float, better: float) -> None:
    warnings.warn(
        f"{name}: only {acceptance:.1%} of proposals were taken at step {step:.3g}: try step={better:.2g}", stacklevel=3
    )
