"""Contrastive divergence: an energy goes down on data and up where its own chains are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import torch
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn

from pushforward import (
    Costs,
    Draw,
    Energy,
    Judge,
    Penalty,
    Remembering,
    Sampler,
    UserError,
    observations,
    penalty_terms,
)
from pushforward_gebm.alone import EnergyAlone
from pushforward_gebm.energies import Tilt, lowest


class ContrastiveDivergence(EnergyAlone):
    r"""An energy by the gradient of likelihood, with chains in place of samples of the model.

    .. math:: c_E = \mathbb{E}_P E(x) - \mathbb{E}\, E(x_k)

    x_k is the end of a short chain, through which no gradient flows. Chains begin

    - at what earlier ones left in a `replay` (persistent: right in the end, if the energy moves slowly),
    - at `data` (the first form: right at equilibrium for an exact kernel, blind to modes away from data),
    - at `noise` (short-run: what is learned is the sampler, rather than the energy).

    Nothing bounds the cost from below: a penalty (`squared-energies`, or on slopes) keeps it. The energy is known up to
    its constant, so that there is no density.

    Reference: Hinton, "Training Products of Experts by Minimizing Contrastive Divergence", 2002; Tieleman, "Training
    Restricted Boltzmann Machines using Approximations to the Likelihood Gradient", 2008; Du, Mordatch, 2019,
    arXiv:1903.08689; Nijkamp, Hill, Zhu, Wu, "Learning Non-Convergent Non-Persistent Short-Run MCMC Toward
    Energy-Based Model", 2019, arXiv:1904.09770.

    Args:
        energy: data to nats.
        shape: the shape of one datum.
        start: where chains begin.
        chain_steps: moves of a chain in training.
        sampler: how chains move; `mala` with step .1 where None.
        penalties: what is added to the cost, as to a discriminator's.
        replay: how many ends of chains are kept; at least a batch.
        renew: the share of kept chains that begin at noise again.
        sample_steps: moves of each sample, from the replay where there is one, else from noise.
        noise_scale: standard deviation of the noise, in units of the data.

    Raises:
        UserError: if a number is out of range; when playing, if a batch is larger than the replay.
    """

    def __init__(
        self,
        energy: Energy,
        shape: tuple[int, ...],
        start: Literal["replay", "data", "noise"] = "replay",
        chain_steps: PositiveInt = 20,
        sampler: Sampler | None = None,
        penalties: list[Penalty] | None = None,
        replay: PositiveInt = 4096,
        renew: NonNegativeFloat = 0.05,
        sample_steps: PositiveInt = 200,
        noise_scale: PositiveFloat = 1.0,
    ) -> None:
        super().__init__(energy, shape, sampler, sample_steps, noise_scale)
        if not 0 <= renew <= 1:
            raise UserError(f"contrastive-divergence: renew is {renew}: expected a share between 0 and 1")
        self.start, self.chain_steps, self.renew = start, chain_steps, renew
        self.penalties = list(penalties or [])
        self.memory = nn.ModuleList(p for p in self.penalties if isinstance(p, nn.Module))
        # begun where weights are: at the randomness of the run's own seed
        kept = noise_scale * torch.randn(replay if start == "replay" else 0, *shape)
        self.register_buffer("replay", kept)
        self.replay: Tensor
        self._aside: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """Data against the ends of chains, which are put aside for the replay."""
        assert draw.x is not None
        if "energy" not in tuple(names):
            return {}
        several = torch.distributed.is_available() and torch.distributed.is_initialized()
        if self.start == "replay" and several and torch.distributed.get_world_size() > 1:
            raise UserError(
                "contrastive-divergence: one process keeps the replay: use trainer.devices=1, or start=data or noise"
            )
        with torch.no_grad():
            ends = self.move(self._starts(draw), self.chain_steps, draw)
        if self.start == "replay":
            self._aside[draw.rows] = self._places(draw), ends
        judge = Judge(Tilt(self.energy, ends.new_zeros(())), draw)
        real, fake = judge.both(draw.x, ends)
        assert real is not None
        return {
            "energy": {
                **lowest(-real, -fake),
                "contrast": fake.mean() - real.mean(),
                **penalty_terms(self.penalties, judge, draw.x, ends, draw),
                **observations(real, fake),
            }
        }

    def remember(self, name: str, draw: Draw, out: dict[str, Tensor]) -> None:
        """The ends of the chains go where they came from."""
        super().remember(name, draw, out)
        for part in self.memory:
            if isinstance(part, Remembering):
                part.remember(out)
        for places, ends in self._aside.values():
            self.replay[places] = ends.to(self.replay)
        self._aside = {}

    def begin(self, draw: Draw) -> Tensor:
        """The replay, in turn; without one, noise."""
        return self.noise(draw) if self.start != "replay" else self.replay[self._places(draw, whole=False)]

    def _starts(self, draw: Draw) -> Tensor:
        if self.start == "data":
            assert draw.x is not None
            return draw.x
        if self.start == "noise":
            return self.noise(draw).to(draw.x)
        fresh = (draw.uniform("renew") < self.renew).view(-1, *[1] * len(self.shape))
        return torch.where(fresh, self.noise(draw).to(self.replay), self.replay[self._places(draw)]).to(draw.x)

    def _places(self, draw: Draw, whole: bool = True) -> Tensor:
        """Which of the kept chains the rows of a draw go on with: neighbours, from anywhere on."""
        size = len(self.replay)
        if whole and draw.total > size:
            raise UserError(f"contrastive-divergence: a batch of {draw.total} needs a replay of as many: it is {size}")
        first = int(torch.randint(size, (1,), generator=draw.generator("replay"), device=draw.device))
        return (first + torch.arange(*draw.rows, device=self.replay.device)) % size
