"""Rules without memory: players move in turn, or all at once."""

from __future__ import annotations

from pushforward.field import Field, State
from pushforward.problem import UserError, did_you_mean
from pushforward.rules.rule import Move, Rule


class Alternating(Rule):
    """Players move in turn, each seeing where the others have just moved to.

    .. math:: \\theta_i \\leftarrow \\theta_i - h_i \\nabla_i c_i(\\theta_1, \\dots, \\theta_n), \\quad i = 1, \\dots, n

    The usual way to train a GAN. Every step takes a fresh turn of data, and no cost is computed that is not used.

    Reference: Mescheder, Geiger, Nowozin, "Which Training Methods for GANs do actually Converge?", 2018,
    arXiv:1801.04406.

    Args:
        order: who moves, by player or team; the players of a team move at once. None means the game's own order.
        steps: moves of a player or team in each round; those not named make one.

    Raises:
        UserError: if a name is no player or team of the game, or steps are below one.
    """

    def __init__(self, order: list[str] | None = None, steps: dict[str, int] | None = None) -> None:
        self.order, self.steps = order, dict(steps or {})

    def sequence(self, field: Field) -> list[tuple[str, ...]]:
        """Who moves in one round, group by group."""
        names = self.order or field.game.order or field.players
        return [field.group(name) for name in names for _ in range(self.steps.get(name, 1))]

    def turns(self, field: Field) -> int:
        """One for every move."""
        names = list(self.order or field.game.order or field.players)
        known = [*field.players, *field.game.teams]
        for name in [*names, *self.steps]:
            if name not in known:
                raise UserError(
                    f"rule alternating: {name!r} is no player of this game ({', '.join(known)})"
                    f"{did_you_mean(name, known)}"
                )
        for name, count in self.steps.items():
            if count < 1:
                raise UserError(f"rule alternating: steps of {name!r} are {count}: expected at least 1")
            if name not in names:
                raise UserError(f"rule alternating: {name!r} has steps but is not in the order {names}")
        return len(self.sequence(field))

    def round(self, field: Field, move: Move, state: State) -> State:
        """Each group in its order."""
        for names in self.sequence(field):
            state = move(field(names, at=state.point), state)
        return state


class Simultaneous(Rule):
    """All players move at once, from the gradients at one point and on one turn of data.

    .. math:: \\theta \\leftarrow \\theta - h\\, v(\\theta)

    The rule of the theory, and of one-player games; on games that rotate it spirals outwards where the alternating
    one does not.

    Reference: Mescheder, Geiger, Nowozin, "Which Training Methods for GANs do actually Converge?", 2018,
    arXiv:1801.04406, section 2.
    """

    def turns(self, field: Field) -> int:
        """One."""
        return 1

    def round(self, field: Field, move: Move, state: State) -> State:
        """One step along the joint field."""
        return move(field(at=state.point), state)
