"""How fast play nears its equilibrium or leaves it: the factor a round, read off the orbit of a run."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward import Look, Measure, UserError
from pushforward_lab.orbits import orbit_of

NEAREST = 1e-290  # below, the distance is what float64 makes of it


class Shrinkage(Measure):
    r"""The factor by which a round changes the distance to the equilibrium, fitted over the run.

    .. math:: \log \|z_k - z^*\| \approx \text{const} + k \log \text{value}

    To see whether and how fast play converges in a game of a few numbers: below 1 it nears the equilibrium, above 1
    it leaves. It is the `spectrum` that is predicted there if play stays near the equilibrium. The fit is weighted by
    a smooth window over the rounds, so that the swing of a spiral averages out. With `within`, it is the rate near
    the equilibrium even of play that leaves it: start nearby.

    With `boundary`, a number of that name tells on which side of the closed form a run stands: the logarithm of its
    step over the largest stable one. Maps of a grid draw the line where it is 0.

    Args:
        skip: the share of the run, from its start, that is left out, 0 or more and below 1.
        within: leave out what comes after play was first farther than this from the equilibrium; None takes all.
        boundary: what the game calls its largest stable step, such as `largest-step-simultaneous`; None compares
            with nothing.

    Raises:
        UserError: if `skip` is no such share or `within` not above 0; or, when looking, the game knows no equilibrium
            or no such step, its orbit is not kept, or its players have different steps.
    """

    neutral = 1.0

    def __init__(self, skip: float = 0.0, within: float | None = None, boundary: str | None = None) -> None:
        super().__init__(sync_on_compute=False)
        if not 0 <= skip < 1:
            raise UserError(f"skip is {skip}: expected a share of the run, 0 or more and below 1")
        self.skip, self.within, self.boundary = skip, positive_distance(within), boundary
        self._numbers: dict[str, float] = {}

    def measure(self, look: Look) -> dict[str, float]:
        """Read the rate off the orbit."""
        self.reset()
        orbit = orbit_of(look, "shrinkage")
        late = orbit.rounds >= self.skip * look.round
        self.update(orbit.rounds[late], orbit.gaps[late].norm(dim=1))
        if self.boundary is not None and (excess := log_excess(look, self.boundary)) < math.inf:
            self._numbers["boundary"] = excess
        return self.compute()

    def update(self, rounds: Tensor, distances: Tensor) -> None:
        """Take in the distances, (T,), after some rounds, (T,)."""
        self._numbers = {"value": factor_a_round(rounds, distances, self.within), "standard_error": 0.0}

    def compute(self) -> dict[str, float]:
        """The factor, and the side of the boundary."""
        if not self._numbers:
            raise UserError("shrinkage has seen no orbit yet: call measure or update first")
        return dict(self._numbers)


def factor_a_round(rounds: Tensor, distances: Tensor, within: float | None = None) -> float:
    """The slope of a line through the logs of distances, as a factor.

    It is 0 where the equilibrium is reached at once, infinite where play leaves at once, and not a number for fewer
    than three rounds.

    Args:
        rounds: after which the distances are seen, (T,).
        distances: they, (T,).
        within: what comes after the first one beyond it is left out; None takes all.
    """
    arrived, left = distances <= NEAREST, distances > (math.inf if within is None else within)
    outside = arrived | left
    count = int(outside.to(torch.int64).argmax()) if bool(outside.any()) else len(distances)
    if count < 3:
        return math.nan if count == len(distances) else 0.0 if bool(arrived[count]) else math.inf
    t, logs = rounds[:count], distances[:count].log()
    weight = torch.hann_window(count + 2, periodic=False, dtype=torch.float64)[1:-1]
    t = t - (weight * t).sum() / weight.sum()
    return math.exp(float((weight * t * logs).sum() / (weight * t * t).sum()))


def positive_distance(within: float | None) -> float | None:
    """The distance, if it is one or None.

    Raises:
        UserError: if it is not above 0.
    """
    if within is not None and not 0 < within < math.inf:
        raise UserError(f"within is {within}: expected a distance above 0, or null")
    return within


def log_excess(look: Look, boundary: str) -> float:
    """log of the step over the largest stable one that the game names; infinite where no step is stable.

    Raises:
        UserError: if the game names no such step, or its players have different steps.
    """
    answers = getattr(look.game, "answers", dict)()
    if boundary not in answers:
        known = ", ".join(name for name in answers if "step" in name) or "none"
        raise UserError(f"{type(look.game).__name__} has no answer {boundary!r}: of steps it knows {known}")
    steps = {optimizer.lr for optimizer in look.play.players_optimizers.values()} if look.play is not None else set()
    if len(steps) != 1:
        raise UserError(f"{boundary} is a step for all players, but theirs are {sorted(steps)}: give them one `lr`")
    return math.log(steps.pop() / answers[boundary]) if answers[boundary] > 0 else math.inf
