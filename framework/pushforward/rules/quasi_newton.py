"""L-BFGS: descent that learns how a cost bends from the gradients it has seen, and searches along its directions."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward.field import Field, Point, State, total_cost
from pushforward.numerics.line_search import Probe, strong_wolfe
from pushforward.problem import RunFailed, UserError
from pushforward.rules.rule import Move, Rule

CURVED = 1e-10  # s y below this share of y y is noise, and no pair to remember
BESIDE = 1e-8  # how far beside an edge its sides are looked at, relative to the size of the point


class LBFGS(Rule):
    r"""Each player in turn descends its own cost by L-BFGS with a strong Wolfe line search.

    .. math:: d = -H\, \nabla c(\theta), \qquad \theta \leftarrow P(\theta + t\, d), \qquad
        H^{-1} s_i = y_i, \quad s_i = \theta_{i+1} - \theta_i, \quad y_i = \nabla c_{i+1} - \nabla c_i

    For smooth costs without noise and with one player: what descent takes thousands of steps for is done in a hundred.
    Where a player must stay somewhere, the cost that is searched is c(P(.)), the projection inside, and gradients go
    through it: along the edge of what is allowed no direction is wasted. All iterations of a round see one turn of
    data; between players that want different things nothing is promised.

    The rule finds its own steps: the optimizer does nothing, and `clip` is refused. Its round has no Jacobian, and
    copies of a game cannot be played by it at once.

    Reference: Liu, Nocedal, "On the Limited Memory BFGS Method for Large Scale Optimization", 1989, algorithm 2.1;
    Nocedal, Wright, "Numerical Optimization", 2nd edition, 2006, algorithm 7.4.

    Args:
        iterations: directions that are searched in one round.
        memory: how many pairs (s, y) are remembered.
        evaluations: how often the cost may be asked along one direction.

    Raises:
        UserError: if a number is below 1.
    """

    def __init__(self, iterations: int = 20, memory: int = 50, evaluations: int = 25) -> None:
        if min(iterations, memory, evaluations) < 1:
            raise UserError(
                f"rule l-bfgs: {iterations} iterations, memory {memory}, {evaluations} evaluations: expected at least 1"
            )
        self.iterations, self.memory, self.evaluations = iterations, memory, evaluations

    def turns(self, field: Field) -> int:
        """One for every player."""
        return len(field.players)

    def start(self, field: Field) -> Point:
        """No pairs yet: rows of zeros."""
        found: Point = {}
        for name in _movers(field):
            size = sum(field.live[key].numel() for key in field.own[name])
            like = field.live[next(iter(field.own[name]))]
            found |= {f"{what}/{name}": like.new_zeros((self.memory, size)) for what in ("steps", "bends")}
        return {key: value.detach() for key, value in found.items()}

    def round(self, field: Field, move: Move, state: State) -> State:
        """So many iterations for every player."""
        if field.create_graph:
            raise RunFailed("rule l-bfgs chooses its steps by what it finds, so its round has no Jacobian")
        for turn, name in enumerate(field.players):
            if name in field.game.responders:
                state = move(field([name], at=state.point), state)
                continue
            cost = _Cost(field, name, turn)
            here = cost.first(state.point)
            for _ in range(self.iterations):
                state, there = self._iteration(cost, here, move, state)
                if there is here:  # no direction lowers the cost: the next round tries the bare gradient
                    break
                here = there
        return state

    def _iteration(self, cost: _Cost, here: Probe, move: Move, state: State) -> tuple[State, Probe]:
        """One search along one direction; where nothing lowers the cost, `here` itself, and nothing is remembered."""
        place, gradient, direction = here.found
        steps, bends = state.rule[f"steps/{cost.name}"], state.rule[f"bends/{cost.name}"]
        fresh = not bool(steps.any())
        along = -_curved(gradient, steps, bends)
        slope = float(along @ gradient)
        there = here
        if slope < 0 and math.isfinite(slope):
            first = min(1.0, 1.0 / float(gradient.abs().sum())) if fresh else 1.0
            there = strong_wolfe(
                lambda step: cost.probe(place, along, step), here._replace(slope=slope), first, self.evaluations
            )
        if there.step > 0:
            s, y = there.found[0] - place, there.found[1] - gradient
            if float(s @ y) > CURVED * float(y @ y):
                steps, bends = torch.cat([steps[1:], s[None]]), torch.cat([bends[1:], y[None]])
        else:
            there, steps, bends = here, torch.zeros_like(steps), torch.zeros_like(bends)
        rule = {**state.rule, f"steps/{cost.name}": steps, f"bends/{cost.name}": bends}
        point = {**state.point, **cost.point(there.found[0])}
        state = move.place(direction, state._replace(point=point, rule=rule))
        return state, there if there is here else there._replace(step=0.0)


class _Cost:
    """A player's cost as a function of one vector: all its parameters, wherever they are, before they are projected."""

    def __init__(self, field: Field, name: str, turn: int) -> None:
        self.field, self.name, self.turn = field, name, turn
        self.own = field.own[name]

    def first(self, point: Point) -> Probe:
        """Where a round begins."""
        vector = torch.cat([point[key].detach().flatten() for key in self.own])
        return self._ask(vector, None, 0.0, None)

    def probe(self, place: Tensor, along: Tensor, step: float) -> Probe:
        """A step away, on the turn of the first."""
        return self._ask(place + step * along, along, step, self.turn)

    def point(self, vector: Tensor) -> Point:
        """The vector as parameters by name."""
        pieces = vector.split([p.numel() for p in self.own.values()])
        return {key: v.view_as(p).to(p.dtype) for (key, p), v in zip(self.own.items(), pieces, strict=True)}

    def _ask(self, vector: Tensor, along: Tensor | None, step: float, turn: int | None) -> Probe:
        """Cost and gradient; at an edge, the gradient of that side of it to which the cost falls."""
        direction = self.field([self.name], at=self.field.project(self.point(vector)), draw=turn)
        own = torch.cat([direction.gradients[key].flatten() for key in self.own]).to(vector.dtype)
        beside = BESIDE * (1 + float(vector.norm())) / max(float(own.norm()), 1e-300)
        gradient = self._through_projection(own, vector - beside * own)
        value = float(total_cost(self.name, direction.terms))
        slope = 0.0 if along is None else float(gradient @ along)
        return Probe(step, value, slope, (vector, gradient, direction))

    @torch.enable_grad()
    def _through_projection(self, gradient: Tensor, vector: Tensor) -> Tensor:
        """The gradient of what is projected as one of the vector."""
        if not self.field.projections:
            return gradient
        free = vector.detach().requires_grad_()
        allowed = torch.cat([value.flatten() for value in self.field.project(self.point(free)).values()])
        return torch.autograd.grad(allowed, free, gradient)[0]


def _curved(gradient: Tensor, steps: Tensor, bends: Tensor) -> Tensor:
    """H times a gradient, by two loops over the pairs that there are; the newest is the last."""
    products = (steps * bends).sum(1)
    kept = int((products > 0).sum())
    if not kept:
        return gradient
    pairs = list(zip(steps[-kept:], bends[-kept:], products[-kept:], strict=True))
    shares = []
    for s, y, product in reversed(pairs):
        shares.append((s @ gradient) / product)
        gradient = gradient - shares[-1] * y
    _, newest, product = pairs[-1]
    gradient = gradient * (product / (newest @ newest))
    for (s, y, product), share in zip(pairs, reversed(shares), strict=True):
        gradient = gradient + (share - (y @ gradient) / product) * s
    return gradient


def _movers(field: Field) -> list[str]:
    return [name for name in field.players if name not in field.game.responders]
