"""L-BFGS: few iterations where descent takes thousands, also along the edge of what is allowed; bit for bit resumed."""

import math

import pytest
import torch
from torch import nn

from pushforward import Draw, Game
from pushforward.functional import FunctionalPlay
from pushforward.ledger import NonFinite
from pushforward.optimizers import SGD
from pushforward.play import Play
from pushforward.problem import RunFailed, UserError
from pushforward.projections import Ball, Box
from pushforward.round_map import linearised_round
from pushforward.rules import LBFGS
from pushforward.testing.modules import through_a_file


class Alone(Game):
    """One player of two tensors, who descends a function of all its numbers."""

    needs_data = False

    def __init__(self, function, start):
        super().__init__()
        self.function, self.asked = function, 0
        self.one = nn.ParameterList([torch.tensor([x], dtype=torch.float64) for x in start])

    @property
    def players(self):
        return {"one": self.one}

    def costs(self, names, draw):
        self.asked += 1
        return {name: {"cost": self.function(torch.cat(list(self.one)))} for name in names}

    def now(self):
        return torch.cat([p.detach() for p in self.one])


def rosenbrock(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def played(game, rounds, rule=None, **options):
    play = Play(game, rule or LBFGS(), SGD(0.1), **options)
    play.configure_optimizers()
    go_on(play, rounds)
    return play


def go_on(play, rounds):
    for _ in range(rounds):
        play.training_step([Draw(0, (play.played, i), 4) for i in range(play.turns)], 0)


def test_the_valley_of_rosenbrock_takes_sixty_evaluations():
    game = Alone(rosenbrock, [-1.2, 1.0])
    played(game, 2)
    assert game.asked < 60  # torch.optim.LBFGS takes 45
    torch.testing.assert_close(game.now(), torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-8)


def test_a_badly_scaled_bowl_is_solved_as_by_newton():
    scales = torch.logspace(0, 4, 12, dtype=torch.float64)
    game = Alone(lambda x: (scales * (x - 1) ** 2).sum(), [0.0] * 12)
    played(game, 5)
    torch.testing.assert_close(game.now(), torch.ones(12, dtype=torch.float64), rtol=0, atol=1e-9)


@pytest.mark.parametrize("rounds", [1, 4])
def test_no_round_raises_the_cost(rounds):
    game = Alone(lambda x: (x.cos() + 0.01 * x**2).sum() + x.prod().tanh(), [0.3, -2.0, 5.0])
    costs = []
    for _ in range(rounds):
        costs.append(float(game.function(game.now())))
        played(game, 1, LBFGS(iterations=1))
    assert costs == sorted(costs, reverse=True)


def test_the_nearest_point_of_a_ball_is_found_along_its_edge():
    """All numbers of one tensor, so that the ball holds them together."""
    wanted = torch.tensor([3.0, 4.0, 12.0], dtype=torch.float64)
    scales = torch.tensor([1.0, 10.0, 100.0], dtype=torch.float64)

    class One(Alone):
        def __init__(self):
            super().__init__(lambda x: (scales * (x - wanted) ** 2).sum(), [0.0])
            self.one = nn.ParameterList([torch.zeros(3, dtype=torch.float64)])

    game = One()
    played(game, 4, project=Ball(1.0))
    x = game.now()
    assert x.norm().item() == pytest.approx(1.0)
    pull = scales * (x - wanted)  # at the constrained minimum it points straight out
    torch.testing.assert_close(pull / pull.norm(), -x, rtol=0, atol=1e-6)


def test_a_wall_of_no_number_is_not_crossed():
    game = Alone(lambda x: (x - (1 - x).log() / 9 - 2 * x).sum(), [0.0, 0.5])
    played(game, 2)
    torch.testing.assert_close(game.now(), torch.full((2,), 8 / 9, dtype=torch.float64), rtol=0, atol=1e-6)


def test_in_place_and_as_a_pure_function_it_is_the_same_with_projections():
    game, other = (Alone(rosenbrock, [-1.2, 1.0]) for _ in range(2))
    rule = LBFGS(iterations=3, memory=4)
    play = Play(game, rule, SGD(0.1), project=Box(-1.5, 0.5))
    play.configure_optimizers()
    pure = FunctionalPlay(other, rule, {"one": SGD(0.1)}, project={"one": Box(-1.5, 0.5)})
    state = pure.start()
    for k in range(6):
        turns = [Draw(0, (k, 0), 4)]
        play.training_step(turns, 0)
        state = pure.round(state, turns)
    for key, live in play.field.live.items():
        torch.testing.assert_close(state.point[key], live.detach(), rtol=0, atol=1e-12)
    for key, value in play.state.rule.items():
        torch.testing.assert_close(state.rule[key], value, rtol=0, atol=1e-12)
    assert game.now().tolist() == pytest.approx([0.5, 0.25])  # at the edge, in the middle of the valley


def test_a_start_at_the_edge_is_left_along_it():
    game = Alone(lambda x: 1e4 * (x[0] - 5) ** 2 + (x[1] - 0.3) ** 2, [1.0, 1.0])
    played(game, 1, project=Box(0.0, 1.0))
    torch.testing.assert_close(game.now(), torch.tensor([1.0, 0.3], dtype=torch.float64), rtol=0, atol=1e-9)


def test_a_resumed_run_goes_on_to_the_same_bits():
    whole = played(Alone(rosenbrock, [-1.2, 1.0]), 3, LBFGS(iterations=3, memory=3))
    saved = through_a_file(whole.checkpoint())
    again = Play(Alone(rosenbrock, [7.0, 7.0]), LBFGS(iterations=3, memory=3), SGD(0.1))
    again.restore(saved)
    again.configure_optimizers()
    again.give_back()
    for play in (whole, again):
        go_on(play, 3)
    assert torch.equal(whole.game.now(), again.game.now())


class Apart(Game):
    """Two players, each with a bowl of its own."""

    def __init__(self):
        super().__init__()
        self.a, self.b = (nn.ParameterList([torch.tensor([5.0, -3.0], dtype=torch.float64)]) for _ in range(2))

    @property
    def players(self):
        return {"a": self.a, "b": self.b}

    def costs(self, names, draw):
        scales = {"a": torch.tensor([1.0, 30.0]), "b": torch.tensor([100.0, 3.0])}
        return {name: {"bowl": (scales[name] * self.players[name][0] ** 2).sum()} for name in names}


def test_each_player_descends_its_own_cost():
    game = Apart()
    play = played(game, 2)
    assert max(float(p.detach().abs().max()) for p in game.parameters()) < 1e-8
    assert play.turns == 2
    assert set(play.ledger.report()) == {"cost/a/bowl", "gradient-norm/a", "cost/b/bowl", "gradient-norm/b"}


def test_at_a_minimum_it_stays():
    game = Alone(rosenbrock, [1.0, 1.0])
    played(game, 2)
    assert game.now().tolist() == [1.0, 1.0]


def test_a_cost_that_is_no_number_stops_the_run_by_name():
    with pytest.raises(NonFinite, match="round 1: cost term 'cost' of player 'one' is nan"):
        played(Alone(lambda x: (x * math.nan).sum(), [1.0]), 1)


def test_what_makes_no_sense_with_it_is_refused():
    with pytest.raises(UserError, match="0 iterations, memory 50"):
        LBFGS(iterations=0)
    with pytest.raises(UserError, match="leave `clip` out"):
        played(Alone(rosenbrock, [0.0, 0.0]), 1, clip=1.0)
    play = Play(Alone(rosenbrock, [0.0, 0.0]), LBFGS(), SGD(0.1)).functional(create_graph=True)
    with pytest.raises(RunFailed, match="no Jacobian"):
        linearised_round(play, play.start(), [Draw(0, (0, 0), 4)])
