"""NEIS as a game: one velocity field, moved so that the weights of its trajectories spread less."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor, nn

from pushforward import Costs, Draw, Estimate, Game, RunFailed, Target, UserError, VelocityField
from pushforward.numerics.integrators import integrate
from pushforward.numerics.weights import estimate_from_log_weights
from pushforward_neis import estimator

BLOCK = 1024  # walkers followed at once


class NEIS(Game):
    r"""Learn a velocity field along which importance sampling of log Z has little variance.

    .. math:: \min_b\; \log \mathbb{E}_{x \sim \mathcal{N}(0, I)}\, A(x)^2,
        \qquad \mathbb{E}\, A = Z \text{ for every } b

    Walkers start at N(0, I); each is followed along the flow of b through a window of times of length 1, and its whole
    trajectory is one weight A. Whatever b is, the mean weight is Z: a bad field costs variance, never truth, up to
    the error of the Runge-Kutta steps. The target need not be sampled; training and estimation ask its log-density
    only. Samples are points of trajectories, drawn by weight, so they are exact in the limit of many walkers.

    The second moment has no minimum but the variance's, since the mean is fixed; its logarithm has the same direction
    and never overflows. Early on hardly any trajectory meets a far mode: with `assist` some starts are replaced by
    the endpoint of steepest descent, which biases the cost, not the estimate; let a schedule end it.

    Reference: Cao, Vanden-Eijnden, "Learning Optimal Flows for Non-Equilibrium Importance Sampling", 2022,
    arXiv:2206.09908.

    Args:
        velocity: the field b; a bare network is seen at time 0 only.
        target: the density whose log Z is wanted.
        steps: Runge-Kutta steps of the window; a weight costs steps + 1 evaluations of U.
        start: where the window begins, from -1 to 0 and a multiple of 1 / steps; it ends at start + 1.
        loss: `second-moment` of the weights, as its logarithm; or `log-weight`, the mean of -log A.
        assist: the probability that a start is replaced by a descended one, while training.
        descent: the speed s of that descent, dx/dt = -s grad U for t from 0 to 1.

    Raises:
        UserError: if the target is no vector, the window lies off its grid, or a probability is none.
    """

    needs_data = False
    averaged = ("velocity",)

    def __init__(
        self,
        velocity: VelocityField,
        target: Target,
        steps: int = 50,
        start: float = -0.5,
        loss: Literal["second-moment", "log-weight"] = "second-moment",
        assist: float = 0.0,
        descent: float = 1.0,
    ) -> None:
        super().__init__()
        if len(target.shape) != 1:
            raise UserError(f"neis moves vectors (D,): the target's shape is {tuple(target.shape)}")
        if not 0 <= assist <= 1:
            raise UserError(f"assist is {assist}: expected a probability, 0 to 1")
        self.first = estimator.window_start(steps, start)
        self.velocity, self.target, self.steps, self.start = velocity, target, steps, start
        self.loss, self.assist, self.descent = loss, assist, descent

    @property
    def players(self) -> dict[str, nn.Module]:
        """The velocity field, alone."""
        return {"velocity": self.velocity}

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """The spread of the weights of walkers of this draw."""
        log_weights = self.log_weights(self._starts(draw))
        if self.loss == "log-weight":
            return {"velocity": {self.loss: -log_weights.mean()}}
        met = log_weights != -math.inf  # a weight of zero counts as zero; NaN stays and is seen
        if not bool(met.any()):
            raise RunFailed(
                f"none of {draw.n} trajectories meets the target: give `assist`, a larger batch, or another start of"
                " the velocity"
            )
        second_moment = (2 * log_weights[met]).logsumexp(0) - math.log(draw.n)
        return {"velocity": {"log-second-moment": second_moment}}

    def log_weights(self, x: Tensor) -> Tensor:
        """log A of walkers that start at x, (n,)."""
        return estimator.log_weights(self.target.log_density, self.velocity, x, self.steps, self.start)

    @torch.no_grad()
    def estimate(self, target: Target, evaluations: int, draw: Draw) -> Estimate:
        """log Z of the target from as many walkers as the evaluations of U pay for.

        Raises:
            UserError: if they do not pay for one.
        """
        began = time.perf_counter()
        each = estimator.evaluations(self.steps)
        walkers = evaluations // each
        if walkers < 1:
            raise UserError(f"{evaluations} evaluations of U do not pay for one weight of neis, which takes {each}")
        found = [
            estimator.log_weights(target.log_density, self.velocity, x, self.steps, self.start)
            for x in self._walkers(draw, walkers)
        ]
        return estimate_from_log_weights(torch.cat(found), walkers * each, seconds=time.perf_counter() - began)

    @torch.no_grad()
    def sample(self, n: int, draw: Draw, condition: Tensor | None = None) -> Tensor:
        """n points of the trajectories of n walkers, drawn by weight with replacement.

        Raises:
            RunFailed: if all weights are zero or one is not a number.
        """
        points, weights = [], []
        for x in self._walkers(draw, n):
            path = estimator.follow(self.velocity, x, self.steps)
            points.append(estimator.window(path, self.first).points.flatten(0, 1))
            weights.append(estimator.log_terms(self.target.log_density, path, self.first).flatten())
        log_weights = torch.cat(weights).double()
        share = (log_weights - log_weights.max()).exp().cumsum(0)
        if not bool(share[-1].isfinite()):
            raise RunFailed(f"the weights of {n} trajectories are all zero, or one is not a number: nothing to sample")
        chosen = torch.searchsorted(share, draw.uniform("choice").double() * share[-1], right=True)
        return torch.cat(points)[chosen.clamp(max=len(share) - 1)]

    def held(self, role: str) -> nn.Module:
        """The velocity field, by the name of its kind."""
        return self.velocity if role == "velocity-field" else super().held(role)

    def _walkers(self, draw: Draw, n: int) -> Iterable[Tensor]:
        whole = Draw(draw.seed, (*draw.key, "walkers"), n, device=draw.device, dtype=draw.dtype)
        for part in whole.parts(-(-n // BLOCK)):
            yield part.normal("walker", *self.target.shape)

    def _starts(self, draw: Draw) -> Tensor:
        x = draw.normal("walker", *self.target.shape)
        if self.assist <= 0:
            return x
        helped = (draw.uniform("assist") < self.assist).nonzero().squeeze(1)

        def downhill(_: float, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            return (self.descent * self.target.score(state[0]).detach(),)

        (ends,) = integrate(downhill, (x[helped],), 0.0, 1.0, self.steps)
        return x.index_copy(0, helped, ends)
