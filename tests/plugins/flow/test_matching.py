"""Flow matching regresses what its paths say: their derivatives, floors and pairs are known in closed form."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from pushforward import Batch, Draw, Look, Target, UserError, VelocityField
from pushforward.adapters import NetworkVelocity
from pushforward_flow.couplings import bridged_pairs, cheapest_pairs
from pushforward_flow.fields import TimedLinearField
from pushforward_flow.matching import FlowMatching
from pushforward_flow.matching_error import MatchingError
from pushforward_flow.paths import EDGE, on_path

DOUBLE = torch.float64


class Gaussian(VelocityField):
    """The best velocity between N(0, 1) and N(m, s^2) in independent pairs on straight paths."""

    def __init__(self, mean: float, scale: float) -> None:
        super().__init__()
        self.mean, self.scale = mean, scale

    def forward(self, t: Tensor | float, x: Tensor) -> Tensor:
        t = torch.as_tensor(t, dtype=x.dtype).reshape(-1, 1)
        slope = (t * self.scale**2 - (1 - t)) / ((1 - t) ** 2 + t**2 * self.scale**2)
        return self.mean + slope * (x - t * self.mean)


class TwoPoints(VelocityField):
    """The best velocity from N(0, 1) to the points -1 and 1 in equal shares."""

    def forward(self, t: Tensor | float, x: Tensor) -> Tensor:
        t = torch.as_tensor(t, dtype=x.dtype).reshape(-1, 1)
        return ((t * x / (1 - t) ** 2).tanh() - x) / (1 - t)


class Normal(Target):
    """N(m, s^2) on the line."""

    shape = (1,)

    def __init__(self, mean: float, scale: float) -> None:
        self.mean, self.scale = mean, scale

    def sample(self, n: int, draw: Draw) -> Batch:
        return Batch(self.mean + self.scale * draw.normal("x", 1))


def points(n: int, d: int = 2, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


def matching(game: FlowMatching, draw: Draw) -> Tensor:
    return game.costs(("velocity",), draw)["velocity"]["matching"]


@torch.no_grad()
def test_the_best_velocity_between_gaussians_carries_each_point_along_a_line() -> None:
    game = FlowMatching((1,), Gaussian(1.5, 0.4), tolerance=1e-9)
    x, log_det = game.flow.to_data(points(20, 1))
    assert (x - (1.5 + 0.4 * points(20, 1))).abs().max() < 1e-7
    assert (log_det - math.log(0.4)).abs().max() < 1e-7
    coarse = {}
    for solver in ("rk4", "euler"):
        flow = FlowMatching((1,), Gaussian(1.5, 0.4), solver=solver, steps=40).flow  # type: ignore[arg-type]
        coarse[solver] = float((flow.to_data(points(20, 1))[0] - x).abs().max())
    assert coarse["rk4"] < 1e-7 and 1e-3 < coarse["euler"] < 0.2


@torch.no_grad()
def test_samples_of_the_best_velocity_to_two_points_are_those_points() -> None:
    flow = FlowMatching((1,), TwoPoints(), tolerance=1e-7).flow
    x = flow.carry(points(200, 1), 0.0, 1 - 1e-4)
    assert (x.abs() - 1).abs().max() < 1e-3  # what is left is the noise, of width 1e-4
    assert torch.equal(x.sign(), points(200, 1).sign())


def test_the_cost_of_the_best_velocity_is_its_floor() -> None:
    n, mean, scale = 400_000, 1.5, 0.4
    draw = Draw(0, ("floor",), n, dtype=DOUBLE)
    cost = matching(FlowMatching((1,), Gaussian(mean, scale)), draw.with_data(mean + scale * draw.normal("data", 1)))
    # s pi / 2; the squared error is of one chi-squared a row, times a factor of time of second moment below 1
    assert abs(float(cost) - scale * math.pi / 2) < 4 * math.sqrt(3 / n)


def test_training_reaches_the_floor_and_no_less() -> None:
    # linear in x, so that only the polynomial in time stands between it and the floor of .62832
    torch.manual_seed(0)
    game, target = FlowMatching((1,), TimedLinearField((1,), order=10)), Normal(1.5, 0.4)
    optimizer = torch.optim.Adam(game.parameters(), lr=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 600)
    for i in range(600):
        draw = Draw(0, (i,), 512)
        optimizer.zero_grad()
        matching(game, draw.with_data(target.sample(512, draw).x)).backward()
        optimizer.step()
        schedule.step()
    floor = 0.4 * math.pi / 2
    found, least = (
        MatchingError(200_000, batch=200_000).measure(Look(player, target))
        for player in (game, FlowMatching((1,), Gaussian(1.5, 0.4)))
    )
    assert abs(least["value"] - floor) < 4 * least["standard_error"]
    assert -1e-3 < found["value"] - least["value"] < 0.01  # on the same rows; cross terms leave errors of 3e-4


def test_optimal_pairs_in_one_dimension_are_those_in_order_and_use_each_row_once() -> None:
    x, z = points(60, 1), points(60, 1, seed=1)
    chosen = cheapest_pairs(z, x)
    assert sorted(chosen.tolist()) == list(range(60))
    assert torch.equal(z[chosen].flatten().argsort(), x.flatten().argsort())


def test_optimal_pairs_bring_the_cost_of_a_shift_near_its_floor_of_zero() -> None:
    class Shift(VelocityField):
        def forward(self, t: Tensor | float, x: Tensor) -> Tensor:
            return torch.full_like(x, 2.0)

    draw = Draw(0, ("pairs",), 500, dtype=DOUBLE)
    data = draw.with_data(2 + draw.normal("data", 1))
    apart = float(matching(FlowMatching((1,), Shift()), data))
    paired = float(matching(FlowMatching((1,), Shift(), coupling="optimal-transport"), data))
    assert apart > 1.7  # the variance of a difference of two standard normal numbers is 2
    assert paired < 0.04


@pytest.mark.parametrize("sigma", [0.7, 1.5])
def test_pairs_of_a_bridge_have_the_covariance_of_the_entropic_plan(sigma: float) -> None:
    # the joint law is normal with an off-diagonal precision of -1 / sigma^2: c^2 + sigma^2 c - s^2 = 0
    n, scale = 1200, 0.6
    z, x = points(n, 1), scale * points(n, 1, seed=1)
    chosen = bridged_pairs(z, x, sigma, torch.rand(n, generator=torch.Generator().manual_seed(2), dtype=DOUBLE))
    covariance = float((z[chosen] * x).mean())
    expected = (math.sqrt(sigma**4 + 4 * scale**2) - sigma**2) / 2
    assert abs(covariance - expected) < 4 * math.sqrt((scale**2 + expected**2) / n)
    assert abs(float(z[chosen].var()) - float(z.var())) < 4 * math.sqrt(2 / n)  # noise keeps its law


@pytest.mark.parametrize("path", ["straight", "variance-preserving", "bridge"])
def test_the_velocity_of_a_path_is_its_derivative_in_time(path: str) -> None:
    z, x, extra = points(5), points(5, seed=1), points(5, seed=2)
    t, step = torch.full((5,), 0.3, dtype=DOUBLE), 1e-5
    before, at, after = (on_path(path, z, x, t + s, extra, 0.5) for s in (-step, 0.0, step))  # type: ignore[arg-type]
    rate = (after.x - before.x) / (after.time - before.time)[:, None]
    assert (rate - at.velocity).abs().max() < 1e-8
    ends = [on_path(path, z, x, torch.full((5,), s, dtype=DOUBLE), extra, 0.0) for s in (0.0, 1.0)]  # type: ignore[arg-type]
    assert (ends[0].x - z).abs().max() < 4 * EDGE and (ends[1].x - x).abs().max() < 4 * EDGE


def test_the_marginal_laws_of_paths_are_those_of_their_names() -> None:
    n = 100_000
    z, x, extra = points(n, 1), points(n, 1, seed=1), points(n, 1, seed=2)
    t = torch.full((n,), 0.25, dtype=DOUBLE)
    expected = {
        "straight": 0.75**2 + 0.25**2 + 0.3**2,
        "variance-preserving": 1 + 0.3**2,  # of data of variance one, at every time
        "bridge": 0.75**2 + 0.25**2 + 0.3**2 * 0.25 * 0.75,
    }
    for path, variance in expected.items():
        found = float(on_path(path, z, x, t, extra, 0.3).x.var())  # type: ignore[arg-type]
        assert abs(found / variance - 1) < 4 * math.sqrt(2 / n) + (2 * EDGE if path == "bridge" else 0)


def test_the_velocity_of_a_bridge_is_that_of_a_brownian_one_given_the_point() -> None:
    # (1 - 2t) / (2t (1 - t)) (x_t - mean) + x - z, which a singularity at the ends must not spoil
    z, x, extra = points(9), points(9, seed=1), points(9, seed=2)
    for time in (0.0, 0.4, 1.0):
        point = on_path("bridge", z, x, torch.full((9,), time, dtype=DOUBLE), extra, 0.5)
        t = point.time[:, None]
        expected = (1 - 2 * t) / (2 * t * (1 - t)) * (point.x - (1 - t) * z - t * x) + x - z
        assert (point.velocity - expected).abs().max() < 1e-9


def test_labels_follow_their_data_whatever_noise_these_are_paired_with() -> None:
    class Told(VelocityField):
        """Remembers what it is told."""

        conditional = True

        def forward(self, t: Tensor | float, x: Tensor, condition: Tensor | None = None) -> Tensor:
            self.seen = t, x, condition
            return 0 * x

    labels = torch.arange(64) % 2
    data = 100.0 * labels[:, None] + points(64, 1)
    for coupling in ("independent", "optimal-transport", "entropic"):
        field = Told()
        game = FlowMatching((1,), field, classes=2, coupling=coupling, sigma=0.1)  # type: ignore[arg-type]
        matching(game, Draw(0, (coupling,), 64, dtype=DOUBLE).with_data(data, labels))
        time, x, told = field.seen
        assert isinstance(time, Tensor) and told is not None
        late = time > 0.5  # by then a point of class 1 is at 50 or more, one of class 0 below 5
        assert torch.equal((x[late, 0] > 20).long(), told[late])


def test_a_conditional_velocity_learns_classes_makes_them_and_knows_their_density() -> None:
    def linear(inputs: tuple[int, ...], outputs: tuple[int, ...]) -> nn.Module:
        return nn.Sequential(nn.Linear(*inputs, 32), nn.SiLU(), nn.Linear(32, *outputs))

    torch.manual_seed(0)
    game = FlowMatching((1,), NetworkVelocity(linear, (1,), classes=2, conditional=True), classes=2)
    labels, optimizer = torch.arange(256) % 2, torch.optim.Adam(game.parameters(), lr=0.01)
    for i in range(500):
        draw = Draw(0, (i,), 256)
        data = 4.0 * labels[:, None] - 2 + 0.5 * draw.normal("data", 1)
        optimizer.zero_grad()
        matching(game, draw.with_data(data, labels)).backward()
        optimizer.step()
    with torch.no_grad():
        asked = game.sample(400, Draw(1, (), 400), torch.ones(400, dtype=torch.int64))
        in_turn = game.sample(400, Draw(1, (), 400))
        x = torch.tensor([[-2.0], [2.0]])
        each = [game.log_density(x, torch.full((2,), k)) for k in (0, 1)]
        assert (game.log_density(x) - (torch.stack(each).logsumexp(0) - math.log(2))).abs().max() < 1e-5
    assert abs(float(asked.mean()) - 2) < 0.2 and float(asked.min()) > -1
    assert float(in_turn[::2].max()) < 1 and float(in_turn[1::2].min()) > -1
    assert float(each[0][0] - each[1][0]) > 5 and float(each[1][1] - each[0][1]) > 5
    with pytest.raises(UserError, match="the data have no labels"):
        matching(game, Draw(0, (), 4).with_data(torch.zeros(4, 1)))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UserError, match=r"sigma is 0.0: expected above 0 for a bridge"):
        FlowMatching((1,), Gaussian(0.0, 1.0), path="bridge")
    with pytest.raises(UserError, match=r"sigma is -1: expected above 0 for a bridge"):
        FlowMatching((1,), Gaussian(0.0, 1.0), coupling="entropic", sigma=-1)
    with pytest.raises(UserError, match=r"sigma is nan: expected at least 0"):
        FlowMatching((1,), Gaussian(0.0, 1.0), sigma=math.nan)
    part = Draw(0, (), 8).parts(2)[0].with_data(torch.zeros(4, 1))
    with pytest.raises(UserError, match="optimal-transport pairs whole batches"):
        matching(FlowMatching((1,), Gaussian(0.0, 1.0), coupling="optimal-transport"), part)
    with pytest.raises(UserError, match="is not conditional: leave the condition out"):
        FlowMatching((1,), Gaussian(0.0, 1.0)).sample(2, Draw(0, (), 2), torch.zeros(2, dtype=torch.int64))
