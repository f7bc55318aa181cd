"""How fast play comes nearer to an equilibrium: measured by playing, to stand beside what the spectrum predicts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from pushforward.field import State
from pushforward.functional import FunctionalPlay
from pushforward.linear import Point
from pushforward.play import Play
from pushforward.randomness import Draw

NUDGE = 1e-5  # how far from the equilibrium the measurement starts, against the size of the point
FLOOR = 1e-9  # a distance below this share of the first one is rounding


def state_at(play: Play, point: Point, functional: FunctionalPlay | None = None) -> State:
    """The state in which a play, or a functional one by another rule, would begin at a point; the game is put back."""
    live, functional = play.field.live, functional or play.functional()
    kept = {key: value.detach().clone() for key, value in live.items()}
    with torch.no_grad():
        try:
            for key, value in point.items():
                live[key].copy_(value)
            return functional.start()
        finally:
            for key, value in kept.items():
                live[key].copy_(value)


def measured_contraction(
    play: Play, at: Point, turns: Sequence[Draw], rounds: int = 400, seed: int = 0, isolated: bool = True
) -> float | None:
    """By which factor a round shrinks a small distance from a point, fitted over rounds on the same turns.

    Where equilibria form a line or a surface, play that is nudged along it stays there: its distance from the point
    says nothing then, and the length of what a round moves is fitted instead.

    Args:
        play: the play; nothing of it changes.
        at: the point, an equilibrium.
        turns: the turns that every round is played on.
        rounds: how many at most.
        seed: of the direction in which players are nudged.
        isolated: whether no other equilibrium is as near as one likes.

    Returns:
        The factor; 0 where the point is reached at once, None where the numbers overflow.
    """
    functional, state = play.functional(), state_at(play, at)
    generator = torch.Generator().manual_seed(seed)
    size = max(1.0, math.sqrt(sum(float(v.square().sum()) for v in at.values())))
    nudged = {
        key: value + NUDGE * size * torch.randn(value.shape, generator=generator, dtype=value.dtype)
        for key, value in state.point.items()
    }
    state = state._replace(point=nudged)
    distances = []
    for _ in range(rounds):
        since = at if isolated else state.point
        state = functional.round(state, turns)
        away = math.sqrt(sum(float((value - since[key]).square().sum()) for key, value in state.point.items()))
        if not math.isfinite(away):
            return None
        distances.append(away)
        if away < FLOOR * distances[0] or away > size / NUDGE**0.5:
            break
    return growth(torch.tensor(distances, dtype=torch.float64))


def growth(distances: Tensor) -> float:
    """The factor a round of a series of distances, (T,): a straight line through the logs of its later part.

    The window is smooth, so that the oscillation of a spiral averages out.
    """
    seen = distances[len(distances) // 4 :]
    seen = seen[seen > 0].log()
    if len(seen) < 4:
        return 0.0
    t = torch.arange(len(seen), dtype=torch.float64)
    weight = torch.hann_window(len(seen) + 2, periodic=False, dtype=torch.float64)[1:-1]
    t = t - (weight * t).sum() / weight.sum()
    return math.exp(float((weight * t * seen).sum() / (weight * t * t).sum()))
