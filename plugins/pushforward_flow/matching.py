"""Flow matching: a velocity is learned by regression, and no equation is solved before a sample is wanted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from torch import Tensor, nn

from pushforward import Costs, Draw, Game, UserError, VelocityField
from pushforward_flow.classes import in_equal_shares, in_turn
from pushforward_flow.continuous import ContinuousFlow
from pushforward_flow.couplings import bridged_pairs, cheapest_pairs
from pushforward_flow.paths import on_path


class FlowMatching(Game):
    r"""Regress the velocity of a continuous flow on those of paths from noise to data.

    .. math:: c = \mathbb{E}\, |b(t, x_t) - u_t(z, x)|^2 / D, \qquad t \sim U(0, 1)

    The fast way to a continuous flow: a turn costs one pass of the network. Its minimum is no zero but the variance of
    u given x_t; for one-dimensional N(0, 1) to N(m, s^2) in independent pairs that is s pi / 2. Pairs of least
    distance (`optimal-transport`) make it smaller and the flow straighter, so that fewer steps do.

    Samples and densities are those of the continuous flow of b. A conditional velocity is given the class of its datum,
    which keeps its label whatever noise it is paired with; without a class, samples take the classes in turn, and the
    density is that of all classes in equal shares.

    A width sigma blurs data by as much, and on the paths `straight` and `variance-preserving` noise as well. The
    coupling `entropic` with the path `bridge` is the Schrodinger bridge of that width.

    Reference: Lipman, Chen, Ben-Hamu, Nickel, Le, "Flow Matching for Generative Modeling", 2022, arXiv:2210.02747;
    Tong et al., "Improving and Generalizing Flow-Based Generative Models with Minibatch Optimal Transport", 2023,
    arXiv:2302.00482; for the bridge, Tong et al., "Simulation-Free Schrodinger Bridges via Score and Flow Matching",
    2023, arXiv:2307.03672.

    Args:
        shape: the shape of one datum, (D,).
        velocity: the field b; a bare network sees time and place, and the class where it is `conditional`.
        classes: number of classes of the target.
        coupling: `independent` pairs of noise and datum; `optimal-transport`: the nearest within a batch, each used
            once; or `entropic`: those of Brownian paths of width sigma. For the last two a batch must stay whole.
        path: `straight`; `variance-preserving`, on a quarter of a circle; or `bridge`, Brownian between its ends.
        sigma: the width of each path; a bridge and an entropic coupling need one above 0.
        solver: of samples and densities, as of `continuous-flow`.
        steps: equal steps of a solver that takes them.
        tolerance: of `dormand-prince`.
        evaluations: how often the velocity may be asked in one solve.

    Raises:
        UserError: if sigma is negative, or a bridge has none; when playing, if part of a batch is to be paired, or
            classes are wanted and the data have none.
    """

    averaged = ("velocity",)

    def __init__(
        self,
        shape: tuple[int, ...],
        velocity: VelocityField,
        classes: int | None = None,
        coupling: Literal["independent", "optimal-transport", "entropic"] = "independent",
        path: Literal["straight", "variance-preserving", "bridge"] = "straight",
        sigma: float = 0.0,
        solver: Literal["dormand-prince", "rk4", "midpoint", "euler"] = "dormand-prince",
        steps: int = 20,
        tolerance: float = 1e-4,
        evaluations: int = 10_000,
    ) -> None:
        super().__init__()
        bridged = path == "bridge" or coupling == "entropic"
        if not sigma >= 0 or (bridged and not sigma > 0):
            least = "above 0 for a bridge" if bridged else "at least 0"
            raise UserError(f"flow-matching: sigma is {sigma}: expected {least}")
        self.shape, self.velocity, self.classes = tuple(shape), velocity, classes
        self.coupling, self.path, self.sigma = coupling, path, sigma
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
        return {"velocity": {"matching": self.errors(draw).mean()}}

    def errors(self, draw: Draw) -> Tensor:
        """The squared error of the velocity at a random time of each datum's path, a coordinate, (n,)."""
        assert draw.x is not None
        if self.velocity.conditional and draw.labels is None:
            raise UserError("flow-matching: the velocity is conditional, and the data have no labels")
        noise = self._paired(draw.normal("base", *self.shape), draw.x, draw)
        extra = draw.normal("extra", *self.shape) if self.sigma else noise
        point = on_path(self.path, noise, draw.x, draw.uniform("time"), extra, self.sigma)
        error = self.velocity.at(point.time, point.x, draw.labels) - point.velocity
        return error.square().flatten(1).mean(1)

    def sample(self, n: int, draw: Draw, condition: Tensor | None = None) -> Tensor:
        """n samples: noise of the draw, carried from time 0 to 1."""
        if condition is None and self.velocity.conditional:
            condition = in_turn(n, self._known_classes(), draw.device)
        return self.flow.sample(n, condition, draw)

    def log_density(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """log q(x) in nats, (n,), by the divergence along the way back."""
        if condition is not None or not self.velocity.conditional:
            return self.flow.log_density(x, condition)
        return in_equal_shares(self.flow.log_density, x, self._known_classes())

    def _paired(self, noise: Tensor, data: Tensor, draw: Draw) -> Tensor:
        """Noise in the order of the data with which it goes."""
        if self.coupling == "independent":
            return noise
        if draw.n != draw.total:
            raise UserError(f"flow-matching: {self.coupling} pairs whole batches: use one process, accumulate=1")
        if self.coupling == "optimal-transport":
            return noise[cheapest_pairs(noise, data)]
        return noise[bridged_pairs(noise, data, self.sigma, draw.uniform("pair"))]

    def _known_classes(self) -> int:
        if self.classes is None:
            raise UserError("flow-matching: the velocity is conditional, and the target has no classes: give one")
        return self.classes

    def held(self, role: str) -> nn.Module:
        """The velocity, or the flow that it generates."""
        return self.velocity if role == "velocity-field" else self.flow
