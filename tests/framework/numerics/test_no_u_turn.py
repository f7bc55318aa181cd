"""Trajectories that stop where they turn keep the law, and every subtree of them is looked at."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pushforward import Draw, RunFailed
from pushforward.numerics.no_u_turn import _turned, _turns_within, no_u_turn

DOUBLE = torch.float64
CHAINS = 10_000


def gumbel(x: Tensor) -> Tensor:
    """A skewed law on the line: density exp(x - e^x), of mean minus Euler's constant and variance pi^2 / 6."""
    return (x - x.exp()).sum(1)


def stretched(x: Tensor) -> Tensor:
    """A normal law of precision [[2, 1.5], [1.5, 2]], whose covariance is its inverse."""
    return -(x[:, 0].square() + x[:, 1].square() + 1.5 * x[:, 0] * x[:, 1])


def test_chains_keep_a_skewed_law() -> None:
    moved = no_u_turn(gumbel, torch.zeros(CHAINS, 1, dtype=DOUBLE), 20, 0.6, Draw(1, (), CHAINS, dtype=DOUBLE))
    variance = math.pi**2 / 6
    assert abs(float(moved.x.mean()) + 0.5772157) < 4 * math.sqrt(variance / CHAINS)
    kurtosis = 5.4  # of this law, so that a variance has a relative error of sqrt(4.4 / n)
    assert abs(float(moved.x.var()) / variance - 1) < 4 * math.sqrt((kurtosis - 1) / CHAINS)


def test_chains_keep_a_correlated_law() -> None:
    moved = no_u_turn(stretched, torch.zeros(CHAINS, 2, dtype=DOUBLE), 6, 0.4, Draw(2, (), CHAINS, dtype=DOUBLE))
    expected = torch.linalg.inv(torch.tensor([[2.0, 1.5], [1.5, 2.0]], dtype=DOUBLE))
    # an entry of a covariance has a variance of (s_ii s_jj + s_ij^2) / n, here at most 2 s_11^2 / n
    assert (moved.x.T.cov() - expected).abs().max() < 4 * float(expected[0, 0]) * math.sqrt(2 / CHAINS)


def test_trajectories_of_an_oscillator_end_after_half_a_turn() -> None:
    # of step .13 half a turn takes 24 steps: fewer than 8 cannot turn, and 63, a whole turn and more, must have
    draw = Draw(0, (), 50, dtype=DOUBLE)
    moved = no_u_turn(lambda x: -0.5 * x.square().sum(1), torch.zeros(50, 3, dtype=DOUBLE), 10, 0.13, draw)
    assert 7 * 10 < moved.gradients <= 1 + 63 * 10
    short = no_u_turn(lambda x: -0.5 * x.square().sum(1), torch.zeros(50, 3, dtype=DOUBLE), 10, 0.13, draw, depth=2)
    assert short.gradients == 1 + 3 * 10


def test_every_subtree_is_looked_at_for_a_turn() -> None:
    momenta = torch.randn(32, 40, 2, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
    ends: dict[int, tuple[Tensor, Tensor]] = {}
    total = torch.zeros(40, 2, dtype=DOUBLE)
    for leaf, momentum in enumerate(momenta):
        total = total + momentum
        found = _turns_within(leaf, momentum, total, ends)
        expected = torch.zeros(40, dtype=torch.bool)
        for k in range(1, 6):  # subtrees of 2^k leaves that end here
            if (leaf + 1) % 2**k == 0:
                own = momenta[leaf + 1 - 2**k : leaf + 1]
                expected |= _turned(own[0], own[-1], own.sum(0))
        assert torch.equal(found, expected)


def test_a_warm_up_finds_a_step_and_is_not_counted() -> None:
    seen: list[Tensor] = []
    draw = Draw(0, (), 200, dtype=DOUBLE)
    start = torch.zeros(200, 10, dtype=DOUBLE)
    moved = no_u_turn(lambda x: -50 * x.square().sum(1), start, 10, 5.0, draw, 6, 60, 0.8, seen.append)
    assert len(seen) == 10 and abs(float(moved.acceptance.mean()) - 0.8) < 0.1 and moved.step < 0.2


def test_each_chain_depends_on_its_own_row_of_the_draw() -> None:
    draw = Draw(0, (1,), 6, dtype=DOUBLE)
    x = draw.normal("start", 2)
    whole = no_u_turn(stretched, x, 4, 0.3, draw)
    parts = [no_u_turn(stretched, piece, 4, 0.3, part) for piece, part in zip(x.split(3), draw.parts(2), strict=True)]
    assert torch.allclose(whole.x, torch.cat([part.x for part in parts]), rtol=1e-12)


def test_what_is_not_finite_ends_a_trajectory_and_what_has_no_bound_ends_the_run() -> None:
    def torn(x: Tensor) -> Tensor:
        return torch.where(x[:, 0] > 0.5, math.nan, -0.5 * x.square().sum(1))

    draw = Draw(0, (), 200, dtype=DOUBLE)
    moved = no_u_turn(torn, torch.zeros(200, 1, dtype=DOUBLE), 5, 0.5, draw)
    assert moved.non_finite > 0 and bool((moved.x <= 0.5).all())

    def endless(x: Tensor) -> Tensor:
        return torch.where(x[:, 0] > 0.5, math.inf, -0.5 * x.square().sum(1))

    with pytest.raises(RunFailed, match="runs off to minus infinity"):
        no_u_turn(endless, torch.zeros(200, 1, dtype=DOUBLE), 5, 0.5, draw)
