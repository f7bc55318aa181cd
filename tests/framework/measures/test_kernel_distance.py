"""The kernel distance against its closed form in moments, without bias at any number of samples."""

import math

import pytest
import torch

from pushforward.measures.kernel_distance import KernelDistance, cubic_kernel
from pushforward.measures.mmd import squared_discrepancy


def distance(x, y):
    measure = KernelDistance()
    measure.update(x, y)
    return measure.compute()


def test_the_cubic_kernel_compares_three_moments(normal):
    # expanded, (xy + 1)^3 gives 3 (difference of means)^2 + 3 (of second moments)^2 + (of third moments)^2
    x, y = normal(0, 4000, 1).double() + 1, normal(1, 4000, 1).double()
    biased = cubic_kernel(x, x).mean() + cubic_kernel(y, y).mean() - 2 * cubic_kernel(x, y).mean()
    gaps = [(x**k).mean() - (y**k).mean() for k in (1, 2, 3)]
    assert float(biased) == pytest.approx(float(3 * gaps[0] ** 2 + 3 * gaps[1] ** 2 + gaps[2] ** 2))


@pytest.mark.parametrize("n", [10, 100])
def test_it_is_right_in_the_mean_at_any_number_of_samples(n, normal):
    # N(1, 1) against N(0, 1): moments 1, 2, 4 against 0, 1, 0 give 3 + 3 + 16
    for shift, expected in ((0.0, 0.0), (1.0, 22.0)):
        found = [distance(normal(i, n, 1) + shift, normal(999 - i, n, 1))["value"] for i in range(300)]
        values = torch.tensor(found)
        assert abs(float(values.mean()) - expected) < 3.5 * float(values.std()) / math.sqrt(300)


def test_the_standard_error_is_the_spread_over_repeats(normal):
    found = [distance(normal(i, 300, 3) + 0.5, normal(999 - i, 300, 3)) for i in range(200)]
    values = torch.tensor([f["value"] for f in found])
    errors = torch.tensor([f["standard_error"] for f in found])
    assert 0.8 < float(errors.square().mean().sqrt() / values.std()) < 1.25


def test_it_is_the_definition_written_as_loops(normal):
    x, y = normal(0, 4, 2).double(), normal(1, 3, 2).double()

    def k(a, b):
        return (float(a @ b) / 2 + 1) ** 3

    xx = [k(x[i], x[j]) for i in range(4) for j in range(4) if i != j]
    yy = [k(y[i], y[j]) for i in range(3) for j in range(3) if i != j]
    xy = [k(a, b) for a in x for b in y]
    expected = sum(xx) / len(xx) + sum(yy) / len(yy) - 2 * sum(xy) / len(xy)
    assert squared_discrepancy(x, y, cubic_kernel)[0] == pytest.approx(expected)
    assert distance(x, y)["value"] == pytest.approx(expected)


def test_its_name_carries_its_features():
    assert KernelDistance().label("kernel-distance") == "kernel-distance/identity/2000"
