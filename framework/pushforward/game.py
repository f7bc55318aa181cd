"""A game: players, each with parameters and a cost it wants low. Training is play."""

from __future__ import annotations

import abc
from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn

from pushforward.projections import Projection
from pushforward.randomness import Draw
from pushforward.remembering import Remembering, remembering

Costs = dict[str, dict[str, Tensor]]

OBSERVED = "~"  # a term whose name begins so is no cost: it is seen, reported and remembered


class Game(nn.Module, abc.ABC):
    """Abstract: a game of a few players.

    A game reads its state and writes nothing, but in `respond` and `remember`; so every player's cost may be asked at
    one point, as often as a rule likes.

    Attributes:
        teams: names that stand for several players, where recipes give steps or optimizers.
        responders: players that move by `respond` and have no gradient.
        averaged: players whose weights are averaged and then used for sampling.
        projections: where the parameters of a player or team must stay after every move.
        dampers: its own arguments that damp rotation, each the larger the more: what a remedy may raise.
        needs_data: whether a turn brings samples of the target; a game on a density alone needs none.
        order: players or teams in the order in which an alternating rule moves them; None means one by one.
    """

    teams: dict[str, tuple[str, ...]] = {}
    responders: frozenset[str] = frozenset()
    averaged: tuple[str, ...] = ()
    order: tuple[str, ...] | None = None
    projections: dict[str, Projection] = {}
    dampers: tuple[str, ...] = ()
    needs_data: bool = True

    @property
    @abc.abstractmethod
    def players(self) -> dict[str, nn.Module]:
        """Who plays, in the order in which an alternating rule lets them move, and the module each one owns.

        Each parameter belongs to one player: shared ones to the first that names them.
        """

    @abc.abstractmethod
    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """The named players' costs at the present point, each as terms that are summed: ``{player: {term: scalar}}``.

        A term whose name begins with `~` is not summed: it is an observation, a mean over samples, that is reported
        under ``seen/<player>/<name>`` and given to `remember`.

        What only other players need is not computed, and no graph is kept for a player that is not named.
        """

    def forward(self, names: Iterable[str], draw: Draw) -> Costs:
        """The costs: what calling the module means, so that torch can call it at another point."""
        return self.costs(names, draw)

    def respond(self, name: str, draw: Draw) -> None:
        """Move a player that has no gradient."""
        raise TypeError(f"{type(self).__name__}: player {name!r} has no move of its own")

    def remember(self, name: str, draw: Draw, out: dict[str, Tensor]) -> None:
        """After a player's move: the only place to write memory, running statistics and controllers.

        `out` holds the terms of the cost that the player just followed, and what was observed with them. The parts of
        the player's module that are `Remembering` are asked; a game that overrides this asks them by `super()`.
        """
        for part in self._parts_that_remember(name):
            part.remember(out)

    def sample(self, n: int, draw: Draw, condition: Tensor | None = None) -> Tensor:
        """n samples of the model, where it can be sampled."""
        raise TypeError(f"{type(self).__name__} cannot be sampled")

    def log_density(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Normalised log-density of the model, (n,), where it has one."""
        raise TypeError(f"{type(self).__name__} has no density")

    def equilibrium(self) -> dict[str, Tensor] | None:
        """The equilibrium nearest to the present point, by parameter name; None where there is none or none is known.

        Symmetries of the game are divided out: the nearest of all equivalent ones is given.
        """
        return None

    def _parts_that_remember(self, name: str) -> list[Remembering]:
        known: dict[str, list[Remembering]] = self.__dict__.setdefault("_remembering", {})
        if name not in known:
            known[name] = remembering(self.players[name])
        return known[name]

    def held(self, role: str) -> Any:
        """The trained part of that role (`generator`, `flow`, ...): the attribute of that name."""
        return getattr(self, role.replace("-", "_"))
