"""Where in the plane of eigenvalues a rule contracts: the radius of one of its rounds for each eigenvalue by itself."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten

from pushforward.field import State
from pushforward.functional import FunctionalPlay
from pushforward.game import Costs, Game
from pushforward.optimizers import SGD
from pushforward.play import Play
from pushforward.randomness import Draw
from pushforward.rules.extrapolation import Extragradient, Optimistic
from pushforward.rules.flow import RungeKutta
from pushforward.rules.rule import Rule
from pushforward.rules.stabilised import KPV, Lookahead
from pushforward.rules.turns import Simultaneous

BY_ITSELF = (Simultaneous, Extragradient, Optimistic, RungeKutta, KPV)


def acts_on_each(rule: Rule) -> bool:
    """Whether a round is a function of the field's matrix alone, so that it acts on each eigenvalue by itself.

    Rules that tell players apart (in turn, or by blocks of the Jacobian) have no region in the plane.
    """
    if isinstance(rule, Lookahead):
        return acts_on_each(rule.rule)
    return type(rule) in BY_ITSELF


def shared_descent(play: Play) -> SGD | None:
    """The plain descent by which all players move; None where they step differently, or not by gradient alone."""
    optimizers = list({id(o): o for o in play.players_optimizers.values()}.values())
    if play.game.responders or not all(type(o) is SGD for o in optimizers):
        return None
    numbers = {tuple(o.numbers().values()) for o in optimizers}
    first = optimizers[0]
    return first if len(numbers) == 1 and isinstance(first, SGD) and first.lr > 0 else None


def round_radius(rule: Rule, descent: SGD, places: Tensor) -> Tensor:
    r"""The spectral radius of one round on a linear game, what rule and momentum remember included.

    .. math:: v(z) = -\frac{\lambda}{h}\, z, \quad \lambda \in \mathbb{C}

    Without memory the radius is |R(lambda)| with the rule's stability polynomial R: 1 + lambda for simultaneous
    descent, 1 + lambda + lambda^2 for extragradient.

    Args:
        rule: one that acts on each eigenvalue by itself.
        descent: how players step; h is its step.
        places: the eigenvalues of the step h (-Dv), any shape, complex.

    Returns:
        The radius at each place, in the same shape.
    """
    flat = places.reshape(-1).to(torch.complex128)
    game = _Rotations(-flat / descent.lr)
    play = FunctionalPlay(game, rule, {name: descent for name in game.players})
    start = play.start()
    turns = [Draw(0, ("stability", index), 1) for index in range(rule.turns(play.field))]
    leaves, shape = tree_flatten(start[:3])
    columns = []
    for moved in range(len(leaves)):  # a round is linear: its matrix is what it does to each unit vector
        unit = [torch.full_like(leaf, float(index == moved)) for index, leaf in enumerate(leaves)]
        point, memory, kept = tree_unflatten(unit, shape)
        after = play.round(State(point, memory, kept, start.buffers), turns)
        columns.append(torch.stack(tree_flatten(after[:3])[0], dim=-1))
    matrices = torch.stack(columns, dim=-1)  # (G, N, N)
    return torch.linalg.eigvals(matrices).abs().amax(-1).reshape(places.shape)


class _Rotations(Game):
    """Many linear games at once: two numbers each, whose field turns and pulls them as one complex number a + ib does.

    Args:
        values: a + ib of each, (G,).
    """

    needs_data = False

    def __init__(self, values: Tensor) -> None:
        super().__init__()
        self.a, self.b = values.real, values.imag
        self.first, self.second = _Numbers(len(values)), _Numbers(len(values))

    @property
    def players(self) -> dict[str, nn.Module]:
        return {"first": self.first, "second": self.second}

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        x, y = self.first.value, self.second.value
        own = {
            "first": lambda: (self.a * x**2 / 2 - self.b * x * y).sum(),
            "second": lambda: (self.a * y**2 / 2 + self.b * x * y).sum(),
        }
        return {name: {"linear": own[name]()} for name in names}


class _Numbers(nn.Module):
    """A number of each game."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(count, dtype=torch.float64))
