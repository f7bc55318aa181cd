"""Rules with memory that hold a rotating game back: slow weights, negative momentum, and the copy of KPV."""

from __future__ import annotations

from pushforward.field import Field, Point, State
from pushforward.problem import UserError
from pushforward.rules.rule import Move, Rule, copied
from pushforward.rules.turns import Alternating, Simultaneous


class Lookahead(Rule):
    r"""A few rounds of another rule, and then a part of the way back to where they began.

    .. math:: \theta \leftarrow \theta_0 + \alpha\, (\theta_k - \theta_0)

    Cuts across the circle that the inner rule runs along. One round of it is k rounds of the inner rule.

    Reference: Chavdarova, Pagliardini, Stich, Fleuret, Jaggi, "Taming GANs with Lookahead-Minmax", 2020,
    arXiv:2006.14567.

    Args:
        rule: the inner rule; simultaneous by default.
        rounds: k, the inner rounds.
        share: alpha, the part of the way that is kept, above 0 and at most 1.

    Raises:
        UserError: if the share or the rounds are out of range.
    """

    def __init__(self, rule: Rule | None = None, rounds: int = 5, share: float = 0.5) -> None:
        if rounds < 1 or not 0 < share <= 1:
            raise UserError(
                f"rule lookahead: {rounds} rounds, share {share}: expected at least 1, and a share in (0, 1]"
            )
        self.rule, self.rounds, self.share = rule or Simultaneous(), rounds, share
        self.extrapolates = self.rule.extrapolates

    def turns(self, field: Field) -> int:
        """Those of the inner rounds."""
        return self.rounds * self.rule.turns(field)

    def start(self, field: Field) -> Point:
        """What the inner rule remembers: the slow weights are where a round begins."""
        return self.rule.start(field)

    def round(self, field: Field, move: Move, state: State) -> State:
        """Inner rounds, then back."""
        slow = copied(state.point)
        for _ in range(self.rounds):
            state = self.rule.round(field, move, state)
        return state._replace(
            point={key: value + self.share * (state.point[key] - value) for key, value in slow.items()}
        )


class NegativeMomentum(Alternating):
    r"""Players move in turn, and every move is pulled back along the last one.

    .. math:: \theta_i \leftarrow \theta_i - h\, v_i + \beta\, (\theta_i - \theta_i^{\text{last}})

    With beta below zero the alternating rule contracts the bilinear game, on which it only circles without.

    Reference: Gidel, Askari Hemmat, Pezeshki, Le Priol, Huang, Lacoste-Julien, Mitliagkas, "Negative Momentum for
    Improved Game Dynamics", 2018, arXiv:1807.04740.

    Args:
        beta: the share of the last move that is added, above -1 and below 1.
        order: who moves, by player or team; None means the game's own order.
        steps: moves of a player or team in each round; those not named make one.

    Raises:
        UserError: if beta is out of range, or as in the alternating rule.
    """

    def __init__(self, beta: float = -0.5, order: list[str] | None = None, steps: dict[str, int] | None = None) -> None:
        if not -1 < beta < 1:
            raise UserError(f"rule negative-momentum: a beta of {beta}: expected a number between -1 and 1")
        super().__init__(order, steps)
        self.beta = beta

    def start(self, field: Field) -> Point:
        """Nobody has moved yet."""
        return {f"last/{key}": value.detach().clone() for key, value in field.live.items()}

    def round(self, field: Field, move: Move, state: State) -> State:
        """Each group in its order."""
        for names in self.sequence(field):
            own = [key for name in names for key in field.own[name]]
            old = copied({key: state.point[key] for key in own})
            moved = move.step(field(names, at=state.point), state)
            pulled = {key: moved.point[key] + self.beta * (old[key] - state.rule[f"last/{key}"]) for key in own}
            last = {f"last/{key}": value for key, value in old.items()}
            state = moved._replace(point={**moved.point, **pulled}, rule={**moved.rule, **last})
        return state


class KPV(Rule):
    r"""Each player drags a copy of itself behind, and is pushed by how far it lags.

    .. math:: z \leftarrow P\big(z - h v(z) + h k\,(z - s)\big), \qquad s \leftarrow P\big(s + h p\,(z - s)\big)

    Stabilises equilibria of games between teams, where gradients, optimism and extragradient all leave: for small h
    and p wherever k lies in (-min |rho|^2 / Re rho, -max Re rho) over the eigenvalues rho of -Dv with Re rho > 0. It
    has no equilibria that the game has not, since there z = s.

    Reference: Kalogiannis, Panageas, Vlatakis-Gkaragkounis, "Towards convergence to Nash equilibria in two-team
    zero-sum games", 2021, arXiv:2111.04178, eq. 2.2.

    Args:
        k: the push; below zero it holds back.
        p: how fast the copy follows, above zero.

    Raises:
        UserError: if p is not positive.
    """

    def __init__(self, k: float = -2.0, p: float = 0.5) -> None:
        if not p > 0:
            raise UserError(f"rule kpv: p is {p}: expected a number above 0, so that the copy follows")
        self.k, self.p = k, p

    def turns(self, field: Field) -> int:
        """One."""
        return 1

    def start(self, field: Field) -> Point:
        """The copy begins where the players do."""
        return {f"copy/{key}": value.detach().clone() for key, value in field.live.items()}

    def round(self, field: Field, move: Move, state: State) -> State:
        """One step of players and copy, both from the old point."""
        old = copied(state.point)
        lag = {key: value - state.rule[f"copy/{key}"] for key, value in old.items()}
        direction = field(at=state.point)
        pushed = {key: g - self.k * lag[key] for key, g in direction.gradients.items()}
        copy = {key: state.rule[f"copy/{key}"] + move.lr(key) * self.p * lag[key] for key in old}
        moved = move(direction.along(pushed), state)
        return moved._replace(rule={**moved.rule, **{f"copy/{key}": c for key, c in field.project(copy).items()}})
