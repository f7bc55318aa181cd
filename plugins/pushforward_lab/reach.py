"""How far play still swings at its end: what is left of an orbit that does not come to rest."""

from __future__ import annotations

from torch import Tensor

from pushforward import Look, Measure, UserError
from pushforward_lab.orbits import orbit_of


class Reach(Measure):
    r"""The largest distance from the equilibrium over the last rounds.

    .. math:: \max_{k > K - \text{last}} \|z_k - z^*\|

    To tell a cycle from convergence in a game of a few numbers, and to compare its size. Further numbers:
    `mean_square`, of the distance over these rounds; and for each player, under its name, the largest distance of one
    of its numbers.

    Args:
        last: how many rounds.

    Raises:
        UserError: if `last` is below one; or, when looking, the game knows no equilibrium or its orbit is not kept.
    """

    def __init__(self, last: int = 100) -> None:
        super().__init__(sync_on_compute=False)
        if last < 1:
            raise UserError(f"last is {last}: expected at least one round")
        self.last = last
        self._numbers: dict[str, float] = {}

    def measure(self, look: Look) -> dict[str, float]:
        """Look at the end of the orbit."""
        self.reset()
        orbit = orbit_of(look, "reach")
        late = orbit.rounds > look.round - self.last
        late = late if bool(late.any()) else orbit.rounds == orbit.rounds[-1]
        self.update(orbit.gaps[late], orbit.players)
        return self.compute()

    def update(self, gaps: Tensor, players: dict[str, list[int]]) -> None:
        """Take in the distances of all numbers, (T, N), and which columns are whose."""
        squares = gaps.square().sum(1)
        self._numbers = {
            "value": float(squares.max().sqrt()),
            "standard_error": 0.0,
            "mean_square": float(squares.mean()),
            **{player: float(gaps[:, columns].abs().max()) for player, columns in players.items()},
        }

    def compute(self) -> dict[str, float]:
        """The largest distance, and further numbers by name."""
        if not self._numbers:
            raise UserError("reach has seen no orbit yet: call measure or update first")
        return dict(self._numbers)
