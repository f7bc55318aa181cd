"""The estimator against flows that are known exactly: its mean is Z for each of them, and its variance is tabulated."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pushforward import UserError
from pushforward_neis.estimator import Path, follow, log_terms, log_weights, standard_normal, window_start
from pushforward_neis.fields import GradientField, LinearField
from pushforward_targets.mixtures import TwoModes

F64 = torch.float64


def linear(weight: Tensor, offset: Tensor) -> LinearField:
    field = LinearField((len(offset),)).double().requires_grad_(False)
    field.load_state_dict({"weight": weight, "offset": offset})
    return field


def exact_affine_path(weight: Tensor, offset: Tensor, x: Tensor, steps: int) -> Path:
    fixed = -torch.linalg.solve(weight, offset)
    times = torch.arange(-steps, steps + 1, dtype=F64) / steps
    maps = torch.matrix_exp(times[:, None, None] * weight)
    return Path(fixed + (x - fixed) @ maps.mT, (times * weight.trace())[:, None].expand(-1, len(x)))


def euler_affine_path(weight: Tensor, offset: Tensor, x: Tensor, steps: int) -> Path:
    """Euler forward and Euler backward, which do not undo each other, with the divergence integrated."""
    halves = []
    for h in (-1 / steps, 1 / steps):
        half = [x]
        for _ in range(steps):
            half.append(half[-1] + h * (half[-1] @ weight.mT + offset))
        halves.append(half)
    points = torch.stack(halves[0][:0:-1] + halves[1])
    return Path(points, exact_affine_path(weight, offset, x, steps).log_jacobians)


def moments(log_a: Tensor, x: Tensor, cell: float) -> tuple[float, float]:
    """Mean and relative variance over N(0, I), by the trapezoid rule: exact to rounding for such smooth integrands."""
    mass = standard_normal(x).exp() * cell
    mean = float((mass * log_a.exp()).sum())
    return mean, float((mass * (2 * log_a).exp()).sum()) / mean**2 - 1


def test_a_field_of_zero_gives_the_weights_of_importance_sampling() -> None:
    x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0), dtype=F64)
    still = linear(torch.zeros(2, 2, dtype=F64), torch.zeros(2, dtype=F64))
    density = TwoModes().log_density
    for steps, start in ((1, 0.0), (1, -1.0), (4, -0.5), (50, -0.3)):
        found = log_weights(density, still, x, steps, start)
        assert torch.allclose(found, density(x) - standard_normal(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("steps", "start", "speed", "variance"),
    [
        (100, -0.5, 1, 0.99044),
        (100, -0.5, 2, 0.26993),
        (100, -0.5, -2, 0.26993),
        (100, -0.5, 4, 0.01078),
        (100, 0.0, 2, 4.52992),
        (100, 0.0, 4, 5.00379),
        (100, 0.0, -2, 0.06085),
        (100, 0.0, -8, 0.12762),
        (1, -1.0, 2, 1.20081),
        (1, 0.0, 2, 1.75116),
    ],
)
def test_variance_from_one_normal_law_to_another_is_as_tabulated(
    steps: int, start: float, speed: float, variance: float
) -> None:
    """N(0, 1) to N(1, 1/4) along dx/dt = T (x - 2); importance sampling has 1.677190."""
    x = torch.linspace(-12, 12, 6001, dtype=F64)[:, None]
    path = exact_affine_path(torch.full((1, 1), speed, dtype=F64), torch.full((1,), -2.0 * speed, dtype=F64), x, steps)
    log_a = log_terms(lambda y: -2 * (y[:, 0] - 1).square(), path, window_start(steps, start)).logsumexp(0)
    mean, found = moments(log_a, x, 24 / 6000)
    assert mean == pytest.approx(0.5 * math.sqrt(2 * math.pi), rel=1e-5)
    assert found == pytest.approx(variance, abs=6e-6)


def test_along_the_flow_that_carries_the_base_to_the_target_every_weight_is_z() -> None:
    variances = torch.tensor([0.2, 0.4, 0.6, 1.5, 2.5], dtype=F64)
    mean = torch.tensor([0.3, -0.4, 0.2, 0.5, -0.6], dtype=F64)
    rate = variances.log() / 2
    fixed = mean / (1 - variances.sqrt())
    x = torch.randn(200, 5, generator=torch.Generator().manual_seed(1), dtype=F64)
    log_z = 0.5 * float((2 * math.pi * variances).log().sum())
    spread = []
    for speed in (2, 8, 24):
        field = linear(torch.diag(speed * rate), -speed * rate * fixed)
        found = log_weights(lambda y: -0.5 * ((y - mean).square() / variances).sum(1), field, x, 400) - log_z
        spread.append(float(found.exp().var()))
    assert spread[0] > 0.1 and 1e-6 < spread[1] < 1e-3 and spread[2] < 1e-12  # a faster flow leaves less of it out


WEIGHT = torch.tensor([[0.7, -1.1], [0.5, -0.3]], dtype=F64)
OFFSET = torch.tensor([0.4, -0.8], dtype=F64)
COVARIANCE = torch.tensor([[0.6, 0.2], [0.2, 0.5]], dtype=F64)


def gaussian(y: Tensor) -> Tensor:
    away = y - torch.tensor([0.5, -0.4], dtype=F64)
    return -0.5 * (away @ torch.linalg.inv(COVARIANCE) * away).sum(1)


def relative_mean(path: Path, x: Tensor, first: int, cell: float) -> float:
    z = 2 * math.pi * math.sqrt(float(torch.linalg.det(COVARIANCE)))
    return moments(log_terms(gaussian, path, first).logsumexp(0), x, cell)[0] / z


def test_one_step_is_unbiased_along_an_exact_flow_and_not_along_eulers() -> None:
    line = torch.linspace(-9, 9, 241, dtype=F64)
    x, cell = torch.cartesian_prod(line, line), (18 / 240) ** 2
    for steps, first in ((1, 0), (1, -1), (2, -1)):
        exact = relative_mean(exact_affine_path(WEIGHT, OFFSET, x, steps), x, first, cell)
        assert exact == pytest.approx(1, abs=1e-6)
    for steps, first, mean in ((1, 0, 1.0338), (2, -1, 0.9746), (4, -2, 0.9847), (8, -4, 0.9920)):
        euler = relative_mean(euler_affine_path(WEIGHT, OFFSET, x, steps), x, first, cell)
        assert euler == pytest.approx(mean, abs=1e-4)
    runge_kutta = [relative_mean(follow(linear(WEIGHT, OFFSET), x, n), x, 0, cell) - 1 for n in (1, 2, 4)]
    assert abs(runge_kutta[0]) < 1e-3
    assert runge_kutta[0] / runge_kutta[1] > 8 < runge_kutta[1] / runge_kutta[2]  # 2^3 or better at each halving


def test_runge_kutta_follows_the_exact_flow_and_its_jacobian() -> None:
    x = torch.randn(7, 2, generator=torch.Generator().manual_seed(2), dtype=F64)
    found, exact = follow(linear(WEIGHT, OFFSET), x, 50), exact_affine_path(WEIGHT, OFFSET, x, 50)
    assert torch.allclose(found.points, exact.points, atol=1e-8)
    assert torch.allclose(found.log_jacobians, exact.log_jacobians, atol=1e-12)  # Liouville: t times the trace


def test_the_jacobian_along_a_nonlinear_field_is_that_of_the_map() -> None:
    torch.manual_seed(3)
    field = GradientField((2,), width=6).double()
    x = torch.randn(1, 2, dtype=F64)
    path = follow(field, x, 40)
    for k in (0, 13, 80):
        jacobian = torch.autograd.functional.jacobian(lambda y, k=k: follow(field, y[None], 40).points[k, 0], x[0])
        log_det = torch.linalg.slogdet(jacobian)[1]
        assert float(path.log_jacobians[k, 0].detach()) == pytest.approx(float(log_det), abs=1e-4)


@pytest.mark.parametrize(("steps", "start"), [(0, 0.0), (10, 0.1), (10, -1.1), (25, -0.5)])
def test_a_window_off_its_grid_or_without_time_zero_is_refused(steps: int, start: float) -> None:
    with pytest.raises(UserError):
        window_start(steps, start)
