"""A continuous flow is what its velocity says: closed forms of linear fields, Gaussian paths, and mass one."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from pushforward import Draw, RunFailed, UserError, VelocityField
from pushforward_flow.continuous import ContinuousFlow
from pushforward_flow.couplings import cheapest_pairs
from pushforward_flow.matching import FlowMatching
from pushforward_flow.mean_flow import MeanFlow, MeanVelocity
from pushforward_flow.paths import EDGE, on_path

A = torch.tensor([[0.5, -1.0], [0.7, -0.2]], dtype=torch.float64)


class Linear(VelocityField):
    """b(x) = A x, with the divergence that autograd finds."""

    def __init__(self) -> None:
        super().__init__()
        self.matrix = nn.Parameter(A.clone())

    def forward(self, t: Tensor | float, x: Tensor) -> Tensor:
        return x @ self.matrix.T.to(x)


class Waves(VelocityField):
    """A smooth field of time and place."""

    def __init__(self, strength: float = 0.8) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.tensor(strength, dtype=torch.float64))

    def forward(self, t: Tensor | float, x: Tensor) -> Tensor:
        time = torch.as_tensor(t, dtype=x.dtype).reshape(-1, 1)
        return self.strength.to(x) * torch.cat([(x[:, 1:] + time).sin(), (2 * x[:, :1]).cos() * (1 - time)], 1)


class Gaussian(VelocityField):
    """The best velocity between N(0, 1) and N(m, s^2) in independent pairs on straight paths."""

    def __init__(self, mean: float, scale: float) -> None:
        super().__init__()
        self.mean, self.scale = mean, scale

    def forward(self, t: Tensor | float, x: Tensor) -> Tensor:
        t = torch.as_tensor(t, dtype=x.dtype).reshape(-1, 1)
        slope = (t * self.scale**2 - (1 - t)) / ((1 - t) ** 2 + t**2 * self.scale**2)
        return self.mean + slope * (x - t * self.mean)


def points(n: int, d: int = 2) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("solver", ["dormand-prince", "rk4"])
def test_a_linear_velocity_is_a_matrix_exponential_with_the_trace_as_log_determinant(solver: str) -> None:
    flow = ContinuousFlow((2,), Linear(), solver, steps=60, tolerance=1e-9)  # type: ignore[arg-type]
    x, log_det = flow.to_data(points(6))
    assert (x - points(6) @ torch.linalg.matrix_exp(A).T).abs().max() < 1e-7
    assert (log_det - A.trace()).abs().max() < 1e-7
    assert (flow.to_base(points(6))[1] + A.trace()).abs().max() < 1e-7


@torch.no_grad()
def test_there_and_back_is_within_ten_tolerances() -> None:
    flow = ContinuousFlow((2,), Waves(), tolerance=1e-7)
    x, there = flow.to_data(points(50))
    z, back = flow.to_base(x)
    assert (z - points(50)).abs().max() < 1e-6 and (there + back).abs().max() < 1e-6


def test_the_log_determinant_is_that_of_the_jacobian() -> None:
    flow = ContinuousFlow((2,), Waves(), tolerance=1e-7)
    _, claimed = flow.to_base(points(4))
    for row, log_det in zip(points(4), claimed, strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda y: flow.to_base(y[None])[0][0], row)
        assert abs(torch.linalg.slogdet(jacobian).logabsdet - log_det) < 1e-5


@torch.no_grad()
def test_the_density_has_mass_one() -> None:
    flow = ContinuousFlow((2,), Waves(), tolerance=1e-5)
    axis = torch.linspace(-7, 7, 121, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    assert abs(float(flow.log_density(grid).exp().sum()) * (14 / 120) ** 2 - 1) < 1e-3


@torch.no_grad()
@pytest.mark.parametrize("divergence", ["exact", "hutchinson"])
def test_the_density_of_a_row_does_not_depend_on_its_batch(divergence: str) -> None:
    flow = ContinuousFlow((2,), Waves(2.0), divergence=divergence)  # type: ignore[arg-type]
    x = torch.cat([points(5), 100 * points(3)])
    together = flow.log_density(x)
    alone = torch.cat([flow.log_density(row[None]) for row in x])
    assert torch.allclose(together, alone, rtol=1e-12, atol=1e-12)
    x[1] = math.nan
    others = [0, 2, 3, 4, 5, 6, 7]
    assert torch.allclose(flow.log_density(x)[others], together[others], rtol=1e-12, atol=1e-12)


def test_gradients_reach_the_velocity_and_can_be_taken_twice() -> None:
    flow = ContinuousFlow((2,), Waves(), tolerance=1e-8)
    strength = flow.velocity.strength
    assert isinstance(strength, nn.Parameter)

    def cost() -> Tensor:
        return flow.log_density(points(3)).sum()

    (first,) = torch.autograd.grad(cost(), strength, create_graph=True)
    (second,) = torch.autograd.grad(first, strength)
    values, step = [], 1e-3
    for shift in (-step, 0.0, step):
        with torch.no_grad():
            strength.fill_(0.8 + shift)
            values.append(float(cost()))
    assert abs((values[2] - values[0]) / (2 * step) - float(first)) < 1e-4 * max(1.0, abs(float(first)))
    assert abs((values[2] - 2 * values[1] + values[0]) / step**2 - float(second)) < 1e-2 * max(1.0, abs(float(second)))


def test_a_solve_that_takes_too_much_is_stopped() -> None:
    with pytest.raises(RunFailed, match="took more than 30 evaluations"):
        ContinuousFlow((2,), Waves(50.0), tolerance=1e-9, evaluations=30).to_data(points(2))
    with pytest.raises(UserError, match="tolerance 0"):
        ContinuousFlow((2,), Waves(), tolerance=0.0)


@torch.no_grad()
def test_the_best_velocity_between_gaussians_carries_each_point_along_a_line() -> None:
    flow = ContinuousFlow((1,), Gaussian(1.5, 0.4), tolerance=1e-9)
    x, log_det = flow.to_data(points(20, 1))
    assert (x - (1.5 + 0.4 * points(20, 1))).abs().max() < 1e-7
    assert (log_det - math.log(0.4)).abs().max() < 1e-7


def test_the_cost_of_the_best_velocity_is_its_floor() -> None:
    n, mean, scale = 400_000, 1.5, 0.4
    game = FlowMatching((1,), Gaussian(mean, scale))
    draw = Draw(0, ("floor",), n, dtype=torch.float64)
    cost = game.costs(("velocity",), draw.with_data(mean + scale * draw.normal("data", 1)))["velocity"]["matching"]
    # s pi / 2; the squared error is of one chi-squared a row, times a factor of time of second moment below 1
    assert abs(float(cost) - scale * math.pi / 2) < 4 * math.sqrt(3 / n)


def test_optimal_pairs_in_one_dimension_are_those_in_order_and_use_each_row_once() -> None:
    x, z = points(60, 1), points(120, 1)[60:]
    chosen = cheapest_pairs(z, x)
    assert sorted(chosen.tolist()) == list(range(60))
    assert torch.equal(z[chosen].flatten().argsort(), x.flatten().argsort())


def test_optimal_pairs_bring_the_cost_of_a_shift_near_its_floor_of_zero() -> None:
    class Shift(VelocityField):
        def forward(self, t: Tensor | float, x: Tensor) -> Tensor:
            return torch.full_like(x, 2.0)

    draw = Draw(0, ("pairs",), 1000, dtype=torch.float64)
    data = draw.with_data(2 + draw.normal("data", 1))
    apart, paired = (
        float(FlowMatching((1,), Shift(), coupling=kind).costs(("velocity",), data)["velocity"]["matching"])
        for kind in ("independent", "optimal-transport")
    )
    assert apart > 1.8  # the variance of a difference of two standard normal numbers is 2
    assert paired < 0.02


@pytest.mark.parametrize("path", ["straight", "variance-preserving", "bridge"])
def test_the_velocity_of_a_path_is_its_derivative_in_time(path: str) -> None:
    z, x, extra, t, step = points(5), points(10)[5:], points(15)[10:], torch.full((5,), 0.3, dtype=torch.float64), 1e-5
    before, at, after = (on_path(path, z, x, t + s, extra, 0.5) for s in (-step, 0.0, step))  # type: ignore[arg-type]
    rate = (after.x - before.x) / (after.time - before.time)[:, None]
    assert (rate - at.velocity).abs().max() < 1e-8
    start = on_path(path, z, x, torch.zeros(5, dtype=torch.float64), extra, 0.0)  # type: ignore[arg-type]
    assert (start.x - z).abs().max() < 4 * EDGE


def test_a_bridge_needs_a_width_and_a_part_of_a_batch_cannot_be_paired() -> None:
    with pytest.raises(UserError, match="sigma is 0.0: expected above 0 for a bridge"):
        FlowMatching((2,), Linear(), path="bridge")
    part = Draw(0, (), 8).parts(2)[0].with_data(torch.zeros(4, 2))
    with pytest.raises(UserError, match="pairs whole batches"):
        FlowMatching((2,), Linear(), coupling="optimal-transport").costs(("velocity",), part)


class Known(MeanVelocity):
    """The mean velocity of x' = a x: (e^{a (r - t)} - 1) / (r - t) x, known in closed form."""

    def __init__(self, rate: float) -> None:
        super().__init__((1,), 4, 1)
        self.rate = nn.Parameter(torch.tensor(rate, dtype=torch.float64))

    def velocity(self, x: Tensor, t: Tensor, r: Tensor) -> Tensor:
        gap = (r - t)[:, None]
        return torch.where(gap == 0, self.rate, torch.expm1(self.rate * gap) / torch.where(gap == 0, 1.0, gap)) * x


