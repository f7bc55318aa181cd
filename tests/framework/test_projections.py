"""Projections give the nearest allowed point, and no move leaves it."""

import pytest
import torch

from pushforward import Draw, Game
from pushforward.optimizers import SGD
from pushforward.play import Play
from pushforward.problem import UserError
from pushforward.projections import Ball, Box, Confined, Simplex
from pushforward.rules import KPV, Alternating, Extragradient, Lookahead, Optimistic, RungeKutta, Simultaneous


class Push(Game):
    """Two players who want to be far away."""

    teams = {"all": ("a", "b")}

    def __init__(self):
        super().__init__()
        self.a = torch.nn.ParameterList([torch.tensor([0.3, 0.3, 0.4], dtype=torch.float64)])
        self.b = torch.nn.ParameterList([torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)])

    @property
    def players(self):
        return {"a": self.a, "b": self.b}

    def costs(self, names, draw):
        away = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
        return {name: {"pull": (self.players[name][0] * away).sum()} for name in names}


RULES = [Simultaneous(), Alternating(), Extragradient(), Optimistic(), Lookahead(rounds=2), KPV(), RungeKutta()]


def rounds(game, rule, count, **options):
    play = Play(game, rule, SGD(0.1), **options)
    play.configure_optimizers()
    for k in range(count):
        play.training_step([Draw(0, (k, i), 1) for i in range(play.turns)], 0)
    return play


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_every_rule_stays_on_the_simplex_and_ends_at_its_best_corner(rule):
    game = Push()
    play = rounds(game, rule, 60, project=Simplex())
    assert game.a[0].detach().tolist() == pytest.approx([0.0, 1.0, 0.0], abs=1e-12)
    pure = play.functional()
    state = pure.start()
    for k in range(3):
        state = pure.round(state, [Draw(0, (k, i), 1) for i in range(play.turns)])
    for value in state.point.values():
        assert value.sum().item() == pytest.approx(1.0) and value.min() >= 0


def test_a_games_own_projection_holds_without_any_in_the_recipe():
    game = Push()
    game.projections = {"all": Box(-1.0, 1.0)}
    rounds(game, Simultaneous(), 40)
    assert game.a[0].detach().tolist() == [-1.0, 1.0, -1.0]


class Short(Confined):
    """A vector that is nowhere longer than 1, in whatever game."""

    projection = Ball(1.0)

    def __init__(self):
        super().__init__()
        self.vector = torch.nn.Parameter(torch.tensor([0.3, 0.3, 0.4], dtype=torch.float64))
        self.free = torch.nn.ParameterList([torch.tensor([5.0], dtype=torch.float64)])  # a part of its own


class Nested(Push):
    """A confined module among the parts of player a."""

    def __init__(self):
        super().__init__()
        self.a = torch.nn.ModuleList([Short()])

    def costs(self, names, draw):
        away = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
        costs = {"a": self.a[0].vector, "b": self.b[0]}
        return {name: {"pull": (costs[name] * away).sum() + self.a[0].free[0].sum()} for name in names}


@pytest.mark.parametrize(("project", "free"), [(None, -25.0), ({"a": Box(-9.0, 9.0)}, -9.0), (Box(-0.1, 0.1), -0.1)])
def test_a_module_stays_where_it_says_in_whatever_game_and_recipe(project, free):
    game = Nested()
    rounds(game, Simultaneous(), 300, project=project)
    end = torch.tensor([-1.0, 2.0, -0.5], dtype=torch.float64)
    end = end.sign() * 0.1 if isinstance(project, Box) else end / end.norm()
    torch.testing.assert_close(game.a[0].vector.detach(), end)
    assert game.a[0].free[0].item() == pytest.approx(free)


def test_a_recipe_may_hold_one_player_only():
    game = Push()
    rounds(game, Simultaneous(), 40, project={"b": Ball(1.0)})
    assert game.b[0].detach().norm().item() == pytest.approx(1.0)
    assert game.a[0].detach().norm().item() > 5


def test_a_player_that_is_not_there_cannot_be_held():
    with pytest.raises(UserError, match="'c' is no player of this game"):
        Play(Push(), project={"c": Box()})


def test_the_simplex_projection_is_the_nearest_point_of_a_fine_grid():
    value = torch.tensor([0.9, 0.4, -0.3], dtype=torch.float64)
    steps = torch.linspace(0, 1, 401, dtype=torch.float64)
    first, second = torch.meshgrid(steps, steps, indexing="ij")
    points = torch.stack([first, second, 1 - first - second], -1).reshape(-1, 3)
    points = points[points[:, 2] >= 0]
    nearest = points[(points - value).norm(dim=1).argmin()]
    torch.testing.assert_close(Simplex()(value), nearest, rtol=0, atol=1 / 400)


def test_projecting_twice_is_projecting_once():
    value = torch.randn(5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3
    for projection in (Box(-0.5, 0.5), Simplex(), Ball(2.0)):
        once = projection(value)
        torch.testing.assert_close(projection(once), once)


@pytest.mark.parametrize("make", [lambda: Box(1.0, 1.0), lambda: Ball(0.0)])
def test_what_holds_nothing_is_refused(make):
    with pytest.raises(UserError, match="expected"):
        make()


def test_a_single_number_has_no_simplex():
    with pytest.raises(UserError, match="project it to a box"):
        Simplex()(torch.tensor(0.3))
