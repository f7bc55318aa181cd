"""A linear GAN in many dimensions: one damped rotation for each singular value of the discriminator's features."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

import torch
from pydantic import NonNegativeFloat
from torch import Tensor, nn

from pushforward import Costs, Draw, UserError
from pushforward_lab.laboratory import LaboratoryGame, Numbers, start_at
from pushforward_lab.linear_critic import (
    AT_ZERO,
    Scores,
    discriminator_cost,
    generator_cost,
    is_off,
    known_objective,
    strength,
)
from pushforward_lab.spiral import by_name, largest_step_alternating, largest_step_simultaneous, roots


class LinearGAN(LaboratoryGame):
    r"""A generator that is a point in n dimensions learns a datum at 0 against a linear discriminator.

    .. math:: G(z) = \theta \in \mathbb{R}^n, \qquad D(x) = \psi^\top W x, \quad \psi \in \mathbb{R}^m, \qquad
        c_D = \text{objective}_D(0, \psi^\top W \theta) + \tfrac{\gamma}{2} \|W^\top \psi\|^2

    To see how R1 damps rotations of different speed: the Dirac-GAN once for each singular value s of W, with turning
    a s and damping gamma s^2. Slow rotations are damped least, and what W does not see never moves.

    Reference: Mescheder, Geiger, Nowozin, "Which Training Methods for GANs do actually Converge?", 2018,
    arXiv:1801.04406, section 4.

    Args:
        weights: the matrix W, m rows of n numbers; None draws normal ones from `seed`.
        features: the number m of features, where W is drawn.
        dimension: the number n of dimensions, where W is drawn.
        seed: what W is drawn from.
        objective: what both want.
        r1: the strength gamma of R1.
        start: where they begin, psi and then theta; None draws both at random.

    Raises:
        UserError: if W is empty, ragged or not finite, or the strength is negative.
    """

    dampers = ("r1",)

    def __init__(
        self,
        weights: list[list[float]] | None = None,
        features: int = 4,
        dimension: int = 3,
        seed: int = 0,
        objective: Literal["minimax", "non-saturating", "wasserstein", "hinge", "relativistic-paired"] = "minimax",
        r1: NonNegativeFloat = 0.0,
        start: list[float] | None = None,
    ) -> None:
        super().__init__()
        known_objective(objective)
        self.weights, self.features, self.dimension, self.seed = weights, features, dimension, seed
        self.objective, self.r1, self.start = objective, strength("r1", r1), start
        self._w = _drawn(features, dimension, seed) if weights is None else _given(weights)
        m, n = self._w.shape
        psi, theta = start_at(start, m + n, "start").split([m, n])
        self.discriminator, self.generator = Numbers(psi), Numbers(theta)

    @property
    def players(self) -> dict[str, nn.Module]:
        """The discriminator moves first."""
        return {"discriminator": self.discriminator, "generator": self.generator}

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """Both from the same score."""
        slope = self.discriminator.value @ self._w.to(self.discriminator.value.device)  # of D, (n,)
        fake = (slope @ self.generator.value)[None]
        scores = Scores(torch.zeros_like(fake), fake, fake, torch.ones_like(fake))
        costs: Costs = {}
        for name in names:
            if name == "discriminator":
                costs[name] = {"objective": discriminator_cost(self.objective, scores)}
                if not is_off(self.r1):
                    costs[name]["r1"] = self.r1 / 2 * (slope**2).sum()
            else:
                costs[name] = {"objective": generator_cost(self.objective, scores)}
        return costs

    def equilibrium(self) -> dict[str, Tensor]:
        """The nearest point with W theta = 0 and W' psi = 0: 0, but for what W does not see."""
        inverse = torch.linalg.pinv(self._w)
        psi, theta = self.discriminator.value.detach(), self.generator.value.detach()
        return {
            "discriminator.value": psi - inverse.T @ (self._w.T @ psi),
            "generator.value": theta - inverse @ (self._w @ theta),
        }

    def answers(self) -> dict[str, float]:
        """All m + n eigenvalues of the flow at an equilibrium, and the largest steps stable for what W sees."""
        turning = AT_ZERO[self.objective][0]
        seen = [float(s) for s in torch.linalg.svdvals(self._w)]
        speeds = [s for s in seen if s > 1e-12 * max(seen)]
        pairs = [(self.r1 * s**2, turning * s) for s in speeds]
        zeros = [0j] * (sum(self._w.shape) - 2 * len(speeds))
        return {
            **by_name([root for pair in pairs for root in roots(*pair)] + zeros),
            "largest-step-simultaneous": min((largest_step_simultaneous(*pair) for pair in pairs), default=0.0),
            "largest-step-alternating": min((largest_step_alternating(*pair) for pair in pairs), default=0.0),
        }


def _given(weights: list[list[float]]) -> Tensor:
    """The matrix that the recipe states."""
    lengths = {len(row) for row in weights}
    if len(lengths) != 1 or 0 in lengths or not all(math.isfinite(x) for row in weights for x in row):
        raise UserError("weights: expected rows of the same number of finite numbers, at least one")
    return torch.tensor(weights, dtype=torch.float64)


def _drawn(features: int, dimension: int, seed: int) -> Tensor:
    """A normal matrix from that seed."""
    if features < 1 or dimension < 1:
        raise UserError(f"features {features} and dimension {dimension}: expected at least 1 of each")
    return torch.randn(features, dimension, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
