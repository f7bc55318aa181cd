"""Learning-rate control against exact line search, and against plain descent at the same largest step."""

import pytest
import torch
from torch import nn

from pushforward import Draw, Game
from pushforward.controlled import ControlledDescent
from pushforward.field import Field
from pushforward.functional import FunctionalPlay
from pushforward.optimizers import SGD
from pushforward.play import Play
from pushforward.problem import UserError
from pushforward.rules import Simultaneous


class Valley(Game):
    """One player in two tensors: half the sum of curvature times square, plus noise by the sample where asked."""

    def __init__(self, bends=(1.0, 100.0), start=(1.0, 1.0), noise=0.0):
        super().__init__()
        self.walker = nn.ParameterList([nn.Parameter(torch.tensor([x], dtype=torch.float64)) for x in start])
        self.bends, self.noise = bends, noise

    @property
    def players(self):
        return {"walker": self.walker}

    def costs(self, names, draw):
        shaken = [p + self.noise * draw.normal(f"noise-{i}").double() for i, p in enumerate(self.walker)]
        costs = [0.5 * bend * x.square().mean() for bend, x in zip(self.bends, shaken, strict=True)]
        return {"walker": {"cost": sum(costs)}}


def play(game, optimizer, rounds, n=1):
    """The trajectory, (rounds + 1, 2)."""
    played = FunctionalPlay(game, Simultaneous(), {"walker": optimizer})
    state, seen = played.start(), []
    for k in range(rounds + 1):
        seen.append(torch.cat(list(state.point.values())))
        state = played.round(state, [Draw(0, (k, 0), n)])
    return torch.stack(seen)


def cost(path, bends):
    return 0.5 * (path.square() * torch.tensor(bends)).sum(1)


def test_on_a_parabola_the_step_is_the_exact_line_search():
    bends = (2.0, 30.0)
    path = play(Valley(bends), ControlledDescent(lr=1e-3, largest=1e6, each="player"), 1)
    g = path[0] * torch.tensor(bends)
    step = (g @ g) / (g @ (torch.tensor(bends) * g))
    torch.testing.assert_close(path[1], path[0] - step * g, rtol=1e-12, atol=1e-12)


def test_each_tensor_by_itself_reaches_the_bottom_of_a_parabola_in_one_step():
    path = play(Valley((2.0, 30.0)), ControlledDescent(lr=1e-3, largest=1e6), 1)
    torch.testing.assert_close(path[1], torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-12)


def test_the_cost_falls_in_every_round_where_plain_descent_explodes():
    bends, limit = (1.0, 100.0), 2 / 100.0
    controlled = cost(
        play(Valley(bends), ControlledDescent(lr=0.9 * limit / 5, largest=5.0, each="player"), 200), bends
    )
    assert bool((controlled.diff() < 0).all())
    exploding = cost(play(Valley(bends), SGD(1.05 * limit), 200), bends)
    assert exploding[-1] > 1e10 * exploding[0]


def test_where_the_cost_bends_downwards_the_step_is_the_largest():
    path = play(Valley((-1.0, -3.0)), ControlledDescent(lr=0.01, largest=5.0), 1)
    torch.testing.assert_close(path[1] / path[0], torch.tensor([1.05, 1.15], dtype=torch.float64))


def test_at_the_same_largest_step_control_beats_descent_where_curvatures_differ():
    """diag(1, 100): descent at the step that the flat direction wants explodes in the steep one."""
    bends, largest = (1.0, 100.0), 0.5
    controlled = cost(play(Valley(bends), ControlledDescent(lr=0.1, largest=5.0), 20), bends)
    plain = cost(play(Valley(bends), SGD(largest), 20), bends)
    assert controlled[-1] < 1e-9 and plain[-1] > 1e9


def test_at_the_same_largest_step_control_is_descent_where_curvature_never_binds():
    bends = (1.0, 1.5)
    controlled = play(Valley(bends), ControlledDescent(lr=0.01, largest=5.0), 50)
    plain = play(Valley(bends), SGD(0.05), 50)
    torch.testing.assert_close(controlled, plain, rtol=1e-12, atol=1e-15)


def test_noise_makes_the_step_smaller_by_its_share_in_the_curvature():
    """g = b (x + mean of noise): the mean gradient has the variance b^2 s^2 / n, and H = b."""
    game, n = Valley((2.0, 2.0), noise=0.5), 4096
    optimizer = ControlledDescent(lr=1e-3, largest=1e6, noise=16)
    field = Field(game)
    field.curved = {"walker": optimizer.curvature}
    field.deal([Draw(0, (0, 0), n)])
    direction = field()
    for key, g in direction.gradients.items():
        expected = 2.0 * (g @ g) + 2.0 * (2.0 * 0.5) ** 2 / n
        assert direction.curvature[key].item() == pytest.approx(expected.item(), rel=2e-4)
        # 15 degrees of freedom see the noise term itself to a third of its size
        noise = direction.curvature[key] - 2.0 * (g @ g)
        assert noise.item() == pytest.approx(2.0 * (2.0 * 0.5) ** 2 / n, rel=1.0)
        assert noise.item() > 0


@pytest.mark.parametrize("noise", [1, 4])
def test_control_is_the_same_in_place_and_as_a_function(noise):
    def optimizer():
        return ControlledDescent(0.01, noise=noise)

    played = Play(Valley(noise=0.1), Simultaneous(), optimizer())
    played.configure_optimizers()
    pure = FunctionalPlay(Valley(noise=0.1), Simultaneous(), {"walker": optimizer()})
    state = pure.start()
    for k in range(5):
        turns = [Draw(0, (k, 0), 64)]
        played.training_step(turns, 0)
        state = pure.round(state, turns)
    for name, value in played.field.live.items():
        torch.testing.assert_close(state.point[name], value.detach(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("numbers", [{"lr": 0.0}, {"largest": 0.0}, {"noise": 0}])
def test_numbers_that_control_nothing_are_refused(numbers):
    with pytest.raises(UserError, match="expected both above 0"):
        ControlledDescent(**numbers)
