"""A GAN whose critic is infinitely wide and whose generator is free points: what a critic's kernel does to training."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from pushforward import Costs, Draw, UserError
from pushforward_lab.laboratory import LaboratoryGame, Numbers
from pushforward_lab.tangent_critics import LARGEST_STEP, TangentCritic, fastest_rate, generator_loss, train
from pushforward_lab.tangent_kernels import TangentKernel


class TangentGAN(LaboratoryGame):
    r"""Free points follow the slope of a freshly trained, infinitely wide critic towards eight Gaussians.

    .. math:: x_i \leftarrow x_i - \eta\, \partial_{x_i} \frac1m \sum_{i'} \ell\big(f_t(x_{i'})\big)

    with f_t the critic after gradient flow for a time t against the points where they stand, held while they move.
    The generator's loss l is -f (`ipm`), f^2 (`least-squares`) or -log sigmoid(f) (`vanilla`). With `ipm` this is the
    gradient flow of the squared maximum mean discrepancy. A step of eta moves a point by eta/m times the slope at it:
    for 100 points take `sgd` with lr 200.

    When you want to know what a critic's architecture is good for: ReLU with bias brings all points home to their
    data, smooth kernels and ReLU without bias do not. The value of the cost and its gradient are exact; so are second
    derivatives of it, in which the critic follows the points, for `ipm` and `vanilla` off the kinks of the kernel.

    Reference: Franceschi, de Bezenac, Ayed, Chen, Lamprier, Gallinari, "A Neural Tangent Kernel Perspective of GANs",
    2021, arXiv:2106.05566.

    Args:
        kernel: the critic's tangent kernel.
        objective: the critic's cost and with it the generator's.
        time: how long the critic is trained, from zero, before each move.
        particles: generated points m, in the plane.
        points: true points n, in the plane, drawn once.
        modes: Gaussians, evenly on a circle.
        radius: of the circle.
        spread: standard deviation of each Gaussian along each axis.
        counts: `equal` gives each Gaussian as many true points as the next, the first ones one more where they do not
            divide; `random` draws each point's Gaussian.
        start: where the generated points begin, a list of pairs; None draws them from N(0, I).
        steps: Runge-Kutta steps of the `vanilla` critic's flow.

    Raises:
        UserError: if a number is out of its range, `start` is not `particles` pairs of finite numbers, or `steps` are
            too few.
    """

    real: Tensor  # the true points, (n, 2)

    def __init__(
        self,
        kernel: TangentKernel,
        objective: Literal["ipm", "least-squares", "vanilla"] = "ipm",
        time: float = 1.0,
        particles: int = 100,
        points: int = 100,
        modes: int = 8,
        radius: float = 5.0,
        spread: float = 0.5,
        counts: Literal["equal", "random"] = "equal",
        start: list[list[float]] | None = None,
        steps: int = 50,
    ) -> None:
        super().__init__()
        _check(objective, time, particles, points, modes, radius, spread, counts, steps)
        self.kernel, self.objective, self.time, self.steps = kernel, objective, time, steps
        self.particles, self.points, self.modes, self.counts = particles, points, modes, counts
        self.radius, self.spread, self.start = radius, spread, start
        shares = torch.randint(modes, (points,)) if counts == "random" else torch.arange(points) % modes
        angles = 2 * math.pi / modes * shares.double()
        centres = radius * torch.stack([angles.cos(), angles.sin()], 1)
        self.register_buffer("real", centres + spread * torch.randn(points, 2, dtype=torch.float64))
        self.generator = Numbers(_start(start, particles))
        self._refuse_few_steps()

    @property
    def players(self) -> dict[str, nn.Module]:
        """The generator alone: the critic has no weights."""
        return {"generator": self.generator}

    def critic(self, fake: Tensor | None = None) -> TangentCritic:
        """The critic trained against generated points, (m, 2); by default against the present ones."""
        fake = self.generator.value if fake is None else fake
        return train(self.kernel, fake, self.real, self.objective, self.time, self.steps)

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """The mean loss of the generated points."""
        if "generator" not in names:
            return {}
        fake = self.generator.value
        f, slope = self.critic().with_slope(fake)
        loss, by_f = generator_loss(self.objective, f)
        cost: Tensor = _Held.apply(fake, loss.mean(), by_f[:, None] * slope / len(fake))
        return {"generator": {self.objective: cost}}

    def sample(self, n: int, draw: Draw, condition: Tensor | None = None) -> Tensor:
        """The generated points, (n, 2): the first n of them, or over again where n is more."""
        value = self.generator.value
        return value[torch.arange(n, device=value.device) % len(value)]

    def equilibrium(self) -> dict[str, Tensor] | None:
        """Every generated point on a true one, in the order nearest to the present; None where m and n differ."""
        if self.particles != self.points:
            return None
        squares = torch.cdist(self.generator.value.detach(), self.real).square()
        _, column = linear_sum_assignment(squares.cpu().numpy())
        return {"generator.value": self.real[torch.as_tensor(column)]}

    def _refuse_few_steps(self) -> None:
        if self.objective != "vanilla":
            return
        true = self.real
        rate = max(self._rate(torch.cat([other, true])) for other in (self.generator.value.detach(), true))
        needed = math.ceil(rate * self.time / LARGEST_STEP)
        if needed > self.steps:
            raise UserError(f"steps {self.steps}: a vanilla critic of time {self.time} needs {needed} or more here")

    def _rate(self, where: Tensor) -> float:
        """How fast the vanilla critic moves at first, where all points count as equal."""
        return float(fastest_rate(self.kernel(where, where), torch.full_like(where[:, 0], 2 / len(where))))


class _Held(torch.autograd.Function):
    """A cost with the gradient that it has while the critic is held, which itself may be differentiated again."""

    generate_vmap_rule = True

    @staticmethod
    def forward(point: Tensor, value: Tensor, gradient: Tensor) -> Tensor:
        """The value."""
        return value.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
        """Keep the gradient, for either mode."""
        ctx.save_for_backward(inputs[2])
        ctx.save_for_forward(inputs[2])

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, None, None]:
        """The gradient in the point; neither value nor gradient is followed further."""
        (gradient,) = ctx.saved_tensors
        return outer[0] * gradient, None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> Tensor:
        """Its inner product with the point's tangent."""
        (gradient,) = ctx.saved_tensors
        tangent = tangents[0]
        return gradient.new_zeros(()) if tangent is None else (gradient * tangent).sum()


