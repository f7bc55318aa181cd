"""What modules remember between moves: written after a move, never while a cost is computed."""

from __future__ import annotations

import abc

from torch import Tensor, nn


class Remembering(nn.Module, abc.ABC):
    """Abstract: a module that keeps running statistics or a controller in its buffers.

    A cost may be asked several times at one point, or for a spectrum, and must not change anything. What is to be
    remembered of a move is therefore put aside while costs are computed, or given back among them as a term whose name
    begins with `~`, and written here.
    """

    @abc.abstractmethod
    def remember(self, seen: dict[str, Tensor]) -> None:
        """After a move of the player it belongs to: write the buffers, in place.

        Args:
            seen: the terms of the cost that was followed, and what was observed with it, averaged over the whole turn.
        """


def remembering(module: nn.Module) -> list[Remembering]:
    """Every part of a module that remembers something."""
    return [part for part in module.modules() if isinstance(part, Remembering)]
