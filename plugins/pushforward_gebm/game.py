"""The generalised energy-based model: an energy says where a base law puts too much, or too little."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable

import torch
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveInt
from torch import Tensor, nn

from pushforward import (
    Costs,
    Doubt,
    Draw,
    Energy,
    Estimate,
    Flow,
    Game,
    Generator,
    Judge,
    Objective,
    Penalty,
    Remembering,
    Sampler,
    UserError,
    observations,
    penalty_terms,
)
from pushforward_gebm.base_law import BaseLaw
from pushforward_gebm.energies import Tilt, lowest
from pushforward_gebm.kale import KALE
from pushforward_gebm.partition import Partition
from pushforward_gebm.samplers import MALA

ROWS = 2048  # chains at once


class GEBM(Game):
    r"""A base law tilted by an energy.

    .. math:: q(dx) = e^{-E(x) - A}\, G(dx), \qquad A = \log \mathbb{E}_G e^{-E}

    For more than the base alone can say: a flow that bridges modes, or a generator without a density. The energy and
    its scalar c are a critic D = -(E + c) that an objective holds against the base: one whose best critic is the
    log-ratio of data to base, so that E corrects the base and c tends to A. Its generator's cost, by default KALE's
    weights of importance, trains the base where that plays.

    Samples are pieces of noise z of law proportional to p(z) exp(-beta E(G(z))), pushed forward: each begins at one of
    a few candidates picked by importance and then moves by a Markov kernel. The density is that of beta = 1.

    Reference: Arbel, Zhou, Gretton, "Generalized Energy Based Models", 2020, arXiv:2003.05033.

    Args:
        base: the law G, without classes; with a flow the model has a density.
        energy: data to nats, low where the base should have put more.
        objective: what energy and base want: `kale` where None, `donsker-varadhan`, or a logistic one.
        penalties: what is added to the energy's cost, as to a discriminator's: `zero-centred` is the published one.
        train_base: whether the base plays, too; if not it stays as it is.
        beta: the inverse temperature of samples: 1 is the model's law. Above, they are better and fewer kinds of them;
            the published code samples at 100.
        candidates: pieces of noise of which each sample begins at one.
        sampler: how samples move in the noise; `mala` with step .05 where None. 50 to 70 % acceptance is a good one.
        chain_steps: moves of each sample; 0 leaves the candidates as they are.
        partition_samples: samples of the base for the log-partition, estimated once for each state of the weights.

    Raises:
        UserError: if a number is out of range, the base wants classes, or the objective's best critic is no log-ratio;
            when sampling, if a class is asked for; when a density is asked for that the base does not have.
    """

    def __init__(
        self,
        base: Flow | Generator,
        energy: Energy,
        objective: Objective | None = None,
        penalties: list[Penalty] | None = None,
        train_base: bool = False,
        beta: NonNegativeFloat = 1.0,
        candidates: PositiveInt = 8,
        sampler: Sampler | None = None,
        chain_steps: NonNegativeInt = 30,
        partition_samples: PositiveInt = 100_000,
    ) -> None:
        super().__init__()
        _require(beta=(beta, 0), candidates=(candidates, 1), chain_steps=(chain_steps, 0))
        _require(partition_samples=(partition_samples, 2))
        if base.conditional:
            raise UserError("gebm: the base wants classes, and is drawn without any: use one that is not conditional")
        self.base, self.energy = base, energy
        self.objective, self.penalties = objective or KALE(), list(penalties or [])
        if not self.objective.log_ratio:
            raise UserError(
                f"gebm: the best critic of {type(self.objective).__name__} is no log-ratio of densities, so that it is"
                " no energy: use kale, donsker-varadhan, non-saturating or minimax"
            )
        self.memory = nn.ModuleList(p for p in self.penalties if isinstance(p, nn.Module))
        self.log_partition_guess = Scalar()
        self.train_base, self.beta = train_base, beta
        self.candidates, self.chain_steps, self.sampler = candidates, chain_steps, sampler or MALA(0.05)
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
        """One pass of the energy over data and samples of the base serves every cost that is asked."""
        names = tuple(names)
        with torch.set_grad_enabled(torch.is_grad_enabled() and "base" in names):
            fake = self.from_base(draw)
        judge = Judge(Tilt(self.energy, self.log_partition_guess.value), draw)
        wants_real = "energy" in names or self.objective.generator_needs_real
        real, false = judge.both(draw.x if wants_real else None, fake)
        costs: Costs = {}
        if "energy" in names:
            assert real is not None and draw.x is not None
            costs["energy"] = {
                **lowest(-real, -false),  # first: it says why, where the others only break
                "objective": self.objective.discriminator(real, false),
                **penalty_terms(self.penalties, judge, draw.x, fake, draw),
                **observations(real, false),
            }
        if "base" in names:
            costs["base"] = {"objective": self.objective.generator(false, real)}
        return costs

    def remember(self, name: str, draw: Draw, out: dict[str, Tensor]) -> None:
        """What penalties keep is written after the energy's move."""
        super().remember(name, draw, out)
        for part in self.memory:
            if name == "energy" and isinstance(part, Remembering):
                part.remember(out)

    def sample(self, n: int, draw: Draw, condition: Tensor | None = None) -> Tensor:
        """n samples, by chains in the base's noise."""
        if condition is not None:
            raise UserError("a gebm knows no classes: it cannot be asked for one; leave it out")
        with torch.no_grad():
            return torch.cat([self.push(self.chains(part)[0]) for part in draw.parts(max(-(-n // ROWS), 1))])

    def chains(self, draw: Draw) -> tuple[Tensor, dict[str, float]]:
        """The noise of a sample for every row of the draw, after its chain, and the kernel's facts."""
        z = self._law.weighted_noise(lambda x: self.beta * self.energy(x), self.candidates, draw)
        return self.sampler.run(self.latent_log_density, z, self.chain_steps, draw)

    def from_base(self, draw: Draw) -> Tensor:
        """A sample of the base alone for every row of the draw."""
        return self.push(self._law.noise(draw))

    def push(self, z: Tensor) -> Tensor:
        """Data from noise."""
        return self._law.push(z)

    def latent_log_density(self, z: Tensor) -> Tensor:
        """log p(z) - beta E(G(z)), (n,): the law of a sample's noise, up to the constant."""
        return self._law.log_density(z) - self.beta * self.energy(self.push(z))

    def latent_law(self, draw: Draw) -> tuple[Callable[[Tensor], Tensor], Tensor]:
        """That log-density, and noise of the base where chains may begin."""
        return self.latent_log_density, self._law.noise(draw)

    def log_partition(self) -> Estimate:
        """A with its error, kept until a weight changes; doubted where its weights are worth little."""
        estimate = self._partition(self._law, self.energy)
        if estimate.warning:
            warnings.warn(f"log-partition: {estimate.warning}", Doubt, stacklevel=2)
        return estimate

    def log_density(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """log G(x) - E(x) - A in nats, (n,); A is a constant in every gradient."""
        if not isinstance(self.base, Flow):
            raise UserError(f"a gebm has a density where its base is a flow: this one's is {type(self.base).__name__}")
        return self.base.log_density(x) - self.energy(x) - self.log_partition().log_z


def _require(**least: tuple[float, float]) -> None:
    wrong = [f"{name} is {value}: expected at least {low}" for name, (value, low) in least.items() if not value >= low]
    if wrong:
        raise UserError(f"gebm: {'; '.join(wrong)}")


class Scalar(nn.Module):
    """One number to learn, from 0."""

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(()))
