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

    Raises:
        UserError: if the model (when looking) is not one of isolated points.
    """

    numbers: Tensor
    count: Tensor

    NAMES = ("distance", "pair", "missed", "speed", "swing", "growth", "overshoot")

    def __init__(self) -> None:
        super().__init__(sync_on_compute=False)
        self.add_state("numbers", default=torch.zeros(len(self.NAMES), dtype=torch.float64), dist_reduce_fx="mean")
        self.add_state("count", default=torch.zeros((), dtype=torch.int64), dist_reduce_fx="max")

    @torch.no_grad()
    def measure(self, look: Look) -> dict[str, float]:
        """Look at the points and at what the critic remembers of them."""
        self.reset()
        game = look.game
        if not isinstance(game, IsolatedPoints):
            raise UserError("points-phase measures the model isolated-points; remove it from `measure`")
        critic, points = game.critic, game.generator.value
        self.update(phase_numbers(points, critic.past, critic.weights, critic.true, game.critic_step), len(points))
        return self.compute()

    def update(self, numbers: dict[str, Tensor], count: int) -> None:
        """Take in the numbers of `phase_numbers` and how many points there are."""
        self.numbers = torch.stack([numbers[name] for name in self.NAMES]).cpu()
        self.count = self.count.new_tensor(count)

    def compute(self) -> dict[str, float]:
        """The largest distance, and the other numbers by their names."""
        value, *others = self.numbers.tolist()
        return {"value": value, "n": int(self.count), **dict(zip(self.NAMES[1:], others, strict=True))}


def _range(past: Tensor, of: Tensor) -> Tensor:
    """The largest range of a coordinate over the marked rounds; 0 where none is marked."""
    inside = of[:, None, None]
    high = torch.where(inside, past, -torch.inf).amax(0)
    low = torch.where(inside, past, torch.inf).amin(0)
    return torch.where(of.any(), (high - low).max(), 0.0)
