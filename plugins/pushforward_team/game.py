"""The team GAN: several generators against several discriminators."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import torch
from pydantic import NonNegativeInt
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
from pushforward_team.shares import Equal, Learned, Shares
from pushforward_team.tied import Tied, tie


class TeamGAN(Game):
    r"""Generators :math:`G_1 \dots G_n` against discriminators :math:`D_1 \dots D_m`.

    .. math:: c_{D_j} = \text{objective}_D(D_j(x), D_j(\bar G)) + \sum \text{penalties}, \qquad
        c_{G_i} = \frac{1}{m} \sum_j \text{objective}_G(D_j(G_i))

    The mixture :math:`\bar G` takes each row from one generator, so that every discriminator sees the team as one
    model while each generator may take its own part of the data. The players of a team move at once.

    References: Kalogiannis, Panageas, Vlatakis-Gkaragkounis, "Towards convergence to Nash equilibria in two-team
    zero-sum games", 2021, arXiv:2111.04178; Durugkar, Gemp, Mahadevan, "Generative Multi-Adversarial Networks", 2016,
    arXiv:1611.01673 (credit); Arora, Ge, Liang, Ma, Zhang, "Generalization and Equilibrium in Generative Adversarial
    Nets", 2017, arXiv:1703.00573, section 6 (learned shares).

    Args:
        generators: the one team.
        discriminators: the other.
        objective: what both want.
        penalties: added to each discriminator's cost.
        pairing: who meets whom. `all`: every discriminator sees the whole mixture. `own`: discriminator j only sees
            the generators whose number is j modulo m, or j modulo n where there are fewer generators.
        credit: what several opponents make of a generator. `mean` of its costs against each; `hardest`, the largest of
            them; `joint`, its cost under their mean logit.
        mixture: how the rows are shared out. `equal`: row k from generator k modulo n. `learned`: by chances, the
            softmax of n numbers that the player `shares` moves towards the generators that cost least.
        evenness: with learned shares, the weight of :math:`-\frac1n \sum_i \log n \pi_i`, which keeps every generator
            in the mixture.
        tied: how many layers, counted from the last, are the same in all generators: these are a player of their own,
            `tied`, whose cost is the mean of the generators'.

    Raises:
        UserError: if a team is empty, a penalty on the slope of each sample meets a discriminator that couples
            samples, or layers are to be tied that are not alike.
    """

    def __init__(
        self,
        generators: list[Generator],
        discriminators: list[Discriminator],
        objective: Objective,
        penalties: list[Penalty] | None = None,
        pairing: Literal["all", "own"] = "all",
        credit: Literal["mean", "hardest", "joint"] = "mean",
        mixture: Literal["equal", "learned"] = "equal",
        evenness: float = 0.1,
        tied: NonNegativeInt = 0,
    ) -> None:
        super().__init__()
        if not generators or not discriminators:
            raise UserError("a team needs at least one player")
        self.generators, self.discriminators = nn.ModuleList(generators), nn.ModuleList(discriminators)
        self.objective, self.penalties = objective, list(penalties or [])
        self.pairing, self.credit, self.evenness = pairing, credit, evenness
        refuse_coupled(list(discriminators), self.penalties)
        self.shares: Shares = Learned(len(generators)) if mixture == "learned" else Equal(len(generators))
        self.tied: Tied | None = tie(generators, tied) if tied else None
        self._makers = tuple(f"generator-{i}" for i in range(len(generators)))
        besides = (["shares"] if mixture == "learned" else []) + (["tied"] if tied else [])
        self.teams = {
            "discriminators": tuple(f"discriminator-{j}" for j in range(len(discriminators))),
            "generators": (*besides, *self._makers),
        }
        self.order = ("discriminators", "generators")
        self.averaged = self.teams["generators"]

    @property
    def players(self) -> dict[str, nn.Module]:
        """The discriminators move first."""
        parts: dict[str, nn.Module] = {"shares": self.shares}
        if self.tied is not None:
            parts["tied"] = self.tied
        parts |= dict(zip(self._makers, self.generators, strict=True))
        critics = dict(zip(self.teams["discriminators"], self.discriminators, strict=True))
        return {**critics, **{name: parts[name] for name in self.teams["generators"]}}

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """Every discriminator that is asked, or that an asked generator plays against, sees the batch once."""
        names = tuple(names)
        asked = self._asked(names)
        fake, makers = self._mixture(draw, asked), self.made_by(draw)
        costs: Costs = {}
        scores: list[tuple[Tensor, Tensor | None]] = []  # by discriminator: logits of generated and of real rows
        for j, name in enumerate(self.teams["discriminators"]):
            if name not in names and not asked:
                continue
            met = self._met(j, makers)
            wants_real = name in names or self.objective.generator_needs_real
            x = draw.x if met is None or draw.x is None else draw.x[met]
            shown = fake if met is None else fake[met]
            judge = Judge(self.discriminators[j], draw)
            real, false = judge.both(x if wants_real else None, shown)
            if name in names:
                assert real is not None and x is not None
                costs[name] = {
                    "objective": self.objective.discriminator(real, false),
                    **penalty_terms(self.penalties, judge, x, shown, draw),
                    **observations(real, false),
                }
            scores.append((_spread(false, met, len(fake)), None if real is None else _spread(real, met, len(fake))))
        if asked:
            costs |= self._earned(names, asked, scores, makers)
        return costs

    def sample(self, n: int, draw: Draw, condition: Tensor | None = None) -> Tensor:
        """n samples of the mixture."""
        return self._mixture(draw, list(range(len(self.generators))))

    def made_by(self, draw: Draw) -> Tensor:
        """Which generator makes each row, (n,): a function of the row's number in the whole draw."""
        return self.shares.makers(draw)

    @torch.no_grad()
    def pay_off(self, draw: Draw) -> Tensor:
        """What each generator costs itself against each discriminator, (n, m); without its own share it is nan."""
        fake, makers = self._mixture(draw, list(range(len(self.generators)))), self.made_by(draw)
        table = torch.full((len(self.generators), len(self.discriminators)), torch.nan)
        for j, critic in enumerate(self.discriminators):
            real, false = Judge(critic, draw).both(draw.x if self.objective.generator_needs_real else None, fake)
            for i in range(len(self.generators)):
                own = makers == i
                if bool(own.any()):
                    table[i, j] = self.objective.generator(false[own], None if real is None else real[own])
        return table

    def _asked(self, names: tuple[str, ...]) -> list[int]:
        """The generators whose costs are needed."""
        if "tied" in names or "shares" in names:
            return list(range(len(self.generators)))
        return [i for i, name in enumerate(self._makers) if name in names]

    def _met(self, j: int, makers: Tensor) -> Tensor | None:
        """The rows that discriminator j sees, (n,); None for all."""
        n, m = len(self.generators), len(self.discriminators)
        return None if self.pairing == "all" else makers % min(n, m) == j % min(n, m)

    def _opponents(self, i: int) -> list[int]:
        n, m = len(self.generators), len(self.discriminators)
        few = min(n, m)
        return [j for j in range(m) if self.pairing == "all" or i % few == j % few]

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

    def _earned(
        self, names: tuple[str, ...], asked: list[int], scores: list[tuple[Tensor, Tensor | None]], makers: Tensor
    ) -> Costs:
        """What the asked members of the generators' team pay."""
        earned = {i: self._paid(i, scores, makers == i) for i in asked}
        costs: Costs = {self._makers[i]: {"objective": c} for i, c in earned.items() if self._makers[i] in names}
        if "tied" in names:
            costs["tied"] = {"objective": torch.stack(list(earned.values())).mean()}
        if "shares" in names:
            chances = self.shares.chances
            paid = torch.stack([earned[i].detach() for i in range(len(self.generators))])
            even = -(chances * len(chances)).log().mean()
            costs["shares"] = {"objective": (chances * paid).sum(), "evenness": self.evenness * even}
        return costs

    def _paid(self, i: int, scores: list[tuple[Tensor, Tensor | None]], own: Tensor) -> Tensor:
        """One generator's cost on its rows, such that parts of a draw average to the whole of it."""
        rows = int(own.sum())
        against = [scores[j] for j in self._opponents(i)]
        if not rows:
            return 0 * against[0][0].sum()
        logits = [(false[own], None if real is None else real[own]) for false, real in against]
        if self.credit == "joint":
            false = torch.stack([f for f, _ in logits]).mean(0)
            real = [r for _, r in logits if r is not None]
            cost = self.objective.generator(false, torch.stack(real).mean(0) if real else None)
        else:
            each = torch.stack([self.objective.generator(f, r) for f, r in logits])
            cost = each.mean() if self.credit == "mean" else each.max()
        return cost * (rows / (len(own) * float(self.shares.chances[i].detach())))


def _spread(logits: Tensor, met: Tensor | None, n: int) -> Tensor:
    """Logits of the rows that were met, at their places among all n; the other places are never read."""
    return logits if met is None else logits.new_zeros(n).index_put((met.nonzero().squeeze(1),), logits)
