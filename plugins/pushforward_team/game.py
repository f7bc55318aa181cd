"""The team GAN: every generator meets every discriminator, and a team shares its outcome."""

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
    Judge,
    Objective,
    Penalty,
    UserError,
    observations,
    penalty_terms,
    refuse_coupled,
)


class TeamGAN(Game):
    r"""Generators :math:`G_1 \dots G_n` against discriminators :math:`D_1 \dots D_m`.

    .. math:: c_{D_j} = \text{objective}_D(D_j(x), D_j(\bar G)) + \sum \text{penalties}, \qquad
        c_{G_i} = \frac{1}{m} \sum_j \text{objective}_G(D_j(G_i))

    The mixture :math:`\bar G` takes row k from generator k modulo n, so that every discriminator sees the team as one
    model while each generator may take its own part of the data. The players of a team move at once.

    Reference: Kalogiannis, Panageas, Vlatakis-Gkaragkounis, "Towards convergence to Nash equilibria in two-team
    zero-sum games", 2021, arXiv:2111.04178.

    Args:
        generators: the one team.
        discriminators: the other.
        objective: what both want.
        penalties: added to each discriminator's cost.

    Raises:
        UserError: if a team is empty, or a penalty on the slope of each sample meets a discriminator that couples
            samples.
    """

    def __init__(
        self,
        generators: list[Generator],
        discriminators: list[Discriminator],
        objective: Objective,
        penalties: list[Penalty] | None = None,
    ) -> None:
        super().__init__()
        if not generators or not discriminators:
            raise UserError("a team needs at least one player")
        self.generators, self.discriminators = nn.ModuleList(generators), nn.ModuleList(discriminators)
        self.objective, self.penalties = objective, list(penalties or [])
        refuse_coupled(list(discriminators), self.penalties)
        self.teams = {
            "discriminators": tuple(f"discriminator-{j}" for j in range(len(discriminators))),
            "generators": tuple(f"generator-{i}" for i in range(len(generators))),
        }
        self.order = ("discriminators", "generators")
        self.averaged = self.teams["generators"]

    @property
    def players(self) -> dict[str, nn.Module]:
        """The discriminators move first."""
        return {
            **dict(zip(self.teams["discriminators"], self.discriminators, strict=True)),
            **dict(zip(self.teams["generators"], self.generators, strict=True)),
        }

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """Every discriminator that is asked, or that an asked generator plays against, sees the batch once."""
        names = tuple(names)
        asked = [i for i, name in enumerate(self.teams["generators"]) if name in names]
        fake = self._mixture(draw, asked)
        makers = self.made_by(draw)
        costs: Costs = {}
        earned: dict[int, list[Tensor]] = {i: [] for i in asked}
        for j, name in enumerate(self.teams["discriminators"]):
            if name not in names and not asked:
                continue
            wants_real = name in names or self.objective.generator_needs_real
            judge = Judge(self.discriminators[j], draw)
            real, false = judge.both(draw.x if wants_real else None, fake)
            if name in names:
                assert real is not None and draw.x is not None
                costs[name] = {
                    "objective": self.objective.discriminator(real, false),
                    **penalty_terms(self.penalties, judge, draw.x, fake, draw),
                    **observations(real, false),
                }
            for i in asked:
                earned[i].append(self._earned(false, real, makers == i))
        for i in asked:
            costs[self.teams["generators"][i]] = {"objective": torch.stack(earned[i]).mean()}
        return costs

    def sample(self, n: int, draw: Draw, condition: Tensor | None = None) -> Tensor:
        """n samples in equal shares."""
        return self._mixture(draw, list(range(len(self.generators))))

    def made_by(self, draw: Draw) -> Tensor:
        """Which generator makes each row, (n,): a function of the row's number in the whole draw."""
        return torch.arange(*draw.rows, device=draw.device) % len(self.generators)

    def _mixture(self, draw: Draw, asked: list[int]) -> Tensor:
        """Every row from its generator; graphs only for those that are asked."""
        makers = self.made_by(draw)
        rows, parts = [], []
        for i, generator in enumerate(self.generators):
            own = (makers == i).nonzero().squeeze(1)
            with torch.set_grad_enabled(torch.is_grad_enabled() and i in asked):
                parts.append(generator(generator.latent.sample(draw)[own]))
            rows.append(own)
        return torch.cat(parts)[torch.cat(rows).argsort()]

    def _earned(self, false: Tensor, real: Tensor | None, own: Tensor) -> Tensor:
        """One generator's cost on its rows, such that parts of a draw average to the whole of it."""
        rows = int(own.sum())
        if not rows:
            return 0 * false.sum()
        cost = self.objective.generator(false[own], None if real is None else real[own])
        return cost * (rows * len(self.generators) / len(own))
