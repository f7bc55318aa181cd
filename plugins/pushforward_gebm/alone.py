"""An energy on data space without any base: how it is sampled, whatever trained it."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from pushforward import Draw, Energy, Game, Sampler, UserError
from pushforward_gebm.samplers import MALA


class EnergyAlone(Game):
    r"""Abstract: one energy, whose law is proportional to exp(-E), by one way of training.

    Samples are the ends of chains in data space.

    Args:
        energy: data to nats.
        shape: the shape of one datum.
        sampler: how chains move; `mala` with step .1 where None.
        sample_steps: moves of each sample.
        noise_scale: standard deviation of the normal noise at which chains begin, in units of the data.

    Raises:
        UserError: if a number is out of range; when sampling, if a class is asked for.
    """

    averaged = ("energy",)

    def __init__(
        self, energy: Energy, shape: tuple[int, ...], sampler: Sampler | None, sample_steps: int, noise_scale: float
    ) -> None:
        super().__init__()
        if sample_steps < 0 or not noise_scale > 0:
            raise UserError(
                f"sample_steps is {sample_steps}, noise_scale {noise_scale}: expected at least 0, and a number above 0"
            )
        self.energy, self.shape, self.sampler = energy, tuple(shape), sampler or MALA(0.1)
        self.sample_steps, self.noise_scale = sample_steps, noise_scale

    @property
    def players(self) -> dict[str, nn.Module]:
        """The energy."""
        return {"energy": self.energy}

    @abc.abstractmethod
    def begin(self, draw: Draw) -> Tensor:
        """Where the chains of samples begin, (n, *shape)."""

    def sample(self, n: int, draw: Draw, condition: Tensor | None = None) -> Tensor:
        """n samples, by chains."""
        if condition is not None:
            raise UserError("an energy knows no classes: it cannot be asked for one; leave it out")
        with torch.no_grad():
            return self.move(self.begin(draw), self.sample_steps, draw)

    def move(self, x: Tensor, steps: int, draw: Draw) -> Tensor:
        """Rows of x after so many moves of the kernel; no gradient of the parameters is taken."""
        return self.sampler.run(self.upward, x, steps, draw)[0]

    def latent_law(self, draw: Draw) -> tuple[Callable[[Tensor], Tensor], Tensor]:
        """Minus the energy, and noise where chains may begin: in data space there is no other."""
        return self.upward, self.noise(draw)

    def upward(self, x: Tensor) -> Tensor:
        """Minus the energy of rows, (n,): the log-density that chains move by."""
        return -self.energy(x)

    def noise(self, draw: Draw) -> Tensor:
        """Normal noise, (n, *shape)."""
        return self.noise_scale * draw.normal("start", *self.shape)

    def noise_log_density(self, x: Tensor) -> Tensor:
        """The log-density of that noise, (n,)."""
        x = x.flatten(1) / self.noise_scale
        return -0.5 * x.square().sum(1) - x.shape[1] * (math.log(self.noise_scale) + 0.5 * math.log(2 * math.pi))
