"""A continuous flow is what its velocity says: closed forms of linear fields, derivatives, and mass one."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from pushforward import Look, RunFailed, UserError, VelocityField
from pushforward.adapters import NetworkVelocity
from pushforward.testing.stand_ins import Blobs
from pushforward_flow.continuous import ContinuousFlow
from pushforward_flow.matching import FlowMatching
from pushforward_flow.solver_evaluations import SolverEvaluations

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


SOLVERS = ["dormand-prince", "rk4", "midpoint", "euler"]


@pytest.mark.parametrize("solver", SOLVERS)
def test_gradients_reach_the_velocity_and_can_be_taken_twice(solver: str) -> None:
    flow = ContinuousFlow((2,), Waves(), solver, tolerance=1e-8)  # type: ignore[arg-type]
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
            values.append(cost().item())
    assert abs((values[2] - values[0]) / (2 * step) - first.item()) < 1e-4 * max(1.0, abs(first.item()))
    assert abs((values[2] - 2 * values[1] + values[0]) / step**2 - second.item()) < 1e-2 * max(1.0, abs(second.item()))


@pytest.mark.parametrize("solver", SOLVERS)
def test_forward_mode_derivatives_are_those_of_reverse_mode(solver: str) -> None:
    flow = ContinuousFlow((2,), Waves(), solver, tolerance=1e-8)  # type: ignore[arg-type]
    x, v = points(3), points(6)[3:]
    _, forward = torch.func.jvp(lambda y: flow.carry(y, 0.0, 1.0), (x,), (v,))
    y = x.clone().requires_grad_()
    moved = flow.carry(y, 0.0, 1.0)
    rows = [torch.autograd.grad(moved[:, i].sum(), y, retain_graph=True)[0] for i in range(2)]
    assert (forward - torch.stack([(row * v).sum(1) for row in rows], 1)).abs().max() < 1e-12


def test_probes_of_hutchinson_are_fair_and_new_for_new_weights() -> None:
    flow = ContinuousFlow((2,), Linear(), "euler", steps=1, divergence="hutchinson")  # exact for a constant trace
    x, found = points(1), []
    with torch.no_grad():
        for i in range(400):
            flow.velocity.matrix.copy_(A + 1e-9 * i)  # type: ignore[union-attr, operator]
            found.append(float(flow.to_data(x)[1]))
    symmetric = (A + A.T) / 2
    variance = 2 * float(symmetric.square().sum() - symmetric.diagonal().square().sum())
    assert abs(sum(found) / 400 - float(A.trace())) < 4 * math.sqrt(variance / 400)
    assert len({round(value, 4) for value in found}) == 2  # in the plane signs agree or they do not


@torch.no_grad()
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_row_that_is_not_finite_stays_so_and_leaves_the_others_alone(solver: str) -> None:
    flow = ContinuousFlow((2,), Waves(), solver)  # type: ignore[arg-type]
    x = points(4)
    whole = flow.log_density(x)
    x[1, 0], x[2, 1] = math.nan, math.inf
    torn = flow.log_density(x)
    assert torch.allclose(torn[[0, 3]], whole[[0, 3]], rtol=1e-12) and bool(torn[[1, 2]].isnan().all())


class Explosive(VelocityField):
    """x' = x^3, which leaves 2 for infinity within an eighth of a unit of time."""

    def forward(self, t: Tensor | float, x: Tensor) -> Tensor:
        return x**3


@torch.no_grad()
@pytest.mark.parametrize("solver", ["rk4", "dormand-prince"])
def test_a_velocity_that_carries_rows_off_is_stopped_by_name(solver: str) -> None:
    flow = ContinuousFlow((1,), Explosive(), solver)  # type: ignore[arg-type]
    with pytest.raises(RunFailed, match=r"\(row 1\)|1 of 2 rows, the first of them 1, were carried off to infinity"):
        flow.to_data(torch.tensor([[0.1], [2.0]], dtype=torch.float64))


def test_evaluations_are_measured() -> None:
    game = FlowMatching((2,), Waves(), solver="rk4", steps=5)
    out = SolverEvaluations(20).measure(Look(game, Blobs()))
    assert (out["value"], out["most"], out["density"], out["density_most"], out["n"]) == (20, 20, 20, 20, 20)
    game = FlowMatching((2,), Waves(), tolerance=1e-5)
    out = SolverEvaluations(20).measure(Look(game, Blobs()))
    assert 19 <= out["value"] <= out["most"] < 100 and 19 <= out["density"] <= out["density_most"] < 100


def test_evaluations_of_a_density_are_those_of_all_classes() -> None:
    velocity = NetworkVelocity(lambda inputs, outputs: torch.nn.Linear(*inputs, *outputs), (2,), 3, conditional=True)
    game = FlowMatching((2,), velocity, classes=3, solver="euler", steps=5)
    out = SolverEvaluations(20).measure(Look(game, Blobs()))
    assert (out["value"], out["density"], out["density_most"]) == (5, 15, 15)


def test_a_solve_that_takes_too_much_is_stopped() -> None:
    with pytest.raises(RunFailed, match="took more than 30 evaluations"):
        ContinuousFlow((2,), Waves(50.0), tolerance=1e-9, evaluations=30).to_data(points(2))
    with pytest.raises(UserError, match="tolerance 0"):
        ContinuousFlow((2,), Waves(), tolerance=0.0)
