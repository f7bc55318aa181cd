"""What models, rules, optimizers and schedules keep, so that any rule can play any game."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from pushforward.field import Field
from pushforward.functional import FunctionalPlay
from pushforward.game import Costs, Game
from pushforward.optimizers import SGD, Adam, Optimizer
from pushforward.play import Play
from pushforward.problem import UserError
from pushforward.randomness import Draw
from pushforward.registry import load
from pushforward.testing.modules import through_a_file
from pushforward.testing.subject import Subject, require

N = 8
EQUAL = 1e-12  # of a round in place and the same round as a pure function, in float64


def names_its_players(subject: Subject) -> None:
    """Players own their parameters; teams, averages and orders name players; nobody plays where the record says so"""
    game = subject.make()
    players = set(game.players)
    unplayed = "unplayed" in subject.component.traits
    require(bool(players) != unplayed, "nobody plays" if not players else f"{sorted(players)} play, and none should")
    Field(game)  # refuses a player without parameters
    for team, members in game.teams.items():
        require(set(members) <= players, f"team {team!r} names {set(members) - players}, who do not play")
    require(set(game.averaged) <= players, f"averaged names {set(game.averaged) - players}, who do not play")
    strange = set(game.order or ()) - players - set(game.teams)
    require(not strange, f"order names {strange}, who are no players or teams")


def asks_without_touching(subject: Subject) -> None:
    """Costs change nothing in the game, and are the same for the same draw"""
    game, draw = subject.make(), _turn(subject)
    before, state = _copy(game), torch.get_rng_state()
    first, second = game.costs(tuple(game.players), draw), game.costs(tuple(game.players), draw)
    require(_same(before, _copy(game)), "they changed parameters or buffers: only `remember` and `respond` may")
    require(all(p.grad is None for p in game.parameters()), "they left gradients behind")
    require(torch.equal(state, torch.get_rng_state()), "they moved torch's global generator: take the draw's numbers")
    for player, terms in first.items():
        for term, value in terms.items():
            require(torch.equal(value, second[player][term]), f"{player}/{term} differs from call to call")


def answers_what_is_asked(subject: Subject) -> None:
    """Costs are given for the named players alone, as single numbers that do not depend on who else is named"""
    game, draw = subject.make(), _turn(subject)
    everyone = game.costs(_movers(game), draw)
    for player in _movers(game):
        alone = game.costs((player,), draw)
        require(set(alone) == {player}, f"asked for {player}, it gave {sorted(alone)}")
        require(alone[player], f"{player} has no cost")
        for term, value in alone[player].items():
            require(value.ndim == 0, f"{player}/{term} has shape {tuple(value.shape)}: expected one number")
            off = abs(float((value - everyone[player][term]).detach()))
            require(
                off <= 1e-5 * (1 + abs(float(value.detach()))),
                f"{player}/{term} is off by {off:.3g} when all are asked",
            )


def leads_somewhere(subject: Subject) -> None:
    """Each player's cost depends on its own parameters"""
    game, draw = subject.make(), _turn(subject)
    field = Field(game)
    field.deal([draw])
    for player in _movers(game):
        own = field([player], draw=0).gradients  # refuses a cost without any gradient
        require(any(bool(g.any()) for g in own.values()), f"the gradient of {player}'s cost is zero everywhere")
        require(all(g.isfinite().all() for g in own.values()), f"the gradient of {player}'s cost is not finite")


def may_be_cut(subject: Subject) -> None:
    """The gradient of a batch is the mean of those of its halves, unless the record says `couples-samples`"""
    if {"couples-samples", "unplayed"} & set(subject.component.traits):
        return
    game, draw = subject.make(), _turn(subject)
    whole, halves = Field(game), Field(game, accumulate=2)
    for field in (whole, halves):
        field.deal([draw])
    a, b = whole(draw=0).gradients, halves(draw=0).gradients
    off = max(float((a[key] - b[key]).abs().max() / (1 + a[key].abs().max())) for key in a)
    require(off <= 1e-4, f"they differ by {off:.3g}")


def samples_as_it_says(subject: Subject) -> None:
    """Samples are (n, *shape) and log-densities (n,), the same for the same draw, where the record declares them"""
    game, other = subject.make(), subject.make(seed=1)
    draw = Draw(0, ("samples",), N)
    before = _copy(game)
    other.load_state_dict(through_a_file(game.state_dict()))
    if subject.gives("sample"):
        x = game.sample(N, draw).detach()
        require(x.shape == (N, *subject.shape), f"samples have shape {tuple(x.shape)}: expected {(N, *subject.shape)}")
        require(torch.equal(x, game.sample(N, draw).detach()), "two samples of one draw differ")
        require(
            torch.equal(x, other.sample(N, draw).detach()), "a checkpoint loaded into another game samples otherwise"
        )
    if subject.gives("log_density"):
        density = game.log_density(_turn(subject).x)
        require(density.shape == (N,), f"log-densities have shape {tuple(density.shape)}: expected ({N},)")
    require(_same(before, _copy(game)), "sampling changed the game")


