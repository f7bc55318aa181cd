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


@pytest.mark.parametrize("rho", [-0.5, 0.5, 0.9])  # chains that swing to and fro are worth more than their draws
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


def test_rhat_is_that_of_the_definition() -> None:
    # two chains of four draws whose halves are in order, so that ranks are known: 1 2 | 3 4 and 5 6 | 7 8
    draws = torch.tensor([[10.0, 50.0], [20.0, 60.0], [30.0, 70.0], [40.0, 80.0]])
    z = torch.special.ndtri((torch.arange(1, 9, dtype=torch.float64) - 0.375) / 8.25).view(4, 2)  # half chains
    within, between = z.var(1).mean(), 2 * z.mean(1).var()
    expected = float(((within / 2 + between / 2) / within).sqrt())
    assert split_rhat(draws) == pytest.approx(expected, rel=1e-12)  # the folded one is smaller


def test_effective_size_is_that_of_the_definition() -> None:
    # one pair of half chains with autocovariances by hand: Vehtari et al., eq. 10 to 14, with the first pair kept
    draws = autoregressive(0.3, 40, 2)
    halves = torch.cat([draws[:20], draws[20:]], 1)
    rank = halves.flatten().argsort().argsort().view(halves.shape).double() + 1
    z = torch.special.ndtri((rank - 0.375) / (halves.numel() + 0.25))
    n, centred = 20, z - z.mean(0)
    cov = torch.stack([(centred[: n - t] * centred[t:]).sum(0).mean() / n for t in range(n)])
    within = cov[0] * n / (n - 1)
    total = within * (n - 1) / n + z.mean(0).var()
    rho = 1 - (within - cov * n / (n - 1)) / total
    rho[0] = 1.0
    pairs, tau, smallest = rho.view(-1, 2).sum(1), -1.0, float("inf")
    for pair in pairs.tolist():
        if pair < 0:
            break
        smallest = min(smallest, pair)
        tau += 2 * smallest
    assert bulk_effective_size(draws) == pytest.approx(halves.numel() / tau, rel=1e-10)


def test_ties_and_constants_and_too_few_steps() -> None:
    assert split_rhat(noise(2000, 4).sign()) < 1.01
    assert tail_effective_size(noise(2000, 4).sign()) == pytest.approx(8000, rel=0.1)
    still = torch.zeros(10, 2)
    assert split_rhat(still) == torch.inf and bulk_effective_size(still) == tail_effective_size(still) == 1
    assert split_rhat(torch.tensor([0.0, 1.0]).expand(10, 2)) == torch.inf  # two chains, each stuck at its start
    lost = noise(10, 2).log()
    assert split_rhat(lost) == torch.inf and bulk_effective_size(lost) == 0
    with pytest.raises(ValueError, match="at least four steps"):
        split_rhat(noise(3, 2))
