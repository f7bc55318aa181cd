"""Flow matching: a velocity is learned by regression, and no equation is solved before a sample is wanted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from torch import Tensor, nn

from pushforward import Costs, Draw, Game, UserError, VelocityField
from pushforward_flow.continuous import ContinuousFlow
from pushforward_flow.couplings import cheapest_pairs
from pushforward_flow.paths import on_path


class FlowMatching(Game):
    r"""Regress the velocity of a continuous flow on those of paths from noise to data.

    .. math:: c = \mathbb{E}\, |b(t, x_t) - u_t(z, x)|^2 / D, \qquad t \sim U(0, 1)

    The fast way to a continuous flow: a turn costs one pass of the network. Its minimum is no zero but the variance of
    u given x_t; for one-dimensional N(0, 1) to N(m, s^2) in independent pairs that is s pi / 2. Pairs of least
    distance (`optimal-transport`) make it smaller and the flow straighter, so that fewer steps do.

    Samples and densities are those of the continuous flow of b.

    Reference: Lipman, Chen, Ben-Hamu, Nickel, Le, "Flow Matching for Generative Modeling", 2022, arXiv:2210.02747;
    Tong et al., "Improving and Generalizing Flow-Based Generative Models with Minibatch Optimal Transport", 2023,
    arXiv:2302.00482.

    Args:
        shape: the shape of one datum, (D,).
        velocity: the field b; a bare network sees time and place.
        coupling: `independent` pairs of noise and datum; or `optimal-transport`: the nearest within a batch, each used
            once, for which the batch must stay whole.
        path: `straight`; `variance-preserving`, on a quarter of a circle; or `bridge`, Brownian between its ends.
        sigma: the width of each path; a bridge needs one above 0.
        solver: of samples and densities, as of `continuous-flow`.
        steps: equal steps of a solver that takes them.
        tolerance: of `dormand-prince`.
        evaluations: how often the velocity may be asked in one solve.

    Raises:
        UserError: if sigma is negative, or a bridge has none; when playing, if part of a batch is to be paired.
    """

    averaged = ("velocity",)

    def __init__(
        self,
        shape: tuple[int, ...],
        velocity: VelocityField,
        coupling: Literal["independent", "optimal-transport"] = "independent",
        path: Literal["straight", "variance-preserving", "bridge"] = "straight",
        sigma: float = 0.0,
        solver: Literal["dormand-prince", "rk4", "midpoint", "euler"] = "dormand-prince",
        steps: int = 20,
        tolerance: float = 1e-4,
        evaluations: int = 10_000,
    ) -> None:
        super().__init__()
        if not sigma >= 0 or (path == "bridge" and not sigma > 0):
            least = "above 0 for a bridge" if path == "bridge" else "at least 0"
            raise UserError(f"flow-matching: sigma is {sigma}: expected {least}")
        self.shape, self.velocity, self.coupling, self.path, self.sigma = shape, velocity, coupling, path, sigma
        self.solver, self.steps, self.tolerance, self.evaluations = solver, steps, tolerance, evaluations
        self.flow = ContinuousFlow(shape, velocity, solver, steps, tolerance, evaluations=evaluations)

    @property
    def players(self) -> dict[str, nn.Module]:
        """The velocity, alone."""
        return {"velocity": self.velocity}

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """The mean squared error of the velocity, a coordinate."""
        if "velocity" not in tuple(names):
            return {}
        assert draw.x is not None
        noise = draw.normal("base", *self.shape)
        if self.coupling == "optimal-transport":
            if draw.n != draw.total:
                raise UserError("flow-matching: optimal-transport pairs whole batches: use one process, accumulate=1")
            noise = noise[cheapest_pairs(noise, draw.x)]
        extra = draw.normal("extra", *self.shape) if self.sigma else noise
        point = on_path(self.path, noise, draw.x, draw.uniform("time"), extra, self.sigma)
        error = self.velocity(point.time, point.x) - point.velocity
        return {"velocity": {"matching": error.square().mean()}}

    def sample(self, n: int, draw: Draw, condition: Tensor | None = None) -> Tensor:
        """n samples: noise of the draw, carried from time 0 to 1."""
        _refuse_classes(condition)
        return self.flow.sample(n, None, draw)

    def log_density(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """log q(x) in nats, (n,), by the divergence along the way back."""
        _refuse_classes(condition)
        return self.flow.log_density(x)

    def held(self, role: str) -> nn.Module:
        """The velocity, or the flow that it generates."""
        return self.velocity if role == "velocity-field" else self.flow


def _refuse_classes(condition: Tensor | None) -> None:
    if condition is not None:
        raise UserError("flow-matching knows no classes: leave the class out")