def test_the_mean_velocity_of_a_linear_equation_satisfies_the_identity_that_is_trained() -> None:
    # u = b + (r - t) du/dt along the flow, where b is the velocity itself
    known, x = Known(-0.7), points(6, 1)
    t, r = torch.full((6,), 0.2, dtype=torch.float64), torch.full((6,), 0.9, dtype=torch.float64)
    u, rate = torch.func.jvp(known.velocity, (x, t, r), (-0.7 * x, torch.ones_like(t), torch.zeros_like(r)))
    assert (u - (-0.7 * x + 0.7 * rate)).abs().max() < 1e-12


def test_a_mean_flow_learns_a_shift_exactly_and_samples_it_in_one_step() -> None:
    # one datum only: b is (m - x) / (1 - t), and u(z, 0, 1) = m - z whatever z is
    torch.manual_seed(0)
    game = MeanFlow(MeanVelocity((1,), 64, 2))
    optimizer = torch.optim.Adam(game.parameters(), lr=3e-3)
    for i in range(1500):
        draw = Draw(0, (i,), 256)
        cost = game.costs(("generator",), draw.with_data(torch.full((256, 1), 1.5)))["generator"]["mean-velocity"]
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
    with torch.no_grad():
        x = game.sample(2000, Draw(1, ("sample",), 2000))
    assert abs(float(x.mean()) - 1.5) < 0.05 and float(x.std()) < 0.1


def test_a_mean_flow_wants_a_mean_velocity() -> None:
    with pytest.raises(UserError, match="depth 0"):
        MeanVelocity((2,), depth=0)
    with pytest.raises(UserError, match="matching is 1.5"):
        MeanFlow(MeanVelocity((2,)), matching=1.5)
