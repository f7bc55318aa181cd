"""The isolated points model: why a GAN of a few points settles, swings, collapses or runs away, with every answer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor, nn

from pushforward import Costs, Draw, UserError
from pushforward_lab import point_thresholds
from pushforward_lab.kernel_memory import KernelMemory, memory_window
from pushforward_lab.laboratory import LaboratoryGame, Numbers
from pushforward_lab.point_kernels import GaussianKernel, PointKernel


class IsolatedPoints(LaboratoryGame):
    r"""Free points against a kernel critic that remembers, near a few true points that stand apart.

    .. math:: f \leftarrow (1 - \eta_d \lambda) f
        + \eta_d \Bigl( \sum_i p_i K(\cdot, x_i) - \sum_j q_j K(\cdot, \tilde x_j) \Bigr), \qquad
        \tilde x_j \leftarrow \tilde x_j + \eta_g q_j \nabla f(\tilde x_j)

    The smallest GAN with mode collapse, divergence and rotation, each with its threshold. The generator's cost is
    :math:`-\sum_j q_j f(\tilde x_j)`, so that :math:`\eta_g` is the step of its optimizer (`sgd`); the critic has no
    parameters and responds. An alternating rule moves the generator first; under a simultaneous one the critic
    responds to the points as they were. The first round moves no generator unless the critic has a head start.

    Reference: Becker, Pandit, Rangan, Fletcher, "Instability and Local Minima in GAN Training with Kernel
    Discriminators", 2022, arXiv:2208.09938.

    Args:
        points: the true points, (m, d), in the units of the kernel's width; None means one at zero on the line.
        masses: p, their masses, (m,); None means equal shares of 1.
        start: where the generated points start, (n, d); None means `count` of them about true points drawn by mass.
        count: n, how many points are generated, where `start` is None.
        spread: standard deviation of those random starts about the true points, in units of the points.
        generated_masses: q, the masses of generated points, (n,); None means equal shares of all true mass.
        kernel: K; None means a Gaussian kernel of width 1.
        damping: lambda, the critic's pull to zero, in one over time; 0 is a critic that never forgets.
        critic_step: eta_d, the critic's step.
        window: how many past rounds the critic remembers; None means as many as `tolerance` asks for at this damping
            and step. It must be given where the damping or the step changes or is swept, or the damping is 0.
        tolerance: the share of its memory that the critic may lose by forgetting.
        head_start: how often the critic has responded to the starting points before play.

    Raises:
        UserError: if points and masses do not fit, a mass is not positive, the damping is negative, the critic's
            step is not in (0, 2 / damping), or a memory without end is asked for.
    """

    responders = frozenset({"critic"})
    order = ("generator", "critic")

    dampers = ("damping",)

    def __init__(
        self,
        points: list[list[float]] | None = None,
        masses: list[float] | None = None,
        start: list[list[float]] | None = None,
        count: int = 1,
        spread: float = 0.1,
        generated_masses: list[float] | None = None,
        kernel: PointKernel | None = None,
        damping: NonNegativeFloat = 1.0,
        critic_step: PositiveFloat = 0.05,
        window: int | None = None,
        tolerance: float = 1e-12,
        head_start: int = 0,
    ) -> None:
        super().__init__()
        if not damping >= 0 or not critic_step > 0 or not critic_step * damping < 2:
            raise UserError(
                f"damping {damping}, critic_step {critic_step}: expected a damping of 0 or more, and a step above 0 "
                "and below 2 / damping, beyond which the critic itself diverges"
            )
        if not 0 < tolerance < 1 or (window is not None and window < 1) or head_start < 0:
            raise UserError(
                f"tolerance {tolerance}, window {window}, head_start {head_start}: expected a share between 0 and 1, "
                "at least one round, and a count"
            )
        self.damping, self.critic_step, self.spread, self.tolerance = damping, critic_step, spread, tolerance
        self.points = [[0.0]] if points is None else points
        self.masses, self.start, self.generated_masses, self.window = masses, start, generated_masses, window
        self.kernel = kernel or GaussianKernel()
        true = _points("points", self.points)
        p = _masses("masses", masses, len(true), 1.0)
        value = _random_start(true, p, count, spread) if start is None else _points("start", start, true.shape[1])
        q = _masses("generated_masses", generated_masses, len(value), float(p.sum()))
        self.generator = Numbers(value)
        remembered = memory_window(damping, critic_step, tolerance) if window is None else window
        self.critic = KernelMemory(self.kernel, true, p, q, remembered)
        for _ in range(head_start):
            self.critic.respond(value, damping, critic_step)

    @property
    def players(self) -> dict[str, nn.Module]:
        """The points, and the critic that responds to them."""
        return {"generator": self.generator, "critic": self.critic}

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """Minus the score of the generated points, each counted by its mass; the critic stands still."""
        if "generator" not in names:
            return {}
        return {"generator": {"score": -(self.critic.masses * self.critic(self.generator.value)).sum()}}

    def respond(self, name: str, draw: Draw) -> None:
        """The critic takes one step in function space against the points as they are."""
        self.critic.respond(self.generator.value, self.damping, self.critic_step)

    def equilibrium(self) -> dict[str, Tensor] | None:
        """Every point on its nearest true one; None where more mass gathers there than the true point has.

        It is exact up to what far points are felt: the kernel at the distance between true points.
        """
        nearest = self.nearest()
        gathered = torch.zeros_like(self.critic.true_masses).index_add(0, nearest, self.critic.masses)
        if bool((gathered > self.critic.true_masses * (1 + 1e-9)).any()):
            return None
        return {"generator.value": self.critic.true[nearest].clone()}

    def nearest(self) -> Tensor:
        """Which true point is nearest to each generated one, (n,)."""
        return torch.cdist(self.generator.value.detach(), self.critic.true).argmin(1)

    def answers(self, generator_step: float | None = None) -> dict[str, float]:
        """Thresholds and rates at the present neighbourhoods: `name/i` belongs to true point i.

        Args:
            generator_step: eta_g; None leaves out what depends on it. It is a number of the rule, not of the game.
        """
        gamma = float(self.kernel.curvature)
        found = {
            "curvature": gamma,
            "forgotten": abs(1 - self.critic_step * self.damping) ** len(self.critic.weights),
        }
        width = self.kernel.width if isinstance(self.kernel, GaussianKernel) else None
        nearest = self.nearest().tolist()
        for i, p in enumerate(self.critic.true_masses.tolist()):
            own = [q for q, j in zip(self.critic.masses.tolist(), nearest, strict=True) if j == i]
            if len(own) == 2 and own[0] == own[1] and width is not None:
                found[f"collapse-radius/{i}"] = point_thresholds.collapse_radius(p, own[0], width)
            if len(own) == 1 and generator_step is not None and math.isfinite(gamma):
                found |= {f"{key}/{i}": value for key, value in self._of_pair(generator_step, gamma, p, own[0]).items()}
        if generator_step is not None and math.isfinite(gamma):
            mu, heaviest = generator_step / self.critic_step, float(self.critic.masses.max())
            found["runaway-damping"] = point_thresholds.runaway_damping(mu, gamma, heaviest)
            if width is not None and self.damping > 0:
                found["runaway-speed"] = point_thresholds.runaway_speed(
                    self.damping, mu, gamma, heaviest, self.critic_step
                )
        return found

    def _of_pair(self, generator_step: float, gamma: float, p: float, q: float) -> dict[str, float]:
        mu = generator_step / self.critic_step
        found = {
            "critical-damping": point_thresholds.critical_damping(mu, gamma, p, q),
            "imbalance-damping": point_thresholds.imbalance_damping(mu, gamma, p, q),
        }
        if math.isclose(p, q):
            found["simultaneous-damping"] = point_thresholds.simultaneous_damping(generator_step, gamma, q)
            found["largest-critic-step"] = point_thresholds.largest_critic_step(self.damping, generator_step, gamma, q)
        return found


def _points(name: str, rows: Sequence[Sequence[float]], dimension: int | None = None) -> Tensor:
    sizes = {len(row) for row in rows}
    if len(sizes) != 1 or 0 in sizes or (dimension is not None and sizes != {dimension}):
        wanted = f"points of {dimension} numbers" if dimension else "at least one point, all of the same length"
        raise UserError(f"{name}: expected {wanted}, got {[list(row) for row in rows]}")
    value = torch.tensor([[float(number) for number in row] for row in rows], dtype=torch.float64)
    if not bool(torch.isfinite(value).all()):
        raise UserError(f"{name}: {[list(row) for row in rows]} is not finite")
    return value


def _masses(name: str, masses: Sequence[float] | None, size: int, total: float) -> Tensor:
    if masses is None:
        return torch.full((size,), total / size, dtype=torch.float64)
    value = torch.tensor([float(mass) for mass in masses], dtype=torch.float64)
    if len(value) != size or not bool(((value > 0) & torch.isfinite(value)).all()):
        raise UserError(f"{name}: expected {size} positive numbers, one for each point, got {list(masses)}")
    return value


def _random_start(true: Tensor, masses: Tensor, count: int, spread: float) -> Tensor:
    if count < 1 or not spread >= 0:
        raise UserError(f"count {count}, spread {spread}: expected at least one point and a spread of 0 or more")
    return true[torch.multinomial(masses, count, replacement=True)] + spread * torch.randn(
        count, true.shape[1], dtype=true.dtype
    )
