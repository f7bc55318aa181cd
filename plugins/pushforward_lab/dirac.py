"""The Dirac-GAN: two numbers that show whether a way of training a GAN converges, in every variant of the paper."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

import torch
from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor, nn

from pushforward import Box, Costs, Draw, UserError
from pushforward_lab.laboratory import LaboratoryGame, Numbers, start_at
from pushforward_lab.linear_critic import (
    AT_ZERO,
    discriminator_cost,
    enough_nodes,
    generator_cost,
    is_off,
    known_objective,
    scores_on_a_line,
    strength,
)
from pushforward_lab.spiral import by_name, largest_step_alternating, largest_step_simultaneous, roots


class DiracGAN(LaboratoryGame):
    r"""A generator that is a point theta learns a datum at 0 against the discriminator D(x) = psi x.

    .. math:: c_D = \text{objective}_D(0, \psi\theta) + \tfrac{\gamma_1 + \gamma_2}{2}\, \psi^2
        + \tfrac{g}{2} (|\psi| - g_0)^2, \qquad c_G = \text{objective}_G(\psi\theta)

    To see in two numbers whether a choice of objective, penalty, rule and step converges: what fails here fails on
    data that lie on a thin manifold. At (0, 0) the field turns by a = f'(0) (1/2 for the logistic objectives, 1 for
    Wasserstein and hinge) and is damped by g = r1 + r2 + 2 |f''(0)| noise^2, so the eigenvalues are
    -g/2 +- sqrt(g^2/4 - a^2): without damping play never converges, and from g = 2a on it no longer rotates.

    Logits follow the framework: high means real. The paper's psi is minus ours; its orbits are mirrored, its
    eigenvalues the same. The paper draws instance noise; here its expectation is taken by quadrature, so play is
    deterministic and its spectrum exact (all but the hinge, whose kinks a quadrature rule smears).

    Reference: Mescheder, Geiger, Nowozin, "Which Training Methods for GANs do actually Converge?", 2018,
    arXiv:1801.04406, sections 2 and 3.

    Args:
        objective: what both want.
        r1: the strength gamma_1 of the squared slope on data: (gamma/2) psi^2.
        r2: the strength gamma_2 of the squared slope on generated points; here the same number.
        gradient_penalty: the strength g of WGAN-GP's penalty; code that omits the half uses g/2 of this.
        slope: the slope g_0 that this penalty asks for.
        noise: the standard deviation of the instance noise added to data and to generated points; 0 adds none.
        bound: keep psi within [-bound, bound], as weight clipping does; None does not.
        nodes: points of the quadrature rule for the noise.
        start: where discriminator and generator begin: [psi, theta]; None draws both at random. The paper's (1, 1) is
            [-1, 1].

    Raises:
        UserError: if a strength, the slope or the noise is negative, or the bound is not above 0.
    """

    dampers = ("r1", "r2")

    def __init__(
        self,
        objective: Literal["minimax", "non-saturating", "wasserstein", "hinge", "relativistic-paired"] = "minimax",
        r1: NonNegativeFloat = 0.0,
        r2: NonNegativeFloat = 0.0,
        gradient_penalty: NonNegativeFloat = 0.0,
        slope: NonNegativeFloat = 1.0,
        noise: NonNegativeFloat = 0.0,
        bound: PositiveFloat | None = None,
        nodes: int = 32,
        start: list[float] | None = [1.0, 1.0],  # noqa: B006
    ) -> None:
        super().__init__()
        known_objective(objective)
        self.objective = objective
        self.r1, self.r2 = strength("r1", r1), strength("r2", r2)
        self.gradient_penalty, self.slope = strength("gradient_penalty", gradient_penalty), strength("slope", slope)
        self.noise, self.nodes = strength("noise", noise), enough_nodes(nodes)
        if bound is not None and not 0 < bound < math.inf:
            raise UserError(f"bound is {bound}: expected a finite number above 0")
        self.bound, self.start = bound, start
        psi, theta = start_at(start, 2, "start").split(1)
        self.discriminator, self.generator = Numbers(psi), Numbers(theta)
        self.projections = {} if bound is None else {"discriminator": Box(-bound, bound)}

    @property
    def players(self) -> dict[str, nn.Module]:
        """The discriminator moves first."""
        return {"discriminator": self.discriminator, "generator": self.generator}

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """Both from the same scores."""
        psi, theta = self.discriminator.value.squeeze(0), self.generator.value.squeeze(0)
        scores = scores_on_a_line(psi, theta, self.noise, self.nodes)
        costs: Costs = {}
        for name in names:
            if name == "discriminator":
                costs[name] = {"objective": discriminator_cost(self.objective, scores), **self._penalties(psi)}
            else:
                costs[name] = {"objective": generator_cost(self.objective, scores)}
        return costs

    def _penalties(self, psi: Tensor) -> dict[str, Tensor]:
        """Those that are used: D has the slope psi everywhere."""
        terms = {}
        if not is_off(self.r1):
            terms["r1"] = self.r1 / 2 * psi**2
        if not is_off(self.r2):
            terms["r2"] = self.r2 / 2 * psi**2
        if not is_off(self.gradient_penalty):
            terms["gradient_penalty"] = self.gradient_penalty / 2 * (psi.abs() - self.slope) ** 2
        return terms

    def equilibrium(self) -> dict[str, Tensor]:
        """Both at 0: the only point where both gradients vanish.

        Under WGAN-GP the field jumps there, and the discriminator would rather have the slope it is asked for.
        """
        zero = torch.zeros(1, dtype=torch.float64)
        return {"discriminator.value": zero, "generator.value": zero.clone()}

    def answers(self) -> dict[str, float]:
        """Eigenvalues of the flow at 0, its damping, and the largest stable steps of plain descent, the same for both.

        `critical-damping` and `critical-noise` are where rotation ends: r1 + r2 + 2 |f''(0)| noise^2 reaches the one;
        the other alone does it. Under a gradient penalty with a slope there is no Jacobian, and nothing to tell.
        """
        turning, curvature = AT_ZERO[self.objective]
        if self.gradient_penalty > 0 and self.slope > 0:
            return {}
        damping = self.r1 + self.r2 + self.gradient_penalty - 2 * curvature * self.noise**2
        return {
            **by_name(roots(damping, turning)),
            "damping": damping,
            "critical-damping": 2 * turning,
            **({"critical-noise": math.sqrt(-turning / curvature)} if curvature else {}),
            "largest-step-simultaneous": largest_step_simultaneous(damping, turning),
            "largest-step-alternating": largest_step_alternating(damping, turning),
        }
