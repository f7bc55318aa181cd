"""One Gaussian: its moments, its log Z, and what is no covariance."""

from __future__ import annotations

import math

import pytest
import torch

from pushforward import Draw, UserError
from pushforward_targets.gaussian import Gaussian
from pushforward_targets.mixtures import FourModes

M, S = [0.5, -0.4], [[0.6, 0.2], [0.2, 0.5]]


def test_a_gaussian_has_the_density_and_the_log_z_of_its_covariance() -> None:
    target = Gaussian(M, S)
    law = torch.distributions.MultivariateNormal(torch.tensor(M).double(), torch.tensor(S, dtype=torch.float64))
    x = target.sample(50_000, Draw(0, ("x",), 50_000, dtype=torch.float64)).x
    torch.testing.assert_close(target.log_density(x) - target.log_z, law.log_prob(x))
    assert target.log_z == pytest.approx(math.log(2 * math.pi) + 0.5 * math.log(0.6 * 0.5 - 0.2**2))
    torch.testing.assert_close(x.mean(0), torch.tensor(M).double(), atol=4 * 0.8 / 223, rtol=0)  # four errors
    torch.testing.assert_close(torch.cov(x.T), torch.tensor(S, dtype=torch.float64), atol=4 * 0.9 / 223, rtol=0)


def test_without_a_covariance_it_is_a_shift_of_the_standard_normal() -> None:
    target = Gaussian([3.0, 0.0, 1.0])
    assert target.log_z == pytest.approx(1.5 * math.log(2 * math.pi))
    assert float(target.log_density(torch.tensor([[3.0, 2.0, 1.0]]))) == pytest.approx(-2)


def test_four_modes_have_the_density_and_log_z_of_the_paper() -> None:
    target = FourModes()
    x = target.sample(50, Draw(0, ("x",), 50, dtype=torch.float64)).x
    variances = torch.tensor([0.1, 0.1, *[0.5] * 8], dtype=torch.float64)
    terms = []
    for i in range(1, 5):
        centre = torch.zeros(10, dtype=torch.float64)
        centre[0], centre[1] = 5 * math.cos(i * math.pi / 2), 5 * math.sin(i * math.pi / 2)
        terms.append(40 * (-0.5 * ((x - centre).square() / variances).sum(1)).exp())
    torch.testing.assert_close(target.log_density(x), sum(terms).log(), atol=1e-8, rtol=1e-8)
    assert target.log_z == pytest.approx(9.189385, abs=1e-6)


def test_importance_sampling_of_four_modes_has_the_relative_variance_of_the_closed_form() -> None:
    """E w^2 = sum_ij w_i w_j e^B_ij / sqrt det A_ij for Gaussians i, j under N(0, I): 2154479.8 with Z1/Z0 = 1."""
    target = FourModes()
    precision = torch.tensor([10.0, 10.0, *[2.0] * 8], dtype=torch.float64)
    assert target.modes is not None
    total = 0.0
    for a in target.modes.double():
        for b in target.modes.double():
            both = 2 * precision - 1
            pull = precision * (a + b) / both
            exponent = 0.5 * (both * pull**2 - precision * (a**2 + b**2)).sum()
            total += 40**2 * float(exponent.exp() / both.prod().sqrt())
    assert total == pytest.approx(2154479.8, rel=1e-6)


@pytest.mark.parametrize(
    ("mean", "covariance", "sentence"),
    [
        ([], None, "mean is empty"),
        ([0.0, 0.0], [[1.0]], "covariance has 1 rows"),
        ([0.0, 0.0], [[1.0, 0.2], [0.3, 1.0]], r"covariance is not symmetric: 0.3 at \(1, 0\), 0.2 at \(0, 1\)"),
        ([0.0, 0.0], [[1.0, 2.0], [2.0, 1.0]], "covariance is not positive definite: its leading 2 by 2 block"),
        ([0.0], [[math.nan]], "covariance is not symmetric|not positive definite"),
    ],
)
def test_what_is_no_covariance_is_refused(mean: list, covariance: list, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        Gaussian(mean, covariance)
