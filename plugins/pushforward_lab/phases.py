"""What became of isolated points: numbers of their last rounds that tell rest, swing, collapse and flight apart."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from pushforward import Look, Measure, UserError
from pushforward_lab.isolated_points import IsolatedPoints

Phase = Literal["converged", "swinging", "collapsed", "running away", "stranded"]

FORGIVEN = 1e-12  # shares of a kernel's width below which a movement is rounding


def phase_numbers(
    points: Tensor, past: Tensor, weights: Tensor, true: Tensor, critic_step: float | Tensor
) -> dict[str, Tensor]:
    r"""Numbers of the present points and of those that the critic remembers: a pure function, for many copies at once.

    ``distance``: of the points to their nearest true ones, the largest. ``pair``: half the largest distance between
    two points with the same nearest true one; 0 where none share. ``missed``: true points that are nearest to no
    generated one. ``speed``: the largest displacement over the memory, by its time. ``swing``: the largest range of a
    coordinate over the younger half of the memory. ``growth``: log of that range over the one of the older half, by
    the time between them: below 0 they come to rest, at 0 they cycle, above 0 they diverge. ``overshoot``: how far a
    point was on the other side of its true one, as a share of the oldest remembered distance: 0 without rotation.

    Args:
        points: where they are, (n, d).
        past: where they were, (window, n, d), the newest first.
        weights: of the past, (window,), zero where nothing is remembered.
        true: the true points, (m, d).
        critic_step: eta_d, the time of one round.
    """
    apart = (points[:, None] - true).square().sum(-1)
    distance, nearest = apart.min(1)
    shared = nearest[:, None] == nearest
    pairs = (points[:, None] - points).square().sum(-1)
    ages = torch.arange(len(past), device=past.device)
    known = weights != 0
    count = known.sum()
    oldest = past.index_select(0, (count - 1).clamp(min=0)[None])[0]
    oldest = torch.where(count > 0, oldest, points)
    recent, older = known & (ages < count // 2), known & (ages >= count // 2)
    swing, before = _range(past, recent), _range(past, older)
    seen = critic_step * (count - 1).clamp(min=1)
    away, first = past - true[nearest], oldest - true[nearest]
    along = (away * first).sum(-1) / first.square().sum(-1).clamp(min=FORGIVEN**2)
    return {
        "distance": distance.max().sqrt(),
        "pair": torch.where(shared, pairs, 0.0).max().sqrt() / 2,
        "missed": (nearest[:, None] != torch.arange(len(true), device=true.device)).all(0).sum().to(points.dtype),
        "speed": (past[0] - oldest).square().sum(-1).max().sqrt() / seen * (count > 0),
        "swing": swing,
        "growth": (swing.clamp(min=FORGIVEN) / before.clamp(min=FORGIVEN)).log() / (seen / 2),
        "overshoot": torch.where(known[:, None], -along, 0.0).max().clamp(min=0.0),
    }


def phase_of(numbers: dict[str, float], width: float = 1.0, damping: float = 1.0) -> Phase:
    """The phase that the numbers tell, at the end of a run that is long beside 1 / lambda.

    Running away: far from every true point, and the memory, which lasts several times 1 / lambda, ends more than two
    widths from where it began. Swinging: a range of more than a hundredth of the width that is not shrinking by half
    in a time of 1 / lambda. Collapsed: points at rest that share a true point, and do not sit on it. Stranded: a point
    at rest away from every true one. Else converged; `missed` says whether true points are left over.

    Args:
        numbers: from `phase_numbers` or the measure.
        width: of the kernel.
        damping: lambda, whose inverse is the unit of time.
    """
    time = 1 / max(damping, 1e-12)
    if numbers["distance"] > 2 * width and numbers["speed"] * time > 0.05 * width:
        return "running away"
    if numbers["swing"] > width / 100 and numbers["growth"] * time > -math.log(2):
        return "swinging"
    if numbers["pair"] > width / 100:
        return "collapsed"
    return "stranded" if numbers["distance"] > width / 100 else "converged"


class PointsPhase(Measure):
    r"""The largest distance of a generated point to its nearest true one, and what tells the phase.

    .. math:: \max_j \min_i |\tilde x_j - x_i|

    Beside the value stand `pair` (half the largest distance of points that share a true one: the collapse radius),
    `missed` (true points that are nearest to none), `speed` (of running away), `swing`, `growth` (of the swing, by
    time: 0 is a cycle, more diverges) and `overshoot` (0 without rotation). All are read off the points and the
    critic's memory; `n` is the number of points. Made for the model `isolated-points`.

    Args:
        show: which of these numbers is the value.
        boundary: a damping that the game knows in closed form, such as `critical-damping`: the log of the damping
            over it is told, and maps of a grid draw the line where it is 0. None compares with nothing.

    Raises:
        UserError: if the model (when looking) is not one of isolated points, or knows no such damping.
    """

    numbers: Tensor
    count: Tensor

    NAMES = ("distance", "pair", "missed", "speed", "swing", "growth", "overshoot")

    def __init__(
        self,
        show: Literal["distance", "pair", "missed", "speed", "swing", "growth", "overshoot"] = "distance",
        boundary: str | None = None,
    ) -> None:
        super().__init__(sync_on_compute=False)
        self.show, self.boundary = show, boundary
        self.neutral = 0.0 if show == "growth" else None  # a cycle
        self.add_state("numbers", default=torch.zeros(len(self.NAMES), dtype=torch.float64), dist_reduce_fx="mean")
        self.add_state("count", default=torch.zeros((), dtype=torch.int64), dist_reduce_fx="max")

    @torch.no_grad()
    def measure(self, look: Look) -> dict[str, float]:
        """Look at the points and at what the critic remembers of them."""
        self.reset()
        self.update(numbers_of(look, "points-phase"), len(points_game(look, "points-phase").generator.value))
        excess = {} if self.boundary is None else {"boundary": damping_excess(look, self.boundary)}
        return self.compute() | excess

    def update(self, numbers: dict[str, Tensor], count: int) -> None:
        """Take in the numbers of `phase_numbers` and how many points there are."""
        self.numbers = torch.stack([numbers[name] for name in self.NAMES]).cpu()
        self.count = self.count.new_tensor(count)

    def compute(self) -> dict[str, float]:
        """The number that is shown, and the others by their names."""
        found = dict(zip(self.NAMES, self.numbers.tolist(), strict=True))
        return {"value": found.pop(self.show), "n": int(self.count), **found}


def points_game(look: Look, measure: str) -> IsolatedPoints:
    """The game that is looked at.

    Raises:
        UserError: if it is not one of isolated points.
    """
    if not isinstance(look.game, IsolatedPoints):
        raise UserError(f"{measure} measures the model isolated-points; remove it from `measure`")
    return look.game


@torch.no_grad()
def numbers_of(look: Look, measure: str) -> dict[str, Tensor]:
    """The `phase_numbers` of the points that are looked at."""
    game = points_game(look, measure)
    critic = game.critic
    return phase_numbers(game.generator.value, critic.past, critic.weights, critic.true, game.critic_step)


def known_answer(look: Look, name: str) -> float:
    """What the game knows in closed form under that name, of the first true point where it belongs to one.

    Raises:
        UserError: if it knows nothing of that name, or there is no play whose step it depends on.
    """
    game = points_game(look, name)
    if look.play is None:
        raise UserError(f"{name} depends on the generator's step: there is no play to look at, only a model")
    answers = game.answers(look.play.players_optimizers["generator"].lr)
    found = next((value for key, value in answers.items() if key.partition("/")[0] == name), None)
    if found is None:
        known = ", ".join(dict.fromkeys(key.partition("/")[0] for key in answers))
        raise UserError(f"these isolated points know no {name!r} in closed form: they know {known}")
    return found


def damping_excess(look: Look, boundary: str) -> float:
    """log of the critic's damping over one that the game knows; infinite where that is 0 and any damping is above it.

    Raises:
        UserError: as in `known_answer`.
    """
    threshold, damping = known_answer(look, boundary), float(points_game(look, boundary).damping)
    if not (threshold > 0 and damping > 0):
        return math.inf if damping > 0 else -math.inf
    return math.log(damping / threshold)


def _range(past: Tensor, of: Tensor) -> Tensor:
    """The largest range of a coordinate over the marked rounds; 0 where none is marked."""
    inside = of[:, None, None]
    high = torch.where(inside, past, -torch.inf).amax(0)
    low = torch.where(inside, past, torch.inf).amin(0)
    return torch.where(of.any(), (high - low).max(), 0.0)
