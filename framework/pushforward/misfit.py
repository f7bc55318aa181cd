"""Which layer of a model an error came from: torch names shapes, and not where they met."""

from __future__ import annotations

from types import TracebackType

from torch import nn


def layer_of(error: BaseException, game: nn.Module) -> str | None:
    """The innermost part of the game in whose forward an error arose, as ``name (type)``; None where there is none."""
    names = {id(part): name for name, part in game.named_modules()}
    found: nn.Module | None = None
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        part = trace.tb_frame.f_locals.get("self")
        if isinstance(part, nn.Module) and names.get(id(part)):
            found = part
        trace = trace.tb_next
    return None if found is None else f"{names[id(found)]} ({found})" if len(str(found)) < 90 else names[id(found)]