def holds_what_it_says(subject: Subject) -> None:
    """What the record says that it holds is there, in its role"""
    game = subject.make()
    for role in subject.component.holds:
        require(role in subject.registry.kinds, f"{role!r} is no kind: known are {', '.join(subject.registry.kinds)}")
        try:
            part = game.held(role)
        except AttributeError as error:
            require(False, f"held({role!r}) fails: {error}")
        wanted = load(subject.registry.kinds[role].role)
        require(isinstance(part, wanted), f"held({role!r}) is a {type(part).__name__}, no {wanted.__name__}")


def plays_the_same_twice(subject: Subject) -> None:
    """A round in place and the same round as a pure function are equal to 1e-12, in float64"""
    rule = subject.make()
    for optimizer in (SGD(0.05, momentum=0.9), Adam(0.01, (0.0, 0.99))):
        pure = FunctionalPlay(Duel(), rule, dict.fromkeys(Duel().players, optimizer))
        play, state = Play(Duel(), rule, optimizer), pure.start()
        play.configure_optimizers()
        for k in range(4):
            dealt = [Draw(0, (k, i), N, dtype=torch.float64) for i in range(play.turns)]
            play.training_step(dealt, 0)
            state = pure.round(state, dealt)
        off = max(float((state.point[key] - live.detach()).abs().max()) for key, live in play.field.live.items())
        require(off <= EQUAL, f"with {type(optimizer).__name__} they differ by {off:.3g}")
        wrong = [key for key, value in state.rule.items() if not isinstance(value, Tensor)]
        require(not wrong, f"it remembers {', '.join(wrong)}, which are no tensors, so no checkpoint can keep them")


def steps_the_same_twice(subject: Subject) -> None:
    """An optimizer's step in place and its pure form are equal to 1e-12 in float64, also when its numbers move"""
    optimizer: Optimizer = subject.make()
    live = nn.Parameter(torch.linspace(-1, 2, 5, dtype=torch.float64))
    point = live.detach().clone()
    in_place = optimizer.in_place([live])
    try:
        memory = optimizer.start(point)
        optimizer.step(point, point, memory)
    except UserError:
        return  # it has no pure form, and the host says so where one is wanted
    for k in range(6):
        optimizer.lr = optimizer.lr * 0.9
        for group in in_place.param_groups:
            group.update(optimizer.numbers())
        live.grad = live.detach() - k
        point, memory = optimizer.step(point, point - k, memory)
        in_place.step()
        off = float((live.detach() - point).abs().max())
        require(off <= EQUAL, f"step {k + 1} differs by {off:.3g}")


def is_a_number_throughout(subject: Subject) -> None:
    """A schedule is a finite float for every t from 0 to 1"""
    schedule = subject.make()
    for i in range(101):
        value = schedule(i / 100)
        require(isinstance(value, float) and math.isfinite(value), f"at t = {i / 100} it is {value!r}")


MODEL = (
    names_its_players,
    asks_without_touching,
    answers_what_is_asked,
    leads_somewhere,
    may_be_cut,
    samples_as_it_says,
    holds_what_it_says,
)
RULE = (plays_the_same_twice,)
OPTIMIZER = (steps_the_same_twice,)
SCHEDULE = (is_a_number_throughout,)


class Duel(Game):
    """Two players of two numbers each, who want opposite things of the same noise."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = _Numbers(0.7, -0.4), _Numbers(-0.2, 0.5)

    @property
    def players(self) -> dict[str, nn.Module]:
        """The right one moves first."""
        return {"right": self.right, "left": self.left}

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """A bilinear form of both, with the noise of the draw, and a pull of each to the origin."""
        x = draw.normal("noise", 2)
        both = ((x + self.left.values) * self.right.values.tanh()).sum(1).mean()
        costs = {
            "left": {"form": both, "pull": 0.1 * self.left.values.square().sum()},
            "right": {"form": -both, "pull": 0.1 * self.right.values.square().sum()},
        }
        return {name: costs[name] for name in names}


class _Numbers(nn.Module):
    def __init__(self, *values: float) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.tensor(values, dtype=torch.float64))


def _movers(game: Game) -> tuple[str, ...]:
    return tuple(name for name in game.players if name not in game.responders)


def _turn(subject: Subject) -> Draw:
    draw = Draw(0, (0, 0), N)
    return draw.with_data(*subject.target().batch(draw))


def _copy(game: nn.Module) -> dict[str, Tensor]:
    tensors = [*game.named_parameters(), *game.named_buffers()]
    return {name: tensor.detach().clone() for name, tensor in tensors}


def _same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)
