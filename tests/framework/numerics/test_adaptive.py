"""Every row is integrated by steps of its own: to the tolerance, whatever the others are, and with derivatives."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from pushforward.numerics.adaptive import State, dormand_prince
from pushforward.numerics.divergence import hutchinson_divergence, row_signs
from pushforward.problem import RunFailed

A = torch.tensor([[0.3, -2.0], [1.5, -0.4]], dtype=torch.float64)


def linear(t: Tensor, state: State) -> State:
    return (state[0] @ A.T,)


def points(n: int = 7) -> Tensor:
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("tolerance", [1e-4, 1e-7, 1e-10])
def test_a_linear_equation_ends_at_the_matrix_exponential(tolerance: float) -> None:
    for span in (1.0, -1.0):
        (y,), _ = dormand_prince(linear, (points(),), 0.0, span, tolerance)
        assert (y - points() @ torch.linalg.matrix_exp(span * A).T).abs().max() < 10 * tolerance


def test_a_step_of_fifth_order_is_exact_for_powers_of_time() -> None:
    (y,), evaluations = dormand_prince(
        lambda t, s: (5 * t[:, None] ** 4 + 0 * s[0],), (points(),), 0.0, 1.0, tolerance=1e-3
    )
    assert (y - points() - 1).abs().max() < 1e-13
    assert int(evaluations.max()) < 40


def test_a_row_does_not_depend_on_its_batch() -> None:
    def pendulum(t: Tensor, state: State) -> State:
        y = state[0]
        return (torch.stack([y[:, 1], -20 * y[:, 0].sin()], 1),)

    x = torch.cat([points(), 30 * points(2)])  # the last rows need many more steps
    (together,), counts = dormand_prince(pendulum, (x,), 0.0, 1.0)
    for i in range(len(x)):
        (alone,), count = dormand_prince(pendulum, (x[i : i + 1],), 0.0, 1.0)
        assert torch.allclose(alone[0], together[i], rtol=1e-12, atol=1e-12)
        assert count[0] == counts[i]
    assert counts[-2:].min() > counts[:-2].max()


def test_a_row_of_nan_stays_nan_and_leaves_the_others_alone() -> None:
    x = points()
    torn = x.clone()
    torn[3, 1] = math.nan
    (whole,), _ = dormand_prince(linear, (x,), 0.0, 1.0)
    (found,), _ = dormand_prince(linear, (torn,), 0.0, 1.0)
    others = [0, 1, 2, 4, 5, 6]
    assert torch.equal(found[others], whole[others]) and bool(found[3].isnan().all())


def test_what_grows_without_bound_is_stopped_and_says_where() -> None:
    with pytest.raises(RunFailed, match=r"past t = 0\.5.* \(row 1\)"):  # dy/dt = y^2 from 2 blows up at 1/2
        start = torch.tensor([[0.5], [2.0]], dtype=torch.float64)
        dormand_prince(lambda t, s: (s[0] ** 2,), (start,), 0.0, 1.0, most=100_000)


def test_evaluations_are_counted_as_they_are_made() -> None:
    asked = 0

    def counted(t: Tensor, state: State) -> State:
        nonlocal asked
        asked += 1
        return linear(t, state)

    with torch.no_grad():
        _, evaluations = dormand_prince(counted, (points(1),), 0.0, 1.0, 1e-8)
    assert int(evaluations) == asked


def test_the_error_is_that_of_a_solver_whose_tolerance_is_far_smaller() -> None:
    def pendulum(t: Tensor, state: State) -> State:
        return (torch.stack([state[0][:, 1], -20 * state[0][:, 0].sin()], 1),)

    x = points(20)
    exact = [
        solve_ivp(lambda _, y: [y[1], -20 * math.sin(y[0])], (0, 1), row, "DOP853", rtol=1e-12, atol=1e-12).y[:, -1]
        for row in x.numpy()
    ]
    for tolerance in (1e-4, 1e-6, 1e-8):
        (y,), _ = dormand_prince(pendulum, (x,), 0.0, 1.0, tolerance)
        assert (y - torch.tensor(np.array(exact))).abs().max() < 30 * tolerance  # errors of some steps add up


def test_a_bound_on_evaluations_is_kept() -> None:
    with pytest.raises(RunFailed, match="took more than 50 evaluations"):
        dormand_prince(lambda t, s: ((300 * t).sin()[:, None] * s[0],), (points(),), 0.0, 1.0, 1e-8, most=50)


def test_first_and_second_derivatives_are_those_of_the_solution() -> None:
    rate = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    x = points(3).requires_grad_()
    (y,), _ = dormand_prince(lambda t, s: (rate * s[0],), (x,), 0.0, 1.0, 1e-10)
    (first,) = torch.autograd.grad(y.sum(), rate, create_graph=True)  # d/da e^a x = e^a x, and so again
    (second,) = torch.autograd.grad(first, rate)
    expected = (math.exp(0.7) * x).sum()
    assert abs(first - expected) < 1e-8 and abs(second - expected) < 1e-8


def test_no_rows_and_two_kinds_of_numbers() -> None:
    (y,), _ = dormand_prince(linear, (points(0),), 0.0, 1.0)
    assert y.shape == (0, 2)
    (y,), _ = dormand_prince(lambda t, s: (-s[0],), (points().float(),), 0.0, 1.0)
    assert y.dtype == torch.float32 and (y - points().float() * math.exp(-1)).abs().max() < 1e-4


def test_signs_of_a_row_depend_on_that_row_alone_and_are_fair() -> None:
    x = torch.randn(20_000, 3, generator=torch.Generator().manual_seed(1))
    signs = row_signs(x)
    assert torch.equal(signs.abs(), torch.ones_like(x))
    assert torch.equal(row_signs(x[5:9]), signs[5:9])
    assert signs.mean(0).abs().max() < 4 / math.sqrt(len(x))  # four standard errors of a mean of signs
    pairs = signs.T @ signs / len(x) - torch.eye(3)
    assert pairs.abs().max() < 4 / math.sqrt(len(x))


def test_another_salt_gives_independent_signs() -> None:
    x = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(1))
    signs = [row_signs(x, torch.tensor(salt)) for salt in (0, 1, 2)]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert (signs[one] * signs[other]).mean(0).abs().max() < 4 / math.sqrt(len(x))


def test_probes_of_signs_have_the_variance_of_the_off_diagonal() -> None:
    x = torch.randn(40_000, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    found = hutchinson_divergence(lambda y: y @ A.T, x, row_signs(x))
    symmetric = (A + A.T) / 2
    variance = 2 * float(symmetric.square().sum() - symmetric.diagonal().square().sum())
    assert abs(found.mean() - A.trace()) < 4 * math.sqrt(variance / len(x))
    # signs of a plane give two values, so that the sample variance has no spread but that of their mean
    assert abs(found.var() - variance) < 1e-3 * variance
