"""Free points under an infinitely wide critic: the exact move, the flow's monotone quantity, and the notes' numbers."""

import itertools
import math

import pytest
import torch
from torch.func import functional_call, grad, jacfwd, vmap

from pushforward import Draw, Look, UserError
from pushforward.field import Field
from pushforward.functional import FunctionalPlay
from pushforward.optimizers import SGD
from pushforward.rules import Simultaneous
from pushforward_lab.assignment import AssignmentDistance, half_squared_distance
from pushforward_lab.tangent_gan import TangentGAN
from pushforward_lab.tangent_kernels import ErfTangent, Rbf, ReluTangent, mmd_squared
from pushforward_lab.width_error import WidthError

TURN = Draw(0, (0, 0), 1)


def made(kernel, seed=0, **options):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return TangentGAN(kernel, **options)


def play(game, rounds, step=2.0, each=None):
    """Where the points are after so many rounds; `step` is that of one point, eta / m."""
    player = FunctionalPlay(game, Simultaneous(), {"generator": SGD(step * game.particles)})
    state = player.start()
    for _ in range(rounds):
        state = player.round(state, [TURN])
        if each is not None:
            each(state.point["generator.value"].detach())
    return state.point["generator.value"].detach()


@pytest.mark.parametrize("objective", ["ipm", "least-squares", "vanilla"])
def test_a_move_is_a_step_down_the_mean_loss_under_the_held_critic(objective):
    game = made(ReluTangent(), objective=objective, particles=9, points=6)
    fake = game.generator.value.detach().clone().requires_grad_()
    f = game.critic(fake.detach())(fake)
    loss = {"ipm": -f, "least-squares": f.square(), "vanilla": torch.nn.functional.softplus(-f)}[objective].mean()
    (slope,) = torch.autograd.grad(loss, fake)
    cost = game.costs(("generator",), TURN)["generator"][objective]
    assert float(cost.detach()) == pytest.approx(float(loss.detach()), rel=1e-12)
    assert torch.allclose(play(game, 1, step=0.7), (fake - 0.7 * 9 * slope).detach(), atol=1e-12)


@pytest.mark.parametrize("objective", ["ipm", "least-squares", "vanilla"])
@pytest.mark.parametrize("kernel", [Rbf(), ReluTangent()], ids=["rbf", "relu"])
def test_the_field_can_be_differentiated_with_the_critic_following_the_points(kernel, objective):
    game, step = made(kernel, objective=objective, particles=5, points=7), 1e-5

    def field(value):
        return grad(
            lambda v: functional_call(game, {"generator.value": v}, (("generator",), TURN))["generator"][objective]
        )(value)

    at = game.generator.value.detach()
    jacobian = jacfwd(field)(at)
    for i in range(5):
        for j in range(2):
            shift = torch.zeros_like(at)
            shift[i, j] = step
            difference = (field(at + shift) - field(at - shift)) / (2 * step)
            # at its own point a kink has no second derivative and its own term is left out
            others = torch.arange(5) != i if isinstance(kernel, ReluTangent) else torch.arange(5) >= 0
            assert torch.allclose(jacobian[others, :, i, j], difference[others], atol=1e-7)
    graph = Field(game, create_graph=True)
    graph.deal([TURN])
    direction = graph(draw=0).gradients["generator.value"]
    (row,) = torch.autograd.grad(direction[2, 1], graph.live["generator.value"])
    assert torch.allclose(row, jacobian[2, 1], atol=1e-10)


def test_many_games_at_once_are_the_games_one_by_one():
    game = made(ReluTangent(), particles=5, points=5)
    starts = torch.randn(3, 5, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    times = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)

    def field(value, time):
        game.time = time

        def cost(v):
            return functional_call(game, {"generator.value": v}, (("generator",), TURN))["generator"]["ipm"]

        return grad(cost)(value)

    together = vmap(field)(starts, times)
    for value, time, found in zip(starts, times, together, strict=True):
        assert torch.allclose(field(value, time), found, atol=1e-13)


def test_points_on_their_data_stay_there():
    for objective in ("ipm", "least-squares", "vanilla"):
        game = made(ReluTangent(), objective=objective, particles=16, points=16)
        with torch.no_grad():
            game.generator.value.copy_(game.real.flip(0))
        assert torch.allclose(play(game, 3), game.real.flip(0), atol=1e-12)
        assert torch.equal(game.equilibrium()["generator.value"], game.real.flip(0))


def test_mmd_never_rises_under_a_smooth_kernel():
    game, seen = made(Rbf(), particles=40, points=40), []
    play(game, 400, each=lambda x: seen.append(float(mmd_squared(game.kernel, x, game.real))))
    assert all(after <= before + 1e-15 for before, after in itertools.pairwise(seen))
    assert seen[-1] < seen[0] / 50


def test_mmd_falls_under_a_relu_kernel_while_points_travel_and_then_rises_by_no_more_than_their_chatter():
    game, seen = made(ReluTangent(), particles=40, points=40), []

    def look(x):
        seen.append((float(mmd_squared(game.kernel, x, game.real)), half_squared_distance(x, game.real)))

    play(game, 400, each=look)
    rises = [after - before for (before, _), (after, _) in itertools.pairwise(seen)]
    travelling = sum(distance > 0.5 for _, distance in seen)  # the mean point has a way of one to go
    assert travelling > 20 and max(rises[: travelling - 1]) < 0
    # n pairs of mass 1/n^2 each cross a kink, with a jump in slope of about 1/2, by a step / n times that
    assert 0 < max(rises) < 0.5**2 * 2.0 / 40**2


