"""A probability given counts: the evidence of the beta-binomial law, and samples of the beta posterior."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import integrate, stats

from pushforward import Draw, UserError
from pushforward_targets.beta_binomial import BetaBinomial


@pytest.mark.parametrize(("k", "n", "a", "b"), [(9, 10, 1.0, 1.0), (0, 5, 0.5, 0.5), (3, 4, 2.0, 5.0)])
def test_the_evidence_is_that_of_the_beta_binomial_law_and_of_quadrature(k: int, n: int, a: float, b: float) -> None:
    target = BetaBinomial(k, n, a, b)
    assert target.log_z == pytest.approx(float(stats.betabinom.logpmf(k, n, a, b)), abs=1e-9)

    def density(x: float) -> float:
        return math.exp(float(target.log_density(torch.tensor([[x]], dtype=torch.float64))))

    total = integrate.quad(density, -60, 60, points=[-2, 0, 2], limit=200)[0]
    assert math.log(total) == pytest.approx(target.log_z, abs=1e-7)


def test_a_uniform_prior_makes_every_count_as_likely() -> None:
    assert [math.exp(BetaBinomial(k, 6).log_z) for k in range(7)] == pytest.approx([1 / 7] * 7)


def test_samples_are_log_odds_of_the_beta_posterior() -> None:
    n = 20_000
    x = BetaBinomial().sample(n, Draw(0, ("x",), n, dtype=torch.float64)).x[:, 0]
    found = stats.kstest(torch.sigmoid(x).numpy(), stats.beta(10, 2).cdf)
    assert found.pvalue > 1e-3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((11, 10), "successes is 11 of 10 trials: expected from 0 to 10"),
        ((1, 2, 0.0), "a is 0.0"),
        ((1, 2, 1.0, -1.0), "b is"),
    ],
)
def test_bad_counts_are_refused(arguments: tuple, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        BetaBinomial(*arguments)
