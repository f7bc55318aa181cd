"""Filters and their autocovariances: equivalence, factorisation, and moments that belong to no filter."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pushforward_lab.filters import (
    autocovariance,
    empirical_autocovariance,
    equivalent_filters,
    smallest_density,
    solvable,
    spectral_factor,
)


def tensor(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def contains(filters: Tensor, *numbers: float) -> bool:
    return bool((filters - tensor(*numbers)).abs().amax(1).min() < 1e-9)


@pytest.mark.parametrize(
    ("theta", "count"),
    [
        ((1.0, 0.5, 0.2), 4),  # a complex pair flips at once: sign and reversal
        ((1.0, 0.9, 0.2), 8),  # two real roots flip one by one
        ((0.3, 1.0, 0.3), 6),  # its own reversal
        ((1.0, 1.0, 0.0), 4),  # a root at infinity shifts the filter; the one on the circle stays
        ((0.5, 1.0, 0.5), 2),  # a double root on the circle
        ((2.0,), 2),
    ],
)
def test_equivalent_filters_have_one_autocovariance_and_the_right_number(theta: tuple[float, ...], count: int) -> None:
    filters = equivalent_filters(tensor(*theta))
    r = autocovariance(tensor(*theta), len(theta) - 1)
    assert len(filters) == count
    assert contains(filters, *theta) and contains(filters, *theta[::-1]) and contains(filters, *(-x for x in theta))
    for other in filters:
        assert torch.allclose(autocovariance(other, len(theta) - 1), r, atol=1e-7)


def test_two_real_roots_have_the_mixed_factor_of_the_notes() -> None:
    assert contains(equivalent_filters(tensor(1.0, 0.9, 0.2)), 0.5, 1.2, 0.4)


def test_the_autocovariance_beyond_the_filter_is_zero() -> None:
    assert autocovariance(tensor(1.0, 2.0), 3).tolist() == [5.0, 2.0, 0.0, 0.0]


def test_the_empirical_autocovariance_is_the_mean_of_shifted_products() -> None:
    white = torch.randn(3, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    theta = tensor(1.0, -0.5, 0.3)
    x = sum(theta[j] * white.roll(j, 1) for j in range(3))
    direct = torch.stack([(x * x.roll(-lag, 1)).mean() for lag in range(3)])
    assert torch.allclose(empirical_autocovariance(theta, 2, white), direct, atol=1e-14)


@pytest.mark.parametrize("seed", range(5))
def test_the_smallest_density_is_that_of_a_fine_grid(seed: int) -> None:
    r = torch.randn(5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    w = torch.linspace(0, torch.pi, 20001, dtype=torch.float64)
    density = r[0] + 2 * sum(r[lag] * (lag * w).cos() for lag in range(1, 5))
    assert smallest_density(r) == pytest.approx(float(density.min()), abs=1e-6)
    assert smallest_density(r) <= float(density.min()) + 1e-12


@pytest.mark.parametrize("theta", [(1.0, 0.5, 0.2), (1.0, 1.0, 0.0), (0.5, 1.0, 0.5), (0.2, -1.3, 0.7, 0.4), (3.0,)])
def test_the_moments_of_a_filter_are_solvable(theta: tuple[float, ...]) -> None:
    assert solvable(autocovariance(tensor(*theta), len(theta) - 1), len(theta) - 1)


def test_moments_of_no_filter_are_not_solvable() -> None:
    assert not solvable(tensor(1.0, 0.51), 1)  # 1 + 2 r cos(w) is negative at pi above one half
    assert solvable(tensor(1.0, 0.49), 1)
    assert not solvable(tensor(1.0, 0.0, 0.1), 1)  # no filter of order 1 has a covariance at lag 2
    assert spectral_factor(tensor(1.0, 0.51)) is None


@pytest.mark.parametrize("theta", [(1.0, 0.5, 0.2), (0.2, 0.9, 1.0), (0.2, -1.3, 0.7, 0.5), (1.0, 0.4, 0.0), (3.0,)])
def test_the_spectral_factor_is_equivalent_to_the_filter(theta: tuple[float, ...]) -> None:
    factor = spectral_factor(autocovariance(tensor(*theta), len(theta) - 1))
    assert factor is not None
    assert contains(equivalent_filters(tensor(*theta)), *factor.tolist())


def test_a_root_on_the_unit_circle_is_on_the_edge() -> None:
    r = autocovariance(tensor(0.2, -1.3, 0.7, 0.4), 3)  # a root at 1
    assert solvable(r, 3) and spectral_factor(r) is None
