"""The joint field of a game: every player's gradient at one point. Rules, spectra and verdicts read only this."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import functional_call

from pushforward.curvature import Curvature, curvatures
from pushforward.game import OBSERVED, Costs, Game
from pushforward.linear import Linear, Point
from pushforward.problem import RunFailed, UserError, did_you_mean
from pushforward.projections import Confined, Projection
from pushforward.randomness import Draw


@dataclass(frozen=True)
class Direction:
    """The gradients of some players at one point.

    Args:
        names: the players.
        gradients: by parameter, of each player's own cost in its own parameters.
        terms: what each player's cost is made of, detached.
        draw: the turn on which they were computed.
        curvature: of each parameter, for the players whose optimizer asked for it.
    """

    names: tuple[str, ...]
    gradients: Point
    terms: Costs
    draw: Draw
    curvature: Point = field(default_factory=dict)

    def along(self, gradients: Point) -> Direction:
        """The same players and terms with other gradients."""
        return replace(self, gradients=gradients)


class State(NamedTuple):
    """Everything a round changes: where the players are, and what optimizers, rule and game remember.

    Attributes:
        point: the players' parameters. Played in place they are the live ones: keep copies, not references.
        memory: what the optimizers remember, by parameter; empty where torch's optimizers keep it.
        rule: what the rule remembers.
        buffers: what the game remembers; empty where it is played in place.
    """

    point: Point
    memory: dict[str, Point]
    rule: Point
    buffers: Point


def ownership(game: Game) -> dict[str, dict[str, torch.nn.Parameter]]:
    """Which parameters each player owns, by their names in the game; a shared one belongs to the first player.

    Raises:
        UserError: if a player that moves by gradient owns nothing, or its parameters are not part of the game.
    """
    names = {id(p): name for name, p in game.named_parameters()}
    taken: set[int] = set()
    owned: dict[str, dict[str, torch.nn.Parameter]] = {}
    for player, module in game.players.items():
        own = [p for p in module.parameters() if id(p) not in taken and p.requires_grad]
        taken.update(id(p) for p in own)
        if not own and player not in game.responders:
            raise UserError(f"player {player!r} has no parameters to move")
        if any(id(p) not in names for p in own):
            raise UserError(f"player {player!r} owns parameters that are not in the game's modules")
        owned[player] = {names[id(p)]: p for p in own}
    return owned


class Field:
    """Ask for the gradients of players at a point; each ask without `draw` takes the round's next turn.

    Args:
        game: the game.
        accumulate: cut every turn into so many micro-batches and average: the same gradient for costs that are
            means over samples, in less memory.
        reduce: adds tensors up over processes, each weighted by the process's share of the turn: gradients and terms.
        create_graph: keep the gradients differentiable in the point.
        project: where parameters must stay, by player or team, beside what the game itself says.
    """

    def __init__(
        self,
        game: Game,
        accumulate: int = 1,
        reduce: Callable[[list[Tensor], float], list[Tensor]] | None = None,
        create_graph: bool = False,
        project: Mapping[str, Projection] | None = None,
    ) -> None:
        self.game, self.accumulate, self.reduce, self.create_graph = game, accumulate, reduce, create_graph
        self.own = ownership(game)
        self.players = tuple(self.own)
        self.live: Point = {name: p for own in self.own.values() for name, p in own.items()}
        self.present: Point = self.live  # where `at=None` asks; a pure executor moves it along
        self.buffers: Point = {}
        self.curved: dict[str, Curvature] = {}  # players whose directions carry their curvature, and how
        self.projections = self._projections({**game.projections, **(project or {})})
        for key, projection in self._confined().items():  # the last word, lest the module make no sense
            self.projections[key] = (*self.projections.get(key, ()), projection)
        self._turns: Sequence[Draw] = ()
        self._used = 0

    def deal(self, turns: Sequence[Draw]) -> None:
        """The turns of the coming round."""
        self._turns, self._used = turns, 0

    def group(self, name: str) -> tuple[str, ...]:
        """The players meant by a player's or a team's name."""
        return self.game.teams.get(name) or (name,)

    def project(self, point: Point) -> Point:
        """The point with every parameter where it must stay."""
        if not self.projections:
            return point
        return {key: self._projected(key, value) for key, value in point.items()}

    @torch.enable_grad()
    def __call__(
        self, names: Iterable[str] | None = None, at: Point | None = None, draw: int | None = None
    ) -> Direction:
        """The named players' gradients (all by default) at a point (the present one by default).

        Args:
            names: the players whose costs are computed; no other cost is.
            at: parameters by name; those left out stay where they are.
            draw: the number of one of this round's turns that was dealt before; None takes the next.
        """
        turn = self._turn(draw)
        names = tuple(names) if names is not None else self.players
        if self.curved and not self.curved.keys().isdisjoint(names):
            return self._curved(names, at, turn)
        at = self.present if at is None else at
        return self._direct(names, None if at is self.live else {**self.present, **at}, turn, self.create_graph)

    @torch.enable_grad()
    def linearise(
        self, names: Iterable[str] | None = None, at: Point | None = None, draw: int | None = None
    ) -> tuple[Direction, Linear]:
        """The named players' gradients at a point, and their Jacobian in all parameters for as many products as wanted.

        Its rows are the named players' parameters, its columns everyone's. Arguments as in `__call__`.
        """
        names = tuple(names) if names is not None else self.players
        return self._linearised(names, at, self._turn(draw))

    def _linearised(self, names: tuple[str, ...], at: Point | None, turn: Draw) -> tuple[Direction, Linear]:
        point = {**self.live, **self.present, **(at or {})}
        if not self.create_graph:
            point = {key: value.detach().requires_grad_() for key, value in point.items()}
        direction = self._direct(names, point, turn, create_graph=True)
        share = turn.n / turn.total
        whole_of = self.reduce
        reduce = None if whole_of is None else (lambda values: whole_of(values, share))
        linear = Linear(point, direction.gradients, self.create_graph, reduce)
        if not self.create_graph:
            values, terms = {key: g.detach() for key, g in direction.gradients.items()}, direction.terms
            if self.reduce is not None:
                whole, terms = _reduced(self.reduce, list(values.values()), terms, share)
                values = dict(zip(values, whole, strict=True))
            direction = replace(direction, gradients=values, terms=terms)
        return direction, linear

    def _curved(self, names: tuple[str, ...], at: Point | None, turn: Draw) -> Direction:
        direction, linear = self._linearised(names, at, turn)
        parts = {how.parts for name, how in self.curved.items() if name in names and how.parts > 1}
        noisy = {count: [self._direct(names, {**self.present, **(at or {})}, part, False).gradients
                         for part in turn.parts(count)] for count in parts}  # fmt: skip
        found: Point = {}
        for name in names:
            if name in self.curved:
                how = self.curved[name]
                found |= curvatures(how, list(self.own[name]), direction.gradients, linear, noisy.get(how.parts, []))
        return replace(direction, curvature=found)

    def _direct(self, names: tuple[str, ...], at: Point | None, turn: Draw, create_graph: bool) -> Direction:
        """The gradients, added up over micro-batches, and over processes where they need not stay differentiable."""
        asked = tuple(name for name in names if name not in self.game.responders)
        if not asked:
            return Direction(names, {}, {}, turn)
        gradients: list[Tensor] = []
        terms: Costs = {}
        for part in turn.parts(self.accumulate):
            share = part.n / turn.n if turn.n else 1.0
            found, costs = self._gradients(asked, part, at, create_graph)
            if share == 1.0:
                gradients, terms = found, costs
                break
            gradients = (
                [g * share for g in found]
                if not gradients
                else [a + g * share for a, g in zip(gradients, found, strict=True)]
            )
            terms = _add(terms, costs, share)
        if self.reduce is not None and not create_graph:
            gradients, terms = _reduced(self.reduce, gradients, terms, turn.n / turn.total)
        keys = [key for name in asked for key in self.own[name]]
        return Direction(names, dict(zip(keys, gradients, strict=True)), terms, turn)

    def _gradients(
        self, names: tuple[str, ...], part: Draw, at: Point | None, create_graph: bool
    ) -> tuple[list[Tensor], Costs]:
        if at is None and not self.buffers:
            point: Point = self.live
            costs = self.game(names, part)
        else:
            point = {**self.live, **(at or {})}
            if not create_graph:
                point = {key: value.detach().requires_grad_() for key, value in point.items()}
            costs = functional_call(self.game, {**point, **self.buffers}, (names, part))
        gradients: list[Tensor] = []
        for name in names:
            total = total_cost(name, costs)
            wanted = [point[key] for key in self.own[name]]
            found = (
                torch.autograd.grad(
                    total,
                    wanted,
                    retain_graph=name != names[-1] or create_graph,
                    create_graph=create_graph,
                    allow_unused=True,
                )
                if total.requires_grad
                else (None,) * len(wanted)
            )
            if all(g is None for g in found):
                raise RunFailed(f"the cost of player {name!r} does not depend on its parameters: nothing to follow")
            gradients += [torch.zeros_like(p) if g is None else g for g, p in zip(found, wanted, strict=True)]
        return gradients, {n: {term: v.detach() for term, v in costs[n].items()} for n in names}

    def _turn(self, draw: int | None) -> Draw:
        if draw is not None:
            return self._turns[draw]
        if self._used >= len(self._turns):
            raise RunFailed(f"the rule asked for more than the {len(self._turns)} turns it declared for a round")
        self._used += 1
        return self._turns[self._used - 1]

    def _projected(self, key: str, value: Tensor) -> Tensor:
        for projection in self.projections.get(key, ()):
            value = projection(value)
        return value

    def _confined(self) -> dict[str, Projection]:
        """Where modules say that their own parameters must stay."""
        names = {id(p): key for key, p in self.live.items()}
        found: dict[str, Projection] = {}
        for part in self.game.modules():
            if isinstance(part, Confined) and part.projection is not None:
                own = [names[id(p)] for p in part.parameters(recurse=False) if id(p) in names]
                found |= dict.fromkeys(own, part.projection)
        return found

    def _projections(self, by_name: Mapping[str, Projection]) -> dict[str, tuple[Projection, ...]]:
        found: dict[str, tuple[Projection, ...]] = {}
        for name, projection in by_name.items():
            for player in self.group(name):
                if player not in self.own:
                    known = [*self.players, *self.game.teams]
                    raise UserError(
                        f"project: {player!r} is no player of this game ({', '.join(known)})"
                        f"{did_you_mean(player, known)}"
                    )
                found |= dict.fromkeys(self.own[player], (projection,))
        return found


def _reduced(
    reduce: Callable[[list[Tensor], float], list[Tensor]], gradients: list[Tensor], terms: Costs, share: float
) -> tuple[list[Tensor], Costs]:
    """Gradients and terms of the whole turn, in one message."""
    flat = [value for own in terms.values() for value in own.values()]
    whole = reduce([*gradients, *flat], share)
    values = iter(whole[len(gradients) :])
    return whole[: len(gradients)], {name: {term: next(values) for term in own} for name, own in terms.items()}


def total_cost(name: str, costs: Costs) -> Tensor:
    """A player's terms, added up."""
    terms = costs.get(name)
    if not terms:
        raise RunFailed(f"the game gave no cost for player {name!r}")
    for term, value in terms.items():
        if value.ndim:
            raise RunFailed(f"cost {name}/{term} has shape {tuple(value.shape)}: expected one number")
    values = [value for term, value in terms.items() if not term.startswith(OBSERVED)]
    if not values:
        raise RunFailed(f"the game gave no cost for player {name!r}")
    return values[0] if len(values) == 1 else torch.stack(values).sum()


def _add(terms: Costs, more: Costs, share: float) -> Costs:
    return {
        name: {term: terms.get(name, {}).get(term, 0) + value * share for term, value in own.items()}
        for name, own in more.items()
    }


def clipped(gradients: list[Tensor], largest: float | None, foreach: bool | None = None) -> tuple[list[Tensor], Tensor]:
    """A player's gradient, shortened to a norm of at most `largest`, and the norm that it had.

    `foreach` is torch's fused norm: None uses it where it is fast, False where `torch.func` goes through.
    """
    norm = total_norm(gradients, foreach)
    if largest is None:
        return gradients, norm
    scale = (largest / (norm + 1e-12)).clamp(max=1.0)
    return [gradient * scale for gradient in gradients], norm


def total_norm(gradients: list[Tensor], foreach: bool | None) -> Tensor:
    """Torch's norm of all of them together, which are not sorted by kind where they are of one."""
    if foreach is None and len({(g.dtype, g.device) for g in gradients}) == 1:
        return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    return torch.nn.utils.get_total_norm(gradients, foreach=foreach)
