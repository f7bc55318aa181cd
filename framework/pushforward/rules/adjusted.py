"""Rules that add a force to the field which opposes rotation: consensus and symplectic adjustment."""

from __future__ import annotations

from pydantic import NonNegativeFloat

from pushforward.field import Field, State
from pushforward.problem import UserError
from pushforward.rules.rule import Move, Rule


class Consensus(Rule):
    r"""All players also want the joint field to be small.

    .. math:: \theta \leftarrow \theta - h\,(v + \gamma\, J^\top v), \qquad J = \nabla v

    Turns centres into spirals at the price of one product with the transposed Jacobian. It is drawn to every point
    where the field is small, also to those that nobody would choose.

    Reference: Mescheder, Nowozin, Geiger, "The Numerics of GANs", 2017, arXiv:1705.10461.

    Args:
        strength: gamma, the weight of half the squared norm of the field.

    Raises:
        UserError: if the strength is negative.
    """

    def __init__(self, strength: NonNegativeFloat = 1.0) -> None:
        self.strength = _strength(strength, "consensus")

    def turns(self, field: Field) -> int:
        """One."""
        return 1

    def round(self, field: Field, move: Move, state: State) -> State:
        """One step along the adjusted field."""
        direction, jacobian = field.linearise(at=state.point)
        v = direction.gradients
        pull = jacobian.transposed(v)
        return move(direction.along({key: v[key] + self.strength * pull[key] for key in v}), state)


class Symplectic(Rule):
    r"""Symplectic gradient adjustment: only the rotating part of the field is opposed.

    .. math:: \theta \leftarrow \theta - h\,(v + \lambda A^\top v), \qquad A = \tfrac12 (J - J^\top)

    As consensus where the field only rotates; where players share an interest, it leaves the shared part alone.

    Reference: Balduzzi, Racanière, Martens, Foerster, Tuyls, Graepel, "The Mechanics of n-Player Differentiable
    Games", 2018, arXiv:1802.05642.

    Args:
        strength: lambda.

    Raises:
        UserError: if the strength is negative.
    """

    def __init__(self, strength: NonNegativeFloat = 1.0) -> None:
        self.strength = _strength(strength, "symplectic")

    def turns(self, field: Field) -> int:
        """One."""
        return 1

    def round(self, field: Field, move: Move, state: State) -> State:
        """One step along the adjusted field."""
        direction, jacobian = field.linearise(at=state.point)
        v = direction.gradients
        pull, push = jacobian.transposed(v), jacobian.times(v)
        adjusted = {key: v[key] + 0.5 * self.strength * (pull[key] - push[key]) for key in v}
        return move(direction.along(adjusted), state)


def _strength(value: float, rule: str) -> float:
    if not value >= 0:
        raise UserError(f"rule {rule}: a strength of {value}: expected 0 or more")
    return value
