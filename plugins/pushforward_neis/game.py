"""NEIS as a game: one velocity field, moved so that the weights of its trajectories spread less."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import torch
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn

from pushforward import Costs, Draw, Estimate, Flow, Game, Generator, RunFailed, Target, UserError, VelocityField
from pushforward_neis.bases import base_of
from pushforward_neis.estimator import follow, log_terms, sum_of, within
from pushforward_neis.flow_lines import same_space
from pushforward_neis.losses import loss_of
from pushforward_neis.spent import Spent
from pushforward_neis.starts import downhill, led_to, log_share_of_base, roughly_sampled
from pushforward_neis.steppers import Stepper, stepper_along
from pushforward_neis.walkers import estimate_in_window, of_the_lost, starts, walkers_for
from pushforward_neis.window import Window


class NEIS(Game):
    r"""Learn a velocity field along which importance sampling of log Z has little variance.

    .. math:: \min_b\; \log \mathbb{E}_{x \sim \rho_0}\, A(x)^2, \qquad \mathbb{E}\, A = Z \text{ for every } b

    Walkers start at a base law; each is followed along the flow of b through a window of times, and its whole
    trajectory is one weight A. Whatever b is, the mean weight is Z: a bad field costs variance, never truth, up to the
    error of the steps, of which the closed form has none. The target need not be sampled; training and estimation ask
    its log-density only. Samples are points of trajectories, drawn by weight, so they are exact in the limit of many
    walkers.

    Early on hardly any trajectory meets a far mode. With `assist` a share of the walkers is helped by steepest descent
    of U. The paper starts them where the descent ends (`from`), which biases the loss, so that a schedule should end
    it. Or they are those whose trajectories lead `through` there: each loss then counts them by their share of the base
    law, which keeps it bounded, and unbiased where the ends are samples of the target, so that help may stay.

    Reference: Cao, Vanden-Eijnden, "Learning Optimal Flows for Non-Equilibrium Importance Sampling", 2022,
    arXiv:2206.09908.

    Args:
        velocity: the field b; a bare network is seen at time 0 only.
        target: the density whose log Z is wanted.
        base: where walkers start: a law with samples and a density, such as a trained flow; None means N(0, I).
        steps: steps of the window; a weight costs steps + 1 evaluations of U.
        start: where the window begins, as a share of its length, from -1 to 0 and a multiple of 1 / steps.
        length: how long the window is, in the time of the velocity.
        stepper: `runge-kutta`, of fourth order, for any velocity; `exact` for one whose flow has a closed form.
        loss: what is made small: `log-second-moment` or `second-moment` of the weights; `variance`, as its logarithm;
            `log-weight`, the mean of -log A; or `entropy`, that of A log A.
        assist: the probability that a walker is helped, while training.
        assisted: helped walkers start `from` the end of a descent, or pass `through` it.
        descent: the speed s of the descent, dx/dt = -s grad U for t from 0 to 1, in as many steps as the window has.
        spread: Langevin moves that spread the ends of descents which walkers pass through.
        spread_step: their step gamma, in units of x squared.
        recompute: whether a backward pass follows trajectories again, instead of keeping what each step computed:
            memory for time.

    Raises:
        UserError: if target, velocity and base do not live in one space of vectors, the window is none or lies off its
            grid, a closed form is asked that there is not, a probability is none, or there is nothing to learn.
    """

    needs_data = False
    averaged = ("velocity",)

    def __init__(
        self,
        velocity: VelocityField,
        target: Target,
        base: Flow | Generator | None = None,
        steps: PositiveInt = 50,
        start: float = -0.5,
        length: PositiveFloat = 1.0,
        stepper: Literal["runge-kutta", "exact"] = "runge-kutta",
        loss: Literal["log-second-moment", "second-moment", "variance", "log-weight", "entropy"] = "log-second-moment",
        assist: NonNegativeFloat = 0.0,
        assisted: Literal["from", "through"] = "from",
        descent: PositiveFloat = 1.0,
        spread: NonNegativeInt = 5,
        spread_step: PositiveFloat = 0.1,
        recompute: bool = False,
    ) -> None:
        super().__init__()
        same_space(velocity, target)
        if not any(p.requires_grad for p in velocity.parameters()):
            raise UserError(
                f"{type(velocity).__name__} has nothing to learn: the estimator flow-lines takes it as it stands"
            )
        if not 0 <= assist <= 1:
            raise UserError(f"assist is {assist}: expected a probability, 0 to 1")
        self.window = Window(steps, start, length)
        self.velocity, self.target, self.steps, self.start, self.length = velocity, target, steps, start, length
        self.stepper, self.loss, self.assist, self.assisted = stepper, loss, assist, assisted
        self.descent, self.spread, self.spread_step, self.recompute = descent, spread, spread_step, recompute
        stepper_along(velocity, self.window.step, stepper == "exact")
        self.base = base_of(base, target)
        self.spent = Spent()

    @property
    def players(self) -> dict[str, nn.Module]:
        """The velocity field, alone."""
        return {"velocity": self.velocity}

    def train(self, mode: bool = True) -> NEIS:
        """As in torch, but the base, which does not play, stays in evaluation mode."""
        super().train(mode)
        self.base.eval()
        return self

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """The spread of the weights of walkers of this draw."""
        x, helped = self._starts(draw)
        log_a, lost = self._weighed(x)
        if lost:
            raise RunFailed(
                of_the_lost(lost, len(x), self._moved()) + "; there is no gradient to train on: take shorter steps of"
                " the optimizer, or clip"
            )
        share = None
        if helped and self.assisted == "through":
            share = log_share_of_base(log_a.detach(), helped / len(x))[0]
        self._refuse_nothing(log_a)
        points = self.window.points * len(x)
        moves = self.spread + 1 if self.spread and self.assisted == "through" else 0  # each asks for both
        evaluations, gradients = points + helped * moves, points + helped * (4 * self.steps + moves)
        seen = {"~evaluations": x.new_tensor(float(evaluations)), "~gradients": x.new_tensor(float(gradients))}
        return {"velocity": {self.loss: loss_of(self.loss, log_a, share), **seen}}

    def remember(self, name: str, draw: Draw, out: dict[str, Tensor]) -> None:
        """Count what a move has cost, beside what the velocity itself remembers."""
        super().remember(name, draw, out)
        self.spent.add(out)

    def log_weights(self, x: Tensor) -> Tensor:
        """log A of walkers that start at x, (n,)."""
        return self._weighed(x)[0]

    @torch.no_grad()
    def weigh(self, n: int, draw: Draw) -> Iterator[Tensor]:
        """log A of n walkers from the base, by blocks."""
        for x in starts(self.base, draw, n):
            yield self.log_weights(x)

    @torch.no_grad()
    def weigh_from(self, y: Tensor, draw: Draw) -> Tensor:
        """log A of walkers whose trajectories lead to samples y of the target, (n,): their law is base times A / Z."""
        whole = Draw(draw.seed, draw.key, len(y), device=draw.device, dtype=draw.dtype)
        x = led_to(y, self.base, self._moved(), self.window, whole.uniform("met"))
        return torch.cat([self.log_weights(part) for part in x.split(1024)])

    @torch.no_grad()
    def trajectories(self, n: int, draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
        """Starts of n walkers, (n, D), where they are in the window, (N + 1, n, D), and log A, (n,)."""
        x = torch.cat(list(starts(self.base, draw, n)))
        path = follow(self._moved(), x, self.steps)
        terms = log_terms(self.target.log_density, self.base.log_density, path, self.window)
        return x, within(path, self.window).points, sum_of(terms)

    def estimate(self, target: Target, evaluations: int, draw: Draw) -> Estimate:
        """log Z of the target from as many walkers as the evaluations of U pay for.

        Raises:
            UserError: if they do not pay for one.
        """
        walkers = walkers_for(evaluations, self.window.points)
        return estimate_in_window(target.log_density, self.base, self._moved(), self.window, walkers, draw)

    @torch.no_grad()
    def sample(self, n: int, draw: Draw, condition: Tensor | None = None) -> Tensor:
        """n points of the trajectories of n walkers, drawn by weight with replacement.

        Raises:
            RunFailed: if all weights are zero or one is not a number.
        """
        points, weights, moved = [], [], self._moved()
        for x in starts(self.base, draw, n):
            path = follow(moved, x, self.steps)
            points.append(within(path, self.window).points.flatten(0, 1))
            weights.append(log_terms(self.target.log_density, self.base.log_density, path, self.window).flatten())
        log_a = torch.cat(weights).double()
        share = (log_a - log_a.max()).exp().cumsum(0)
        if not bool(share[-1].isfinite()):
            raise RunFailed(f"the weights of {n} trajectories are all zero, or one is not a number: nothing to sample")
        chosen = torch.searchsorted(share, draw.uniform("choice").double() * share[-1], right=True)
        return torch.cat(points)[chosen.clamp(max=len(share) - 1)]

    def held(self, role: str) -> nn.Module:
        """The velocity field, by the name of its kind."""
        return self.velocity if role == "velocity-field" else super().held(role)

    def _weighed(self, x: Tensor) -> tuple[Tensor, int]:
        """log A of walkers, and how many of them run away."""
        path = follow(self._moved(), x, self.steps, self.recompute)
        terms = log_terms(self.target.log_density, self.base.log_density, path, self.window)
        return sum_of(terms), int(path.gone.any(0).sum())

    def _moved(self) -> Stepper:
        return stepper_along(self.velocity, self.window.step, self.stepper == "exact")

    def _starts(self, draw: Draw) -> tuple[Tensor, int]:
        """Where walkers start, and how many of them are helped."""
        x = self.base.sample(draw.n, draw=draw).detach()
        if self.assist <= 0:
            return x, 0
        helped = (draw.uniform("assist") < self.assist).nonzero().squeeze(1)
        if self.assisted == "from":
            ends = downhill(self.target, x[helped], self.descent, self.steps)
            return x.index_copy(0, helped, ends), len(helped)
        own = Draw(draw.seed, (*draw.key, "helped"), len(helped), device=draw.device, dtype=draw.dtype)
        y = roughly_sampled(self.target, x[helped], self.descent, self.steps, own, self.spread, self.spread_step)
        led = led_to(y, self.base, self._moved(), self.window, own.uniform("met"))
        return x.index_copy(0, helped, led), len(helped)

    def _refuse_nothing(self, log_a: Tensor) -> None:
        """Refuse to go on where no step could help.

        Raises:
            RunFailed: if no walker meets the target, or one does not and its loss is infinite.
        """
        zero = int((log_a == -torch.inf).sum())
        if zero == len(log_a):
            raise RunFailed(
                f"none of {zero} trajectories meets the target: give `assist`, a larger batch, or another start of the"
                " velocity"
            )
        if zero and self.loss == "log-weight":
            raise RunFailed(
                f"{zero} of {len(log_a)} trajectories do not meet the target, so that the mean of -log A is infinite:"
                " take another loss"
            )
