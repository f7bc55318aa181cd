"""The estimator against flows that are known exactly: its mean is Z for each of them, and its variance is tabulated."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pushforward import UserError, VelocityField
from pushforward.numerics.integrators import integrate
from pushforward_neis.bases import Identity
from pushforward_neis.estimator import follow, log_terms, log_weights, log_window_sums
from pushforward_neis.exact_fields import LinearField
from pushforward_neis.fields import GradientField
from pushforward_neis.steppers import ClosedForm, RungeKutta, Stepper, stepper_along
from pushforward_neis.window import Window
from pushforward_targets.mixtures import TwoModes

F64 = torch.float64


def linear(weight: Tensor, offset: Tensor) -> LinearField:
    field = LinearField((len(offset),)).double().requires_grad_(False)
    field.load_state_dict({"weight": weight, "offset": offset})
    return field


def standard_normal(x: Tensor) -> Tensor:
    return Identity(tuple(x.shape[1:])).base_log_density(x)


class Euler(Stepper):
    """Euler forward and Euler backward, which do not undo each other, with the divergence integrated."""

    exact, order = False, 1

    def __init__(self, field: VelocityField, h: float) -> None:
        self.field, self.h = field, h

    def advance(self, x: Tensor, sign: Tensor) -> tuple[Tensor, Tensor]:
        return x + sign * self.h * self.field(0.0, x), sign[:, 0] * self.h * self.field.divergence(0.0, x)


def moments(log_a: Tensor, x: Tensor, cell: Tensor | float) -> tuple[float, float]:
    """Mean and relative variance over N(0, I), by the trapezoid rule: exact to rounding for such smooth integrands."""
    mass = standard_normal(x).exp() * cell
    mean = float((mass * log_a.exp()).sum())
    return mean, float((mass * (2 * log_a).exp()).sum()) / mean**2 - 1


def test_a_field_of_zero_gives_the_weights_of_importance_sampling() -> None:
    x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0), dtype=F64)
    still = linear(torch.zeros(2, 2, dtype=F64), torch.zeros(2, dtype=F64))
    density = TwoModes().log_density
    for steps, start, length in ((1, 0.0, 1.0), (1, -1.0, 9.0), (4, -0.5, 0.1), (50, -0.3, 1.0)):
        window = Window(steps, start, length)
        for exact in (False, True):
            found = log_weights(density, standard_normal, stepper_along(still, window.step, exact), x, window)
            plain = density(x) - standard_normal(x)
            assert torch.allclose(
                (found - plain).exp(), torch.ones_like(found), rtol=0, atol=2e-13
            )  # logs of up to 500


@pytest.mark.parametrize(
    ("steps", "start", "speed", "variance"),
    [
        (100, -0.5, 1, 0.99044),
        (100, -0.5, 2, 0.26993),
        (100, -0.5, -2, 0.26993),
        (100, -0.5, 4, 0.01078),
        (100, -0.5, 8, 6.87614e-4),
        (100, -0.5, 16, 1.536425e-5),
        (100, 0.0, 1, 3.70658),
        (100, 0.0, 2, 4.52992),
        (100, 0.0, 4, 5.00379),
        (100, 0.0, 8, 5.115227),
        (100, 0.0, -1, 0.08689),
        (100, 0.0, -2, 0.06085),
        (100, 0.0, -4, 0.12010),
        (100, 0.0, -8, 0.12762),
        (1, -1.0, 2, 1.20081),
        (1, 0.0, 2, 1.75116),
    ],
)
def test_variance_from_one_normal_law_to_another_is_as_tabulated(
    steps: int, start: float, speed: float, variance: float
) -> None:
    """N(0, 1) to N(1, 1/4) along dx/dt = T (x - 2); importance sampling has 1.677190.

    Fast flows leave no variance but that of the few starts beside the fixed point, so that points lie densely there:
    no sample of a million walkers would see it.
    """
    along = torch.linspace(-10, 10, 2001, dtype=F64)
    x, cell = 2 + 1e-3 * along.sinh()[:, None], 1e-3 * along.cosh() * (20 / 2000)

    def found(velocity: float, length: float) -> tuple[float, float]:
        field = linear(torch.full((1, 1), velocity, dtype=F64), torch.full((1,), -2 * velocity, dtype=F64))
        window = Window(steps, start, length)
        log_a = log_weights(
            lambda y: -2 * (y[:, 0] - 1).square(), standard_normal, ClosedForm(field, window.step), x, window
        )
        return moments(log_a, x, cell)

    mean, spread = found(speed, 1.0)
    assert mean == pytest.approx(0.5 * math.sqrt(2 * math.pi), rel=1e-8)
    assert spread == pytest.approx(variance, abs=6e-6 if abs(speed) < 8 or start == 0 else 2e-8)
    if steps == 1:
        assert found(0.5 * speed, 2.0) == pytest.approx((mean, spread), rel=1e-9)  # a long window is a fast flow


def test_along_the_flow_that_carries_the_base_to_the_target_every_weight_is_z() -> None:
    variances = torch.tensor([0.2, 0.4, 0.6, 1.5, 2.5], dtype=F64)
    mean = torch.tensor([0.3, -0.4, 0.2, 0.5, -0.6], dtype=F64)
    rate = variances.log() / 2
    fixed = mean / (1 - variances.sqrt())
    x = torch.randn(200, 5, generator=torch.Generator().manual_seed(1), dtype=F64)
    log_z = 0.5 * float((2 * math.pi * variances).log().sum())
    field = linear(torch.diag(rate), -rate * fixed)
    for exact in (True, False):
        spread = []
        for length in (2.0, 8.0, 24.0):
            window = Window(400, length=length)
            moved = stepper_along(field, window.step, exact)
            found = log_weights(
                lambda y: -0.5 * ((y - mean).square() / variances).sum(1), standard_normal, moved, x, window
            )
            spread.append(float((found - log_z).exp().var()))
        assert (
            spread[0] > 0.1 and 1e-6 < spread[1] < 1e-3 and spread[2] < 1e-12
        )  # a longer window leaves less of it out


WEIGHT = torch.tensor([[0.7, -1.1], [0.5, -0.3]], dtype=F64)
OFFSET = torch.tensor([0.4, -0.8], dtype=F64)
COVARIANCE = torch.tensor([[0.6, 0.2], [0.2, 0.5]], dtype=F64)


def gaussian(y: Tensor) -> Tensor:
    away = y - torch.tensor([0.5, -0.4], dtype=F64)
    return -0.5 * (away @ torch.linalg.inv(COVARIANCE) * away).sum(1)


def test_one_step_is_unbiased_along_an_exact_flow_and_not_along_eulers() -> None:
    line = torch.linspace(-9, 9, 241, dtype=F64)
    x, cell = torch.cartesian_prod(line, line), (18 / 240) ** 2
    field = linear(WEIGHT, OFFSET)

    def relative_mean(stepper: Stepper, window: Window) -> float:
        z = 2 * math.pi * math.sqrt(float(torch.linalg.det(COVARIANCE)))
        return moments(log_weights(gaussian, standard_normal, stepper, x, window), x, cell)[0] / z

    for steps, start in ((1, 0.0), (1, -1.0), (2, -0.5)):
        assert relative_mean(ClosedForm(field, 1 / steps), Window(steps, start)) == pytest.approx(1, abs=1e-6)
    for steps, start, mean in ((1, 0.0, 1.0338), (2, -0.5, 0.9746), (4, -0.5, 0.9847), (8, -0.5, 0.9920)):
        assert relative_mean(Euler(field, 1 / steps), Window(steps, start)) == pytest.approx(mean, abs=1e-4)
    off = [relative_mean(RungeKutta(field, 1 / n), Window(n, 0.0)) - 1 for n in (1, 2, 4)]
    assert abs(off[0]) < 1e-3
    assert off[0] / off[1] > 8 < off[1] / off[2]  # 2^3 or better at each halving


def test_the_sums_over_all_windows_are_those_of_each_window() -> None:
    mass = 40 * torch.randn(15, 6, generator=torch.Generator().manual_seed(4), dtype=F64)
    mass[:3, 2] = -math.inf
    trapezoid = torch.zeros(8, dtype=F64)
    trapezoid[[0, -1]] = -math.log(2)
    brute = (mass.unfold(0, 8, 1) + trapezoid).logsumexp(2)
    assert torch.allclose(log_window_sums(mass), brute, rtol=0, atol=1e-12)
    once = mass[6:9]  # N = 1: no time is inner
    assert torch.allclose(log_window_sums(once), (once.unfold(0, 2, 1) - math.log(2)).logsumexp(2), atol=1e-12)
    value = mass[:, 3:].clone().requires_grad_()
    direction = torch.randn(8, 3, generator=torch.Generator().manual_seed(5), dtype=F64)
    slopes = [
        torch.autograd.grad((sums * direction).sum(), value)[0]
        for sums in (log_window_sums(value), (value.unfold(0, 8, 1) + trapezoid).logsumexp(2))
    ]
    assert torch.allclose(*slopes, rtol=0, atol=1e-12)


def test_the_grid_comes_to_the_differential_equations_of_the_paper() -> None:
    """dA/dt = rho_1(X_t) J_t / B_t, with B kept by a second trajectory that lags by the length of the window."""
    field = linear(WEIGHT, OFFSET)
    x = torch.randn(20, 2, generator=torch.Generator().manual_seed(6), dtype=F64)
    trace = float(WEIGHT.trace())

    def back(_: float, s: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        y, log_j, _ = s
        return -field(0.0, y), -trace + 0 * log_j, (standard_normal(y) + log_j).exp()

    lag, lag_j, total = integrate(back, (x, x.new_zeros(20), x.new_zeros(20)), 0.0, 1.0, 200)

    def ahead(_: float, s: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        y, log_j, behind, behind_j, b, _ = s
        entering, leaving = (standard_normal(y) + log_j).exp(), (standard_normal(behind) + behind_j).exp()
        rate = (gaussian(y) + log_j).exp() / b
        return field(0.0, y), trace + 0 * log_j, field(0.0, behind), trace + 0 * log_j, entering - leaving, rate

    state = (x, x.new_zeros(20), lag, lag_j, total, x.new_zeros(20))
    by_equations = integrate(ahead, state, 0.0, 1.0, 200)[-1]
    by_grid = log_weights(gaussian, standard_normal, ClosedForm(field, 1 / 400), x, Window(400, 0.0)).exp()
    assert torch.allclose(by_equations, by_grid, rtol=1e-4)  # the trapezoid rule is of second order


def test_a_backward_pass_that_follows_trajectories_again_gives_the_same_gradient() -> None:
    torch.manual_seed(3)
    field, window = GradientField((2,), width=6).double(), Window(9, start=-1 / 3)
    x = torch.randn(8, 2, dtype=F64)
    found = []
    for recompute in (False, True):
        log_a = log_weights(
            TwoModes().log_density, standard_normal, RungeKutta(field, window.step), x, window, recompute
        )
        found.append(torch.autograd.grad(log_a.sum(), list(field.parameters())))
    assert all(torch.equal(a, b) and bool(a.any()) for a, b in zip(*found, strict=True))


def test_the_jacobian_along_a_nonlinear_field_is_that_of_the_map() -> None:
    torch.manual_seed(3)
    stepper = RungeKutta(GradientField((2,), width=6).double(), 1 / 40)
    x = torch.randn(1, 2, dtype=F64)
    path = follow(stepper, x, 40)
    for k in (0, 13, 80):
        jacobian = torch.autograd.functional.jacobian(lambda y, k=k: follow(stepper, y[None], 40).points[k, 0], x[0])
        log_det = torch.linalg.slogdet(jacobian)[1]
        assert float(path.log_jacobians[k, 0].detach()) == pytest.approx(float(log_det), abs=1e-4)


class Runaway(Stepper):
    """The flow of dx/dt = x^2, x / (1 - t x), which leaves every bounded set at t = 1 / x."""

    exact, order = True, None

    def __init__(self, h: float) -> None:
        self.h = h

    def advance(self, x: Tensor, sign: Tensor) -> tuple[Tensor, Tensor]:
        left = 1 - sign * self.h * x
        y = torch.where(left > 0, x / left, torch.inf)
        return y, -2 * left.clamp_min(0)[:, 0].log()


def test_what_has_run_away_counts_as_nothing_and_leaves_the_mean_at_z() -> None:
    x = torch.linspace(-9, 9, 20001, dtype=F64)[:, None]
    stepper = Runaway(0.25)
    lost = follow(stepper, x, 4).gone.any(0) * standard_normal(x).exp() * 18 / 20000
    assert float(lost.sum()) == pytest.approx(math.erfc(1 / math.sqrt(2)), abs=1e-3)  # those with |x| > 1
    for window in (Window(4, 0.0), Window(4, -0.5), Window(1, 0.0)):
        mean, _ = moments(
            log_weights(lambda y: -2 * (y[:, 0] - 1).square(), standard_normal, stepper, x, window), x, 18 / 20000
        )
        assert mean == pytest.approx(0.5 * math.sqrt(2 * math.pi), rel=2e-4)  # the weight jumps where a time drops out


def test_a_target_that_is_no_number_somewhere_is_never_left_out() -> None:
    x = torch.zeros(3, 1, dtype=F64)
    x[1] = 5.0
    field, window = linear(torch.zeros(1, 1, dtype=F64), torch.ones(1, dtype=F64)), Window(4, 0.0)

    def broken(value: float) -> Tensor:
        def density(y: Tensor) -> Tensor:
            return torch.where(y[:, 0] > 4, value, -y[:, 0].square())

        return log_weights(density, standard_normal, ClosedForm(field, window.step), x, window)

    assert bool(broken(math.nan)[1].isnan()) and bool(broken(math.nan)[[0, 2]].isfinite().all())
    assert float(broken(math.inf)[1]) == math.inf
    assert float(broken(-math.inf)[1]) == -math.inf  # U of plus infinity is a density of zero


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"steps": 10, "start": 0.1},
        {"steps": 10, "start": -1.1},
        {"steps": 25, "start": -0.5},
        {"length": 0.0},
        {"length": -1.0},
    ],
)
def test_a_window_off_its_grid_or_without_length_or_without_time_zero_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UserError, match=r"window|multiple"):
        Window(**wrong)  # type: ignore[arg-type]


def test_the_terms_of_a_weight_are_those_of_the_times_in_the_window() -> None:
    """Along a drift of one dimension each time sees its own place; the sum of Z's terms over all starts is Z."""
    field, window = linear(torch.zeros(1, 1, dtype=F64), torch.ones(1, dtype=F64)), Window(2, -0.5, 4.0)
    x = torch.tensor([[0.3]], dtype=F64)
    seen: list[Tensor] = []

    def density(y: Tensor) -> Tensor:
        seen.append(y)
        return y[:, 0] * 0

    path = follow(ClosedForm(field, window.step), x, window.steps)
    log_terms(density, standard_normal, path, window)
    assert torch.allclose(seen[0][:, 0], torch.tensor([-1.7, 0.3, 2.3], dtype=F64))
