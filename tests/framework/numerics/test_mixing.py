"""Chains that agree have an R-hat of one, and correlated draws are worth as many as theory says."""

from __future__ import annotations

import pytest
import torch

from pushforward.numerics.mixing import bulk_effective_size, split_rhat, tail_effective_size


def noise(steps: int, chains: int) -> torch.Tensor:
    return torch.randn(steps, chains, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def autoregressive(rho: float, steps: int = 20_000, chains: int = 4) -> torch.Tensor:
    e, rows = noise(steps, chains), []
    x = e[0]
    for i in range(steps):
        x = rho * x + (1 - rho**2) ** 0.5 * e[i]
        rows.append(x)
    return torch.stack(rows)


def test_independent_draws_are_worth_themselves() -> None:
    draws = noise(5000, 4)
    assert abs(split_rhat(draws) - 1) < 2e-3
    assert bulk_effective_size(draws) == pytest.approx(20_000, rel=0.1)
    assert tail_effective_size(draws) == pytest.approx(20_000, rel=0.1)


@pytest.mark.parametrize("rho", [0.5, 0.9])
def test_an_autoregressive_chain_is_worth_what_its_correlations_leave(rho: float) -> None:
    draws = autoregressive(rho)
    assert bulk_effective_size(draws) == pytest.approx(draws.numel() * (1 - rho) / (1 + rho), rel=0.15)


def test_chains_that_are_stuck_apart_or_spread_differently_are_seen() -> None:
    draws = noise(1000, 4)
    assert split_rhat(draws + torch.tensor([0.0, 0.0, 3.0, 3.0])) > 1.5
    assert split_rhat(draws * torch.tensor([1.0, 1.0, 1.0, 6.0])) > 1.1  # the means agree: only folding sees it
    assert split_rhat(draws + torch.linspace(0, 3, 1000)[:, None]) > 1.2  # a drift parts the halves
    assert bulk_effective_size(draws + torch.tensor([0.0, 0.0, 3.0, 3.0])) < 40


def test_a_law_without_variance_does_not_disturb_it() -> None:
    cauchy = noise(4000, 4) / noise(8000, 4)[4000:]
    assert abs(split_rhat(cauchy) - 1) < 5e-3


def test_ties_and_constants_and_too_few_steps() -> None:
    assert split_rhat(torch.zeros(10, 2)) == 1.0
    assert split_rhat(noise(2000, 4).sign()) < 1.01
    with pytest.raises(ValueError, match="at least four steps"):
        split_rhat(noise(3, 2))
