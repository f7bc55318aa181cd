"""MMD against its closed form for Gaussians, and its error against the spread of repeats, for equal laws too."""

import math

import pytest
import torch

from pushforward.measures.mmd import MMD, gaussian_kernel, median_distance, squared_discrepancy
from pushforward.problem import UserError


def discrepancy(x, y, bandwidth):
    return squared_discrepancy(x, y, lambda a, b: gaussian_kernel(a, b, bandwidth))


def test_mmd_is_the_definition_written_as_loops(normal):
    x, y = normal(0, 4, 2), normal(1, 3, 2)

    def k(a, b):
        return math.exp(-float((a - b).square().sum()) / (2 * 0.7**2))

    xx = [k(x[i], x[j]) for i in range(4) for j in range(4) if i != j]
    yy = [k(y[i], y[j]) for i in range(3) for j in range(3) if i != j]
    xy = [k(a, b) for a in x for b in y]
    expected = sum(xx) / len(xx) + sum(yy) / len(yy) - 2 * sum(xy) / len(xy)
    assert discrepancy(x, y, 0.7)[0] == pytest.approx(expected)


def test_equal_laws_have_mean_zero_and_a_shift_its_closed_form(normal):
    # E k(x, y) for N(0, 1) and N(d, 1) at bandwidth 1 is exp(-d^2 / 6) / sqrt(3)
    for shift in (0.0, 1.0):
        found = [discrepancy(normal(i, 100, 1), normal(999 - i, 80, 1) + shift, 1.0)[0] for i in range(200)]
        values = torch.tensor(found)
        expected = 2 / math.sqrt(3) * (1 - math.exp(-(shift**2) / 6))
        assert abs(float(values.mean()) - expected) < 3.5 * float(values.std()) / math.sqrt(200)


@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0])
def test_the_standard_error_is_the_spread_over_repeats(shift, normal):
    found = [discrepancy(normal(i, 100, 2), normal(999 - i, 150, 2) + shift, 1.0) for i in range(200)]
    values, errors = torch.tensor(found).T
    # the spread of 200 repeats is known to 5 %; for equal laws it is not normal, and the error varies
    assert 0.8 < float(errors.square().mean().sqrt() / values.std()) < 1.25


def test_the_median_heuristic_reads_the_data_and_not_the_model(normal):
    y = normal(0, 300, 2)
    measure = MMD()
    measure.update(50 * normal(1, 300, 2), y)
    found = measure.compute()
    assert found["bandwidth"] == pytest.approx(median_distance(y))
    # the distance of two standard normal points in the plane is Rayleigh with median sqrt(4 log 2)
    assert found["bandwidth"] == pytest.approx(math.sqrt(4 * math.log(2)), rel=0.05)


def test_a_bandwidth_of_zero_is_refused():
    with pytest.raises(UserError, match="above zero"):
        MMD(bandwidth=0.0)
