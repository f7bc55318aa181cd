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
    UserError,
    one_logit_a_sample,
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
        if getattr(discriminator, "couples_samples", False) and any(p.per_sample for p in self.penalties):
            raise UserError(
                "a penalty on the slope of each sample needs a discriminator in which samples do not see each other:"
                " this one has batch normalisation"
            )

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
        real, false = self._logits(draw.x if wants_real else None, fake, condition)
        if "discriminator" in names:
            assert real is not None and draw.x is not None
            costs["discriminator"] = {"objective": self.objective.discriminator(real, false)}
            for penalty in self.penalties:
                name = type(penalty).__name__.lower()
                value = penalty(lambda x: self._critic(x, condition), draw.x, fake.detach(), draw)
                costs["discriminator"][name] = costs["discriminator"].get(name, 0) + value
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

    def _critic(self, x: Tensor, condition: Tensor | None) -> Tensor:
        return one_logit_a_sample(self.discriminator(x, condition), x.shape[0])

    def _logits(self, x: Tensor | None, fake: Tensor, condition: Tensor | None) -> tuple[Tensor | None, Tensor]:
        if x is None:
            return None, self._critic(fake, condition)
        if self.discriminator.couples_samples:  # real and generated batches keep their own statistics
            return self._critic(x, condition), self._critic(fake, condition)
        both = None if condition is None else torch.cat([condition, condition])
        real, false = self._critic(torch.cat([x, fake]), both).split([x.shape[0], fake.shape[0]])
        return real, false
