"""A laboratory game: a few float64 numbers for each player, and an equilibrium that is known."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pushforward import Game, UserError


class Numbers(nn.Module):
    """A player that is a few numbers.

    Args:
        value: where it starts.
    """

    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.value = nn.Parameter(value.to(torch.float64))


class LaboratoryGame(Game):
    """Abstract: a game without data, whose answer is known in closed form.

    Its costs are pure functions of its numbers, so thousands of copies may be played at once.
    """

    needs_data = False

    def answers(self) -> dict[str, float]:
        """What is known of this game in closed form at its arguments, by name: eigenvalues, thresholds, rates."""
        return {}


def start_at(start: Sequence[float] | None, size: int, what: str, spread: float = 1.0) -> Tensor:
    """A starting point: the given numbers, or normal ones of that spread.

    Raises:
        UserError: if there are not `size` of them, or one is not finite.
    """
    if start is None:
        return spread * torch.randn(size, dtype=torch.float64)
    if len(start) != size:
        raise UserError(f"{what}: expected {size} numbers, got {len(start)}")
    value = torch.tensor([float(number) for number in start], dtype=torch.float64)
    if not bool(torch.isfinite(value).all()):
        raise UserError(f"{what}: {list(start)} is not finite")
    return value
