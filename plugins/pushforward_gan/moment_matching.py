"""Moment matching: a generator whose samples are held against data by a kernel, without a critic."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from pushforward import Costs, Draw, Game, Generator, Objective, UserError
from pushforward_gan.kernel_energy import KernelEnergy


class MomentMatching(Game):
    r"""A generator alone, which lowers the discrepancy of its samples from data themselves.

    .. math:: c_G = \mathbb{E}\, k(x, x') + \mathbb{E}\, k(G, G') - 2\, \mathbb{E}\, k(x, G)

    The function that parts the two laws best under a fixed kernel is known, so that nobody has to learn it: there is no
    game to lose, every batch pulls towards the whole law, and no mode is forgotten. For data of few dimensions, where
    distances mean something: give the kernel one bandwidth as narrow as the finest detail and one that reaches from
    where samples begin to the data. A batch should hold several points of every mode.

    Reference: Li, Swersky, Zemel, "Generative Moment Matching Networks", 2015, arXiv:1502.02761.

    Args:
        generator: noise to data, without a condition.
        objective: which discrepancy: one that compares points; `kernel-energy` by default.

    Raises:
        UserError: if the objective compares logits only, or the generator wants a class.
    """

    averaged = ("generator",)

    def __init__(self, generator: Generator, objective: Objective | None = None) -> None:
        super().__init__()
        self.generator, self.objective = generator, objective or KernelEnergy()
        if not self.objective.compares_points:
            raise UserError(
                f"moment-matching has no critic: got the objective {type(self.objective).__name__}, which compares the"
                " logits of one; expected one that compares points, such as kernel-energy"
            )
        if generator.conditional:
            raise UserError("moment-matching compares samples without their classes: use a generator without them")

    @property
    def players(self) -> dict[str, nn.Module]:
        """The generator alone."""
        return {"generator": self.generator}

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """The discrepancy of the turn's data from as many samples."""
        if "generator" not in tuple(names):
            return {}
        assert draw.x is not None
        fake = self.generator(self.generator.latent.sample(draw))
        if fake.shape[1:] != draw.x.shape[1:]:
            raise UserError(f"generated samples have shape {tuple(fake.shape[1:])}, data {tuple(draw.x.shape[1:])}")
        return {"generator": {"objective": self.objective.generator(fake.flatten(1), draw.x.flatten(1))}}

    def sample(self, n: int, draw: Draw, condition: Tensor | None = None) -> Tensor:
        """n samples of the generator."""
        return self.generator.sample(n, condition, draw)
