"""The generalised energy-based model: an energy says where a base law puts too much, or too little."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from pushforward import Costs, Draw, Energy, Estimate, Flow, Game, Generator, UserError
from pushforward.numerics.kernels import Moved, langevin
from pushforward_gebm.base_law import BaseLaw
from pushforward_gebm.kale import base_cost, energy_cost
from pushforward_gebm.partition import Partition


class GEBM(Game):
    r"""A base law tilted by an energy, both learned from data through KALE.

    .. math:: q(dx) = e^{-E(x) - A}\, G(dx), \qquad A = \log \mathbb{E}_G e^{-E}

    .. math:: c_E = \mathbb{E}_P[E + c] + \mathbb{E}_G\bigl[e^{-(E + c)}\bigr] - 1 + \lambda\, \mathbb{E} |\nabla E|^2,
        \qquad c_G = -\mathbb{E}_P E - \log \mathbb{E}_G e^{-E}

    For more than the base alone can say: a flow that bridges modes, or a generator without a density. The scalar c
    belongs to the energy and tends to A. The cost of a trained base is no mean over samples: its batch must stay whole.

    Samples are pieces of noise z of law proportional to p(z) exp(-E(G(z))), pushed forward: each begins at one of a
    few candidates picked by importance and then moves by Metropolis-adjusted Langevin steps, whose law is exact.

    Reference: Arbel, Zhou, Gretton, "Generalized Energy Based Models", 2020, arXiv:2003.05033.

    Args:
        base: the law G, without classes; with a flow the model has a density.
        energy: data to nats, low where the base should have put more.
        train_base: whether the base plays, too; if not it stays as it is.
        slope_penalty: the strength lambda, on points between data and samples of the base; 0 leaves KALE unbiased.
        candidates: pieces of noise of which each sample begins at one.
        chain_steps: Langevin steps of each sample; 0 leaves the candidates as they are.
        chain_step: the step gamma, in units of noise squared; 50 to 70 % acceptance is a good one.
        partition_samples: samples of the base for the log-partition, estimated once for each state of the weights.

    Raises:
        UserError: if a number is out of range or the base wants classes; when playing, if a trained base sees part of
            a batch; when sampling, if a class is asked for; when a density is asked for that the base does not have.
    """

    def __init__(
        self,
        base: Flow | Generator,
        energy: Energy,
        train_base: bool = False,
        slope_penalty: float = 0.0,
        candidates: int = 8,
        chain_steps: int = 30,
        chain_step: float = 0.05,
        partition_samples: int = 100_000,
    ) -> None:
        super().__init__()
        _require(slope_penalty=(slope_penalty, 0), candidates=(candidates, 1), chain_steps=(chain_steps, 0))
        _require(chain_step=(chain_step, 0), partition_samples=(partition_samples, 2))
        if base.conditional:
            raise UserError("gebm: the base wants classes, and is drawn without any: use one that is not conditional")
        self.base, self.energy = base, energy
        self.log_partition_guess = Scalar()
        self.train_base, self.slope_penalty = train_base, slope_penalty
        self.candidates, self.chain_steps, self.chain_step = candidates, chain_steps, chain_step
        self.partition_samples = partition_samples
        self.averaged = ("energy", "base") if train_base else ("energy",)
        self._law, self._partition = BaseLaw(base), Partition(partition_samples)
        if not train_base:
            self.base.requires_grad_(False)
            self.base.eval()

    @property
    def players(self) -> dict[str, nn.Module]:
        """The energy with its scalar, then the base where it is trained."""
        energy = nn.ModuleList([self.energy, self.log_partition_guess])
        return {"energy": energy, "base": self.base} if self.train_base else {"energy": energy}

    def train(self, mode: bool = True) -> GEBM:
        """As in torch, but a base that does not play stays in evaluation mode."""
        super().train(mode)
        if not self.train_base:
            self.base.eval()
        return self

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """Minus KALE for the energy, KALE for the base, on the same samples."""
        names = tuple(names)
        assert draw.x is not None
        if "base" in names and draw.n != draw.total:
            raise UserError("gebm: a trained base needs the whole batch: use one process and accumulate=1")
        with torch.set_grad_enabled(torch.is_grad_enabled() and "base" in names):
            fake = self._law.push(self._law.noise(draw))
        on_data, on_base = self.energy(draw.x), self.energy(fake)
        costs: Costs = {}
        if "energy" in names:
            costs["energy"] = {"minus-kale": energy_cost(on_data, on_base, self.log_partition_guess.value)}
            if self.slope_penalty:
                costs["energy"]["slope-penalty"] = self.slope_penalty * self._slope(draw.x, fake.detach(), draw)
        if "base" in names:
            costs["base"] = {"kale": base_cost(on_data, on_base)}
        return costs

    def sample(self, n: int, draw: Draw, condition: Tensor | None = None) -> Tensor:
        """n samples, by chains in the base's noise."""
        if condition is not None:
            raise UserError("a gebm knows no classes: it cannot be asked for one; leave it out")
        with torch.no_grad():
            return self._law.push(self.chains(draw).x)

    def chains(self, draw: Draw) -> Moved:
        """The noise of a sample for every row of the draw, after its chain, with each chain's acceptance."""
        z = self._law.weighted_noise(self.energy, self.candidates, draw)
        return langevin(self.latent_log_density, z, self.chain_steps, self.chain_step, draw)

    def from_base(self, draw: Draw) -> Tensor:
        """A sample of the base alone for every row of the draw."""
        return self._law.push(self._law.noise(draw))

    def latent_log_density(self, z: Tensor) -> Tensor:
        """log p(z) - E(G(z)), (n,): the law of a sample's noise, up to the constant."""
        return self._law.log_density(z) - self.energy(self._law.push(z))

    def latent_law(self, draw: Draw) -> tuple[Callable[[Tensor], Tensor], Tensor]:
        """The log-density of the noise, up to a constant, and noise of the base where chains may begin."""
        return self.latent_log_density, self._law.noise(draw)

    def log_partition(self) -> Estimate:
        """A, with its error and what its weights are worth; kept until a weight changes."""
        return self._partition(self._law, self.energy)

    def log_density(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """log G(x) - E(x) - A in nats, (n,); A is a constant in every gradient."""
        if not isinstance(self.base, Flow):
            raise UserError(f"a gebm has a density where its base is a flow: this one's is {type(self.base).__name__}")
        return self.base.log_density(x) - self.energy(x) - self.log_partition().log_z

    def _slope(self, real: Tensor, fake: Tensor, draw: Draw) -> Tensor:
        share = draw.uniform("between", *[1] * (real.ndim - 1))
        between = torch.lerp(fake, real, share.to(real.dtype))
        return self.energy.score(between).flatten(1).square().sum(1).mean()


def _require(**least: tuple[float, float]) -> None:
    wrong = [f"{name} is {value}: expected at least {low}" for name, (value, low) in least.items() if not value >= low]
    if wrong:
        raise UserError(f"gebm: {'; '.join(wrong)}")


class Scalar(nn.Module):
    """One number to learn, from 0."""

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(()))