def test_a_relu_critic_with_bias_brings_points_home_and_a_smooth_one_does_not():
    # the floor law: W_2^2 / 2 ends at .28 (step / 2)^2 / n^2 within a factor of two
    finals = {}
    for name, kernel in (("relu", ReluTangent()), ("rbf", Rbf()), ("no bias", ReluTangent(bias=0.0))):
        game = made(kernel, particles=40, points=40)
        finals[name] = half_squared_distance(play(game, 800), game.real)
    floor = 0.28 / 40**2
    assert floor / 2 < finals["relu"] < 2 * floor
    assert finals["rbf"] > 100 * finals["relu"]
    assert finals["no bias"] > 0.2


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_notes_numbers_for_100_points_and_4000_rounds(seed):
    finals = {}
    for name, kernel in (("relu", ReluTangent()), ("rbf", Rbf()), ("no bias", ReluTangent(bias=0.0))):
        game = made(kernel, seed)
        finals[name] = half_squared_distance(play(game, 4000), game.real)
    assert 1.4e-5 < finals["relu"] < 5.6e-5
    assert finals["rbf"] > 100 * finals["relu"]
    assert finals["no bias"] > 0.2


@pytest.mark.slow
@pytest.mark.parametrize(("points", "step"), [(50, 2.0), (100, 0.5), (200, 2.0)])
def test_the_floor_falls_with_the_square_of_step_over_points(points, step):
    game = made(ReluTangent(), particles=points, points=points)
    final = half_squared_distance(play(game, 6000 if step < 1 else 3000, step), game.real)
    floor = 0.28 * (step / 2) ** 2 / points**2
    assert floor / 2 < final < 2 * floor


def test_equal_counts_put_as_many_points_on_each_gaussian_as_on_the_next():
    game = made(Rbf(), particles=3, points=83, spread=0.0)
    angles = torch.atan2(game.real[:, 1], game.real[:, 0]) / (math.pi / 4)
    counts = torch.bincount(angles.round().long() % 8, minlength=8).tolist()
    assert counts == [11, 11, 11, 10, 10, 10, 10, 10]
    assert torch.allclose(game.real.norm(dim=1), torch.full((83,), 5.0, dtype=torch.float64))


def test_samples_are_the_points_themselves_over_and_over():
    game = made(Rbf(), particles=3, points=4)
    assert torch.equal(game.sample(7, TURN), game.generator.value[[0, 1, 2, 0, 1, 2, 0]])


def test_half_the_squared_distance_of_shifted_points_is_half_the_squared_shift():
    x = torch.randn(30, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    shift = torch.tensor([0.3, -0.4], dtype=torch.float64)
    assert half_squared_distance(x, x.flip(0) + shift) == pytest.approx(0.5 * 0.25, rel=1e-12)
    # two points at -1 and 1 against one at 0 on a line: each is carried by 1
    pair, one = torch.tensor([[-1.0], [1.0]]).double(), torch.zeros(1, 1).double()
    assert half_squared_distance(pair, one) == 0.5


def test_assignment_distance_and_width_error_look_at_the_games_own_points():
    game = made(ReluTangent(depth=1), particles=12, points=12)
    look = Look(game, None, round=3)
    found = AssignmentDistance().measure(look)
    assert found["value"] == half_squared_distance(game.generator.value.detach(), game.real)
    assert found["standard_error"] == 0 and found["n"] == 12
    measure = WidthError((32, 256), seeds=4)
    first = measure.measure(look)
    assert first == measure.measure(look)
    assert -1 < first["value"] < 0 and first["error_256"] < first["error_32"]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: TangentGAN(Rbf(), time=0.0), "time"),
        (lambda: TangentGAN(Rbf(), objective="hinge"), "objective"),
        (lambda: TangentGAN(Rbf(), particles=0), "particles"),
        (lambda: TangentGAN(Rbf(), particles=2, start=[[0.0, 1.0]]), "2 pairs"),
        (lambda: TangentGAN(Rbf(), particles=1, start=[[0.0, math.inf]]), "finite"),
        (lambda: TangentGAN(ReluTangent(), objective="vanilla", time=1000.0), "steps 50"),
        (lambda: WidthError((64,)), "widths"),
        (lambda: AssignmentDistance(5000), "samples"),
        (lambda: WidthError().measure(Look(made(Rbf(), particles=2, points=2), None)), "relu-tangent"),
        (lambda: half_squared_distance(torch.zeros(99, 2), torch.zeros(100, 2)), "9900"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(make, says):
    with pytest.raises(UserError, match=says):
        make()


def test_a_sigmoid_kernel_hardly_moves_the_points():
    game = made(ErfTangent(), particles=40, points=40)
    before = half_squared_distance(game.generator.value.detach(), game.real)
    assert half_squared_distance(play(game, 300), game.real) > before / 2
