"""Score matching: an energy learns by its slope alone, so that neither its constant nor a sample of it is needed."""

from __future__ import annotations

import abc
from collections.abc import Iterable

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor

from pushforward import Costs, Draw, Energy, Sampler
from pushforward_gebm.alone import EnergyAlone
from pushforward_gebm.base_law import numbered
from pushforward_gebm.energies import lowest


class ScoreMatching(EnergyAlone):
    """Abstract: an energy whose score -grad E is brought near that of the data."""

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """How far the scores are apart, up to a constant."""
        assert draw.x is not None
        if "energy" not in tuple(names):
            return {}
        distance, energies = self.distance(draw.x, draw)
        return {"energy": {**lowest(energies), "score": distance}}

    @abc.abstractmethod
    def distance(self, x: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
        """The cost at data x, (n, *shape), and the energies of the points at which it was found, (n,)."""

    def scored(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The score at x, which wants a gradient, and the energies of which it is the slope: one pass gives both."""
        energies = self.energy(x)
        (slope,) = torch.autograd.grad(energies.sum(), x, create_graph=True)
        return -slope, energies

    def begin(self, draw: Draw) -> Tensor:
        """Noise."""
        return self.noise(draw)


class Denoising(ScoreMatching):
    r"""The score of data blurred by normal noise, which is known for every pair of datum and noise.

    .. math:: c_E = \tfrac12\, \mathbb{E}\, |\sigma\, s(x + \sigma \xi) + \xi|^2, \qquad s = -\nabla E

    It learns the law of x + sigma xi, and not that of x: sigma is the resolution. Only first derivatives in x.

    Reference: Vincent, "A Connection Between Score Matching and Denoising Autoencoders", 2011.

    Args:
        energy: data to nats.
        shape: the shape of one datum.
        sigma: the standard deviation of the blur, in units of the data.
        sampler: how chains move; `mala` with step .1 where None.
        sample_steps: moves of each sample, from noise.
        noise_scale: standard deviation of the noise at which chains begin, in units of the data.
    """

    def __init__(
        self,
        energy: Energy,
        shape: tuple[int, ...],
        sigma: PositiveFloat = 0.1,
        sampler: Sampler | None = None,
        sample_steps: PositiveInt = 200,
        noise_scale: PositiveFloat = 1.0,
    ) -> None:
        super().__init__(energy, shape, sampler, sample_steps, noise_scale)
        self.sigma = sigma

    def distance(self, x: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
        """The mean squared error of denoising, halved."""
        noise = draw.normal("blur", *self.shape).to(x)
        with torch.enable_grad():
            score, energies = self.scored((x + self.sigma * noise).detach().requires_grad_())
        return 0.5 * (self.sigma * score + noise).flatten(1).square().sum(1).mean(), energies


class Sliced(ScoreMatching):
    r"""The score of the data themselves, along random directions.

    .. math:: c_E = \mathbb{E}\, \bigl[ v^\top \nabla (v^\top s(x)) + \tfrac12 |s(x)|^2 \bigr], \qquad s = -\nabla E

    v is of independent signs. There is no blur, but second derivatives in x: the energy must be smooth (`silu`, `tanh`,
    `softplus`; a network of ReLUs has none). Where data lie on a thin set the cost has no bottom.

    Reference: Song, Garg, Shi, Ermon, "Sliced Score Matching: A Scalable Approach to Density and Score Estimation",
    2019, arXiv:1905.07088, eq. 8.

    Args:
        energy: data to nats, smooth.
        shape: the shape of one datum.
        probes: directions for each datum.
        sampler: how chains move; `mala` with step .1 where None.
        sample_steps: moves of each sample, from noise.
        noise_scale: standard deviation of the noise at which chains begin, in units of the data.
    """

    def __init__(
        self,
        energy: Energy,
        shape: tuple[int, ...],
        probes: PositiveInt = 1,
        sampler: Sampler | None = None,
        sample_steps: PositiveInt = 200,
        noise_scale: PositiveFloat = 1.0,
    ) -> None:
        super().__init__(energy, shape, sampler, sample_steps, noise_scale)
        self.probes = probes

    def distance(self, x: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
        """Curvature along the probes, and half the squared score."""
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            score, energies = self.scored(x)
            curvature = x.new_zeros(())
            for k in range(self.probes):
                v = 2 * numbered(draw, k).integers("probe", 2, *self.shape).to(x) - 1
                (slope,) = torch.autograd.grad((v * score).sum(), x, create_graph=True)
                curvature = curvature + (v * slope).flatten(1).sum(1).mean() / self.probes
        return curvature + 0.5 * score.flatten(1).square().sum(1).mean(), energies
