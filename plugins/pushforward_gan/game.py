"""The GAN: one generator against one discriminator."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from pushforward import (
    Augmentation,
    Costs,
    Discriminator,
    Draw,
    Game,
    Generator,
    GeneratorPenalty,
    Judge,
    Objective,
    Penalty,
    Remembering,
    observations,
    penalty_terms,
    refuse_coupled,
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
        generator_penalties: what is added to the generator's.
        augment: how samples, real and generated, are changed before the discriminator sees them, in this order.

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
        generator_penalties: list[GeneratorPenalty] | None = None,
        augment: list[Augmentation] | None = None,
    ) -> None:
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.objective, self.penalties = objective or NonSaturating(), list(penalties or [])
        self.generator_penalties, self.augment = list(generator_penalties or []), list(augment or [])
        refuse_coupled([discriminator], self.penalties)
        parts = {"discriminator": [*self.penalties, *self.augment], "generator": self.generator_penalties}
        self.memory = nn.ModuleDict(
            {name: nn.ModuleList(p for p in own if isinstance(p, nn.Module)) for name, own in parts.items()}
        )

    @property
    def players(self) -> dict[str, nn.Module]:
        """The discriminator moves first."""
        return {"discriminator": self.discriminator, "generator": self.generator}

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """One pass of the critic over real and generated data together serves every cost that is asked."""
        names = tuple(names)
        condition = draw.labels if self._conditional else None
        z = self.generator.latent.sample(draw)
        with torch.set_grad_enabled(torch.is_grad_enabled() and "generator" in names):
            fake = self.generator(z, condition)
        judge = Judge(self.discriminator, draw, condition, self.augment)
        costs: Costs = {}
        wants_real = "discriminator" in names or self.objective.generator_needs_real
        real, false = judge.both(draw.x if wants_real else None, fake)
        if "discriminator" in names:
            assert real is not None and draw.x is not None
            costs["discriminator"] = {
                "objective": self.objective.discriminator(real, false),
                **penalty_terms(self.penalties, judge, draw.x, fake, draw),
                **observations(real, false),
            }
        if "generator" in names:
            costs["generator"] = {"objective": self.objective.generator(false, real)}
            for penalty in self.generator_penalties:
                costs["generator"] |= penalty(self.generator, z, fake, draw)
        return costs

    def remember(self, name: str, draw: Draw, out: dict[str, Tensor]) -> None:
        """What penalties and augmentations keep is written after the move of the player they belong to."""
        super().remember(name, draw, out)
        for part in self.memory[name]:
            if isinstance(part, Remembering):
                part.remember(out)

    def sample(self, n: int, draw: Draw, condition: Tensor | None = None) -> Tensor:
        """n samples of the generator; a conditional one without labels takes the classes in turn."""
        if condition is None and self.generator.conditional:
            condition = torch.arange(n, device=draw.device) % self.generator.classes
        return self.generator.sample(n, condition, draw)

    @property
    def _conditional(self) -> bool:
        return self.generator.conditional or self.discriminator.conditional
