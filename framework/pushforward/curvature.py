"""How a player's cost bends along its own gradient: what learning-rate control divides by."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pushforward.linear import Linear, Point


@dataclass(frozen=True)
class Curvature:
    """What an optimizer wants to know of a cost along its gradient.

    Args:
        each: one curvature for every parameter tensor, or one for all of the player's parameters together.
        parts: cut the turn into so many parts to see the gradient's noise; 1 leaves noise out.
    """

    each: bool = True
    parts: int = 1


def curvatures(how: Curvature, own: list[str], gradients: Point, linear: Linear, noisy: list[Point]) -> Point:
    r"""The curvature of each parameter that a player owns.

    .. math:: g^\top H g + \operatorname{tr}(S H), \qquad
        \operatorname{tr}(S H) \approx \frac{1}{M (M - 1)} \sum_m (g_m - g)^\top H (g_m - g)

    Exact Hessian-vector products; S is the covariance of the mean gradient g, seen in M parts of the turn.

    Args:
        how: what is wanted.
        own: the player's parameters by name.
        gradients: the gradient g of its cost.
        linear: the Jacobian of the field at the point; its own block is the Hessian H.
        noisy: the gradients g_m of the parts; empty leaves noise out.
    """
    groups = [[key] for key in own] if how.each else [own]
    found: Point = {}
    for group in groups:
        total = _bend(linear, group, {key: gradients[key] for key in group})
        for part in noisy:
            away = {key: part[key] - gradients[key] for key in group}
            total = total + _bend(linear, group, away) / (len(noisy) * (len(noisy) - 1))
        found |= dict.fromkeys(group, total)
    return found


def _bend(linear: Linear, group: list[str], along: Point) -> Tensor:
    """The second derivative along a direction: the own block of the Jacobian is symmetric."""
    product = linear.transposed(along)
    values = [(along[key] * product[key]).sum() for key in group]
    return sum(values[1:], start=values[0])