def _start(start: list[list[float]] | None, particles: int) -> Tensor:
    if start is None:
        return torch.randn(particles, 2, dtype=torch.float64)
    if len(start) != particles or any(len(pair) != 2 for pair in start):
        raise UserError(f"start: expected {particles} pairs of numbers, got {len(start)} items")
    value = torch.tensor(start, dtype=torch.float64)
    if not bool(value.isfinite().all()):
        raise UserError("start: a number is not finite")
    return value


def _check(
    objective: str,
    time: float,
    particles: int,
    points: int,
    modes: int,
    radius: float,
    spread: float,
    counts: str,
    steps: int,
) -> None:
    if objective not in ("ipm", "least-squares", "vanilla"):
        raise UserError(f"objective {objective!r}: expected ipm, least-squares or vanilla")
    if counts not in ("equal", "random"):
        raise UserError(f"counts {counts!r}: expected equal or random")
    if not 0 < time < math.inf:
        raise UserError(f"time {time}: expected a positive number")
    for name, count in (("particles", particles), ("points", points), ("modes", modes), ("steps", steps)):
        if count < 1:
            raise UserError(f"{name} {count}: expected at least 1")
    for name, length in (("radius", radius), ("spread", spread)):
        if not 0 <= length < math.inf:
            raise UserError(f"{name} {length}: expected zero or a positive number")
