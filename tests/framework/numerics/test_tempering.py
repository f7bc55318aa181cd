"""Exchanges between temperatures carry chains between modes that none would cross, in the right shares."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward import Draw
from pushforward.numerics.hamiltonian import hamiltonian
from pushforward.numerics.kernels import Chain
from pushforward.numerics.tempering import _exchanged, inverse_temperatures, parallel_tempering

DOUBLE = torch.float64
SHARE = 0.8


def two_far_modes(x: Tensor) -> Tensor:
    """.2 N(-6, 1) + .8 N(6, .5^2): both lie twelve apart, where no chain at beta = 1 crosses."""
    left = math.log(1 - SHARE) - 0.5 * (x + 6).square()
    right = math.log(SHARE / 0.5) - 2 * (x - 6).square()
    return torch.logaddexp(left, right).sum(1)


def test_two_far_modes_are_visited_in_their_shares_from_the_wrong_one() -> None:
    n, draw = 2000, Draw(0, (), 2000, dtype=DOUBLE)
    start = torch.full((n, 1), -6.0, dtype=DOUBLE)
    alone = hamiltonian(two_far_modes, start, 100, 0.5, draw, 4).x
    assert bool((alone < 0).all())
    betas = inverse_temperatures(6, 0.02)
    moved = parallel_tempering(two_far_modes, start, 150, 0.5, draw, betas, 4)
    right = moved.x > 0
    assert abs(float(right.double().mean()) - SHARE) < 4 * math.sqrt(SHARE * (1 - SHARE) / n)
    assert abs(float(moved.x[right].mean()) - 6) < 4 * 0.5 / math.sqrt(SHARE * n)
    assert abs(float(moved.x[right].var()) / 0.25 - 1) < 4 * math.sqrt(2 / (SHARE * n))
    assert len(moved.swaps) == 5 and min(moved.swaps) > 0.1


def test_an_exchange_keeps_the_joint_law() -> None:
    # detailed balance of one exchange between two levels: both orders of the same two points, weighed by their laws
    beta = torch.tensor([1.0, 0.3], dtype=DOUBLE)
    x = torch.tensor([[0.3], [1.7]], dtype=DOUBLE)
    log_density = two_far_modes(x)
    chances = []
    for rows in ([0, 1], [1, 0]):
        chain = Chain(x[rows], beta * log_density[rows], torch.zeros(2, 1, dtype=DOUBLE))
        chances.append(_exchanged(chain, beta, torch.zeros(1, 2, dtype=DOUBLE), 0)[1][0])
    weights = [float((beta * log_density[rows]).sum().exp()) for rows in ([0, 1], [1, 0])]
    assert abs(weights[0] * chances[0] / (weights[1] * chances[1]) - 1) < 1e-12


def test_points_that_are_exchanged_keep_their_density_and_slope() -> None:
    beta = torch.tensor([1.0, 0.5, 0.25], dtype=DOUBLE)
    x = torch.randn(12, 2, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
    of_row = beta.repeat_interleave(4)
    chain = Chain(x, -0.5 * of_row * x.square().sum(1), -of_row[:, None] * x)
    after, shares = _exchanged(chain, beta, torch.zeros(4, 3, dtype=DOUBLE), 1)  # luck of zero takes every exchange
    assert torch.equal(after.x[:4], x[:4]) and torch.equal(after.x[4:8], x[8:]) and set(shares) == {1}
    assert torch.allclose(after.log_density, -0.5 * of_row * after.x.square().sum(1), rtol=1e-12)
    assert torch.allclose(after.slope, -of_row[:, None] * after.x, rtol=1e-12)


def test_each_chain_depends_on_its_own_row_of_the_draw() -> None:
    draw = Draw(0, (1,), 6, dtype=DOUBLE)
    x, betas = draw.normal("start", 1), inverse_temperatures(3, 0.1)
    whole = parallel_tempering(two_far_modes, x, 5, 0.3, draw, betas)
    pieces = zip(x.split(3), draw.parts(2), strict=True)
    parts = [parallel_tempering(two_far_modes, piece, 5, 0.3, part, betas) for piece, part in pieces]
    assert torch.allclose(whole.x, torch.cat([part.x for part in parts]), rtol=1e-12)


def test_a_ladder_falls_in_equal_ratios() -> None:
    assert inverse_temperatures(3, 0.25) == (1.0, 0.5, 0.25)
