"""The orbit of a run as it is seen from the equilibrium: what is told of rates and cycles is read off it."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from pushforward import Look, UserError


class Orbit(NamedTuple):
    """Where play has been.

    Attributes:
        rounds: after which of them, (T,).
        gaps: all players' numbers minus those of the equilibrium, (T, N).
        players: the columns of each player.
    """

    rounds: Tensor
    gaps: Tensor
    players: dict[str, list[int]]


def orbit_of(look: Look, measure: str) -> Orbit:
    """The orbit of the play that is looked at, from the equilibrium that is nearest to where it is now.

    Args:
        look: it.
        measure: who asks, for what is said if there is none.

    Raises:
        UserError: if there is no orbit, or no equilibrium.
    """
    name = type(look.game).__name__
    known: Any = getattr(look.game, "equilibrium", None)
    equilibrium = known() if known is not None else None
    if equilibrium is None:
        raise UserError(f"{measure}: {name} has no known equilibrium at these arguments; remove it from `measure`")
    points = look.play.trace.points if look.play is not None else None
    if look.play is None or points is None:
        raise UserError(
            f"{measure}: no orbit of {name} is kept: it needs a game of up to 16 numbers that was played for a round"
        )
    middle = [equilibrium[key].detach().reshape(-1).double().cpu() for key in look.play.field.live]
    players: dict[str, list[int]] = {}
    columns = iter(range(points.shape[1]))
    for key, parameter in look.play.field.live.items():
        players.setdefault(look.play.owner[key], []).extend(next(columns) for _ in range(parameter.numel()))
    return Orbit(look.play.trace.rounds, points - torch.cat(middle), players)
