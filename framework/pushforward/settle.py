"""Where a game would come to rest: a zero of its joint field, by Newton's method from where play has been."""

from __future__ import annotations

import torch
from torch import Tensor

from pushforward.linear import Point
from pushforward.play import Play
from pushforward.problem import RunFailed
from pushforward.randomness import Draw
from pushforward.spectrum import linearised

STEPS = 50
PATIENCE = 8  # steps after which a search that has come no nearer is given up
TOLERANCE = 1e-10  # norm of the field at a zero, against its norm where the search began


def find_equilibrium(play: Play, turn: Draw) -> Point | None:
    """A zero of the joint field near where play is or has been, by parameter name; the game's own where it knows one.

    Newton's method begins at the present point, then in the middle of the later half of the orbit.

    Args:
        play: the play; nothing of it changes.
        turn: the turn on which the field is taken.
    """
    known = play.game.equilibrium()
    if known is not None:
        return known
    here = flat({key: p.detach() for key, p in play.field.live.items()}, play)
    points = play.trace.points
    for guess in [here] if points is None else [here, points[len(points) // 2 :].mean(0).to(here.device)]:
        found = _newton(play, turn, guess)
        if found is not None:
            return found
    return None


def _newton(play: Play, turn: Draw, flat: Tensor) -> Point | None:
    first, best, since = None, float("inf"), 0
    for _ in range(STEPS):
        try:
            linear, _ = linearised(play.game, turn, pieces(flat, play))
        except RunFailed:
            return None
        v = torch.cat([g.detach().reshape(-1) for g in linear.outputs.values()]).double()
        jacobian = linear.dense().detach().double()
        if not bool(v.isfinite().all() and jacobian.isfinite().all()):
            return None
        size = float(v.norm())
        first = first or max(size, 1e-300)
        if size <= TOLERANCE * max(first, 1.0):
            return pieces(flat, play)
        best, since = (size, 0) if size < 0.9 * best else (best, since + 1)
        if since > PATIENCE:
            return None
        step = torch.linalg.lstsq(jacobian, v[:, None]).solution[:, 0]
        reach = 0.5 * (1.0 + float(flat.norm()))
        flat = flat - step * min(1.0, reach / max(float(step.norm()), 1e-300))
        if not bool(torch.isfinite(flat).all()):
            return None
    return None


def pieces(flat: Tensor, play: Play) -> Point:
    """A flat point by parameter name."""
    live = play.field.live
    parts = flat.split([p.numel() for p in live.values()])
    return {key: part.view_as(p).to(p.dtype) for (key, p), part in zip(live.items(), parts, strict=True)}


def flat(point: Point, play: Play) -> Tensor:
    """The same the other way round, in float64."""
    return torch.cat([point[key].detach().reshape(-1).double() for key in play.field.live])
