"""Noise-contrastive estimation: an energy and its constant, learned by telling data from noise of known density."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import softplus

from pushforward import Costs, Draw, Energy, Flow, Sampler, UserError
from pushforward_gebm.alone import EnergyAlone
from pushforward_gebm.base_law import numbered
from pushforward_gebm.energies import lowest
from pushforward_gebm.game import Scalar


class NoiseContrastive(EnergyAlone):
    r"""A density whose constant is learned with it.

    .. math:: \log p(x) = -E(x) - c, \quad D(x) = \log p(x) - \log \nu q(x), \qquad
        c_E = \mathbb{E}_P\, \mathrm{sp}(-D) + \nu\, \mathbb{E}_q\, \mathrm{sp}(D)

    At the best energy c is its log-partition, so that there is a density without any integral: as far as the
    classifier has learned it, which the measure `mass` tells in the plane. The nearer the noise is to the data, the
    better both are known.

    Reference: Gutmann, Hyvarinen, "Noise-Contrastive Estimation: A New Estimation Principle for Unnormalized
    Statistical Models", 2010.

    Args:
        energy: data to nats.
        shape: the shape of one datum.
        noise: the law q, a flow that stays as it is; a normal law where None.
        ratio: nu, pieces of noise for each datum.
        sampler: how chains move; `mala` with step .1 where None.
        sample_steps: moves of each sample, from noise.
        noise_scale: standard deviation of the normal noise, in units of the data.

    Raises:
        UserError: if a number is out of range, or the noise wants classes.
    """

    def __init__(
        self,
        energy: Energy,
        shape: tuple[int, ...],
        noise: Flow | None = None,
        ratio: PositiveInt = 1,
        sampler: Sampler | None = None,
        sample_steps: PositiveInt = 200,
        noise_scale: PositiveFloat = 1.0,
    ) -> None:
        super().__init__(energy, shape, sampler, sample_steps, noise_scale)
        if noise is not None and noise.conditional:
            raise UserError("noise-contrastive: the noise wants classes: use a flow that is not conditional")
        self.law, self.ratio, self.constant = noise, ratio, Scalar()
        if noise is not None:
            noise.requires_grad_(False)
            noise.eval()

    @property
    def players(self) -> dict[str, nn.Module]:
        """The energy with its constant."""
        return {"energy": nn.ModuleList([self.energy, self.constant])}

    def train(self, mode: bool = True) -> NoiseContrastive:
        """As in torch, but the noise stays in evaluation mode."""
        super().train(mode)
        if self.law is not None:
            self.law.eval()
        return self

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """Logistic regression of data against noise."""
        assert draw.x is not None
        if "energy" not in tuple(names):
            return {}
        with torch.no_grad():
            noise = torch.cat([self.begin(numbered(draw, k)) for k in range(self.ratio)]).to(draw.x)
        energies = self.energy(draw.x)
        on_data, on_noise = self._logits(draw.x, energies), self._logits(noise, self.energy(noise))
        return {
            "energy": {
                **lowest(energies),
                "data": softplus(-on_data).mean(),
                "noise": self.ratio * softplus(on_noise).mean(),
                "~constant": self.constant.value.detach(),
            }
        }

    def begin(self, draw: Draw) -> Tensor:
        """Noise."""
        return self.noise(draw) if self.law is None else self.law.sample(draw.n, draw=draw)

    def log_density(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """-E(x) - c in nats, (n,): normalised as far as c is learned."""
        return -self.energy(x) - self.constant.value

    def _logits(self, x: Tensor, energies: Tensor) -> Tensor:
        with torch.no_grad():
            noise = self.noise_log_density(x) if self.law is None else self.law.log_density(x)
        return -energies - self.constant.value - noise - math.log(self.ratio)
