"""NEIS along a velocity that is given, not learned."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Literal

import torch
from pydantic import PositiveFloat, PositiveInt

from pushforward import Draw, Estimate, Estimator, Flow, Generator, Target, UserError, VelocityField
from pushforward.numerics.processes import gathered
from pushforward.numerics.weights import Weights
from pushforward_neis.bases import base_of
from pushforward_neis.steppers import Stepper, stepper_along
from pushforward_neis.walkers import BLOCK, estimate_in_window, of_the_lost, walkers_for
from pushforward_neis.whole_line import Weighed, WholeLine, weigh_lines
from pushforward_neis.window import Window

PILOT = 64  # walkers whose cost says how many more a budget pays for, where lines end by themselves
FURTHER = 3  # times `quiet`: how long the pilot's lines are followed without mass


class FlowLines(Estimator):
    r"""Non-equilibrium importance sampling along a velocity as it stands, in a window or along whole flow lines.

    .. math:: H(x) = \frac{\int_{-\infty}^\infty \rho_1(X_t) J_t\, dt}{\int_{-\infty}^\infty \rho_0(X_t) J_t\, dt},
        \qquad \mathbb{E}_{x \sim \rho_0} H(x) = Z

    For velocities that theory or another recipe gives: a dilation for targets that depend on the radius, the solution
    of a Poisson problem, one that was trained. Over whole lines the variance is never above that of importance
    sampling, and zero where every line carries equal shares of base and target; in a finite window there is no such
    bound, but a walker costs a fixed number of evaluations.

    Reference: Cao, Vanden-Eijnden, "Learning Optimal Flows for Non-Equilibrium Importance Sampling", 2022,
    arXiv:2206.09908; Rotskoff, Vanden-Eijnden, "Dynamical Computation of the Density of States and Bayes Factors Using
    Nonequilibrium Importance Sampling", 2019, arXiv:1809.11132.

    Args:
        velocity: the field b, asked at time 0 only.
        base: where walkers start: a law with samples and a density, such as a flow; None means N(0, I).
        length: how long the window is; None means whole lines, widened until what is left out does not matter.
        steps: steps of the window; of whole lines, of each unit of time.
        start: where the window begins, as a share of its length, from -1 to 0.
        stepper: `runge-kutta`, of fourth order, for any velocity; `exact` for one whose flow has a closed form.
        tolerance: of whole lines: what the last points of a line may add to its sums, as a share.
        longest: of whole lines: the time after which a line is cut, and counted in the warning.
        quiet: of whole lines: how long a line must add less than the tolerance before it ends. Mass beyond so long a
            gap is missed; the first walkers are followed three times as long, and the warning says where they meet any.

    Raises:
        UserError: if a number is out of range, the velocity has no closed form and `exact` is asked; when estimating,
            if base, velocity and target live in different spaces, or the budget pays for no walker.
    """

    shared = True

    def __init__(
        self,
        velocity: VelocityField,
        base: Flow | Generator | None = None,
        length: PositiveFloat | None = 1.0,
        steps: PositiveInt = 50,
        start: float = -0.5,
        stepper: Literal["runge-kutta", "exact"] = "runge-kutta",
        tolerance: PositiveFloat = 1e-6,
        longest: PositiveFloat = 50.0,
        quiet: PositiveFloat = 1.0,
    ) -> None:
        self.velocity, self.base, self.length, self.steps, self.start = velocity, base, length, steps, start
        self.stepper, self.tolerance, self.longest, self.quiet = stepper, tolerance, longest, quiet
        self.window = Window(steps, start, length if length is not None else 1.0)
        self.line = WholeLine(1 / steps, tolerance, quiet, longest) if length is None else None
        self._moved()

    @torch.no_grad()
    def estimate(self, target: Target, budget: int, draw: Draw) -> Estimate:
        """As many walkers as the budget pays for."""
        base = base_of(self.base, target)
        same_space(self.velocity, target)
        if self.line is None:
            walkers = walkers_for(budget, self.window.points)
            return estimate_in_window(target.log_density, base, self._moved(), self.window, walkers, draw)
        return self._whole_lines(target, base, budget, draw, self.line)

    def _moved(self) -> Stepper:
        return stepper_along(self.velocity, self.window.step, self.stepper == "exact")

    def _whole_lines(self, target: Target, base: Flow, budget: int, draw: Draw, line: WholeLine) -> Estimate:
        began, moved = time.perf_counter(), self._moved()

        def weighed(part: Draw, line: WholeLine = line) -> Weighed:
            x = base.sample(part.n, draw=part)
            return weigh_lines(target.log_density, base.log_density, moved, x, line)

        pilot = Draw(draw.seed, (*draw.key, "pilot"), PILOT, device=draw.device, dtype=draw.dtype)
        first, further = weighed(pilot), weighed(pilot, replace(line, quiet=FURTHER * line.quiet))
        spent = first.evaluations + further.evaluations
        if budget - spent < first.most:
            raise UserError(
                f"a budget of {budget} evaluations does not pay for whole flow lines, of which one takes up to"
                f" {first.most}: allow at least {spent + PILOT * first.most}, or give the window a length"
            )
        walkers = (budget - spent) // first.most
        weights, counts = Weights(walkers), torch.zeros(3, dtype=torch.int64)
        for part in draw.blocks("walkers", walkers, BLOCK):
            found = weighed(part)
            weights.add(found.log_weights)
            counts += torch.tensor([found.evaluations, found.cut, found.lost])
        counts = torch.stack(gathered(counts, draw)).sum(0)
        weights, seconds = weights.over_processes(draw), time.perf_counter() - began
        evaluations, cut, lost = counts.tolist()
        said = _said(cut, lost, walkers, moved, line)
        if further.silence > line.quiet - line.step / 2:
            said.append(
                f"a line of {PILOT} met mass again after a time of {further.silence:.3g} without any, and lines end"
                f" after {line.quiet:g}, so that mass is missed: raise `quiet`"
            )
        return weights.estimate(spent + evaluations, 0, seconds, also=said)


def same_space(velocity: VelocityField, target: Target) -> None:
    """Refuse a velocity of another dimension.

    Raises:
        UserError: if it does not move vectors as long as the target's.
    """
    if len(target.shape) != 1:
        raise UserError(f"neis moves vectors (D,): the target's shape is {tuple(target.shape)}")
    like = next(velocity.parameters(), torch.zeros(()))
    try:
        fits = velocity(0.0, like.new_zeros(1, *target.shape)).shape == (1, *target.shape)
    except RuntimeError:  # two matrices that do not fit
        fits = False
    if not fits:
        made = tuple(getattr(velocity, "shape", ("other",)))
        raise UserError(
            f"the velocity moves vectors of {made[0]} numbers, and the target's have {target.shape[0]}: take one that"
            " was made for this target"
        )


def _said(cut: int, lost: int, walkers: int, moved: Stepper, line: WholeLine) -> list[str]:
    said = [of_the_lost(lost, walkers, moved)] if lost else []
    if cut:
        said.append(
            f"{cut} of {walkers} lines still mattered at time {line.longest:g} and were cut there, which is biased:"
            " allow a longer time, or a larger tolerance"
        )
    return said
