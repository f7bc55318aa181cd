"""How far play is from the equilibrium that is known."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from pushforward import Game, Look, Measure, UserError


class EquilibriumDistance(Measure):
    r"""The Euclidean distance of all players' numbers from the game's nearest equilibrium.

    .. math:: \Big( \sum_i \|\theta_i - \theta_i^*\|^2 \Big)^{1/2}

    For the laboratory's games, which know theirs; symmetries of the game are divided out. Beside the `value` stands
    the distance of each player, under its name.

    Raises:
        UserError: if the game knows no equilibrium.
    """

    def __init__(self) -> None:
        super().__init__(sync_on_compute=False)
        self._players: dict[str, float] = {}

    def measure(self, look: Look) -> dict[str, float]:
        """Look where play is."""
        self.reset()
        known: Any = getattr(look.game, "equilibrium", None)
        equilibrium = known() if known is not None else None
        if equilibrium is None:
            raise UserError(
                f"equilibrium-distance: {type(look.game).__name__} has no known equilibrium at these arguments"
            )
        self.update(look.game, equilibrium)
        return self.compute()

    def update(self, game: Game, equilibrium: dict[str, Tensor]) -> None:
        """Take in a game's present point and its equilibrium, by parameter name."""
        names = {id(parameter): name for name, parameter in game.named_parameters()}
        taken: set[str] = set()
        self._players = {}
        for player, module in game.players.items():
            own = [names[id(parameter)] for parameter in module.parameters()]
            own = [name for name in own if name in equilibrium and name not in taken]
            taken.update(own)
            gaps = [game.get_parameter(name).detach().cpu() - equilibrium[name].detach().cpu() for name in own]
            self._players[player] = math.sqrt(sum(float(gap.square().sum()) for gap in gaps))

    def compute(self) -> dict[str, float]:
        """The distance, of all and of each."""
        if not self._players:
            raise UserError("equilibrium-distance has seen no game yet: call measure or update first")
        return {"value": math.hypot(*self._players.values()), "standard_error": 0.0, **self._players}
