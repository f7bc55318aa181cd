"""The location family: with data that fill space, the logistic GAN converges by itself and the Wasserstein one not."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor, nn

from pushforward import Costs, Draw, UserError
from pushforward_lab.laboratory import LaboratoryGame, Numbers, start_at
from pushforward_lab.linear_critic import (
    AT_ZERO,
    discriminator_cost,
    enough_nodes,
    generator_cost,
    known_objective,
    scores_on_a_line,
)
from pushforward_lab.spiral import by_name, largest_step_alternating, largest_step_simultaneous, roots


class LocationGAN(LaboratoryGame):
    r"""A generator moves a normal law onto data, against a linear discriminator and without any penalty.

    .. math:: x \sim \mathcal{N}(0, s^2), \qquad G(z) = s z + \theta, \quad z \sim \mathcal{N}(0, 1),
        \qquad D(x) = \psi x

    To see what the spread of data does: it damps a logistic GAN as R1 of strength 2 |f''(0)| s^2 would (the
    eigenvalues are those of the Dirac-GAN with instance noise s), and does nothing for a Wasserstein one, which
    circles. Expectations are taken by quadrature, so play is deterministic (the hinge's kinks are smeared by it).

    Reference: Mescheder, Geiger, Nowozin, "Which Training Methods for GANs do actually Converge?", 2018,
    arXiv:1801.04406, section 2.

    Args:
        objective: what both want.
        spread: the standard deviation s of data and of generated points.
        nodes: points of the quadrature rule; 32 give a softplus to 1e-6 while |psi| s is below 2.
        start: where discriminator and generator begin: [psi, theta]; None draws both at random.

    Raises:
        UserError: if the spread is not above 0.
    """

    def __init__(
        self,
        objective: Literal["minimax", "non-saturating", "wasserstein", "hinge", "relativistic-paired"] = "minimax",
        spread: float = 1.0,
        nodes: int = 32,
        start: list[float] | None = [1.0, 1.0],  # noqa: B006
    ) -> None:
        super().__init__()
        known_objective(objective)
        if not 0 < spread < math.inf:
            raise UserError(f"spread is {spread}: expected a finite number above 0")
        self.objective, self.spread, self.nodes, self.start = objective, spread, enough_nodes(nodes), start
        psi, theta = start_at(start, 2, "start").split(1)
        self.discriminator, self.generator = Numbers(psi), Numbers(theta)

    @property
    def players(self) -> dict[str, nn.Module]:
        """The discriminator moves first."""
        return {"discriminator": self.discriminator, "generator": self.generator}

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """Both from the same scores."""
        psi, theta = self.discriminator.value.squeeze(0), self.generator.value.squeeze(0)
        scores = scores_on_a_line(psi, theta, self.spread, self.nodes)
        cost = {"discriminator": discriminator_cost, "generator": generator_cost}
        return {name: {"objective": cost[name](self.objective, scores)} for name in names}

    def equilibrium(self) -> dict[str, Tensor]:
        """Both at 0: the laws agree, and the discriminator is flat."""
        zero = torch.zeros(1, dtype=torch.float64)
        return {"discriminator.value": zero, "generator.value": zero.clone()}

    def answers(self) -> dict[str, float]:
        """Eigenvalues of the flow at 0, its damping, and the largest stable steps of plain descent, the same for both.

        `critical-spread` is where rotation ends.
        """
        turning, curvature = AT_ZERO[self.objective]
        damping = -2 * curvature * self.spread**2
        return {
            **by_name(roots(damping, turning)),
            "damping": damping,
            **({"critical-spread": math.sqrt(-turning / curvature)} if curvature else {}),
            "largest-step-simultaneous": largest_step_simultaneous(damping, turning),
            "largest-step-alternating": largest_step_alternating(damping, turning),
        }
