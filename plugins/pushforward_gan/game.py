"""The GAN: one generator against one discriminator."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from pushforward import (
    Costs,
    Discriminator,
    Draw,
    Game,
    Generator,
    Objective,
    Penalty,
    penalty_terms,
    refuse_coupled,
    score_both,
)
from pushforward_gan.objectives import NonSaturating


class GAN(Game):
    r"""A generator that turns noise into data, against a discriminator that tells its data from real ones.

    .. math:: c_D = \text{objective}_D(D(x), D(G(z))) + \sum \text{penalties}, \qquad
        c_G = \text{objective}_G(D(G(z)))

    For samples without a density. All penalties are summed with the objective into one cost and one step.

    Reference: Goodfellow et al., "Generative Adversarial Networks", 2014, arXiv:1406.2661.

    Args:
        generator: noise to data.
        discriminator: data to realness logits.
        objective: what both want; non-saturating by default.
        penalties: what is added to the discriminator's cost.

    Raises:
        UserError: if a penalty on the slope of each sample meets a discriminator that couples samples.
    """

    averaged = ("generator",)

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        objective: Objective | None = None,
        penalties: list[Penalty] | None = None,
    ) -> None:
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.objective, self.penalties = objective or NonSaturating(), list(penalties or [])
        refuse_coupled([discriminator], self.penalties)

    @property
    def players(self) -> dict[str, nn.Module]:
        """The discriminator moves first."""
        return {"discriminator": self.discriminator, "generator": self.generator}

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """One pass of the critic over real and generated data together serves every cost that is asked."""
        names = tuple(names)
        condition = draw.labels if self._conditional else None
        with torch.set_grad_enabled(torch.is_grad_enabled() and "generator" in names):
            fake = self.generator(self.generator.latent.sample(draw), condition)
        costs: Costs = {}
        wants_real = "discriminator" in names or self.objective.generator_needs_real
        real, false = score_both(self.discriminator, draw.x if wants_real else None, fake, condition)
        if "discriminator" in names:
            assert real is not None and draw.x is not None
            costs["discriminator"] = {
                "objective": self.objective.discriminator(real, false),
                **penalty_terms(self.penalties, self.discriminator, draw.x, fake, draw, condition),
            }
        if "generator" in names:
            costs["generator"] = {"objective": self.objective.generator(false, real)}
        return costs

    def sample(self, n: int, draw: Draw, condition: Tensor | None = None) -> Tensor:
        """n samples of the generator; a conditional one without labels takes the classes in turn."""
        if condition is None and self.generator.conditional:
            condition = torch.arange(n, device=draw.device) % self.generator.classes
        return self.generator.sample(n, condition, draw)

    @property
    def _conditional(self) -> bool:
        return self.generator.conditional or self.discriminator.conditional
