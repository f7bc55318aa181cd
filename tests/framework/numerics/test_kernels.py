"""Langevin kernels: their stationary laws are the known ones, the correction is the one of detailed balance."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from pushforward.numerics.kernels import Moved, langevin, mala_step, start, ula_step
from pushforward.numerics.slopes import Sloped
from pushforward.problem import RunFailed
from pushforward.randomness import Draw

CHAINS = 40_000
DOUBLE = torch.float64


def normal(precision: float):
    return lambda x: -0.5 * precision * x.square().flatten(1).sum(1)


def gumbel(x: Tensor) -> Tensor:
    """log density of -log of an exponential law: skewed, mean -0.5772 (Euler) after a change of sign."""
    return (x - x.exp()).sum(1)


def moved(log_density, steps: int, step: float, kernel: str = "mala", n: int = CHAINS) -> Moved:
    return langevin(log_density, torch.zeros(n, 1, dtype=DOUBLE), steps, step, Draw(0, (), n, dtype=DOUBLE), kernel)


def near_variance(x: Tensor, expected: float, errors: float = 4) -> bool:
    """Within four standard errors of the variance of a normal law."""
    return abs(x.var().item() - expected) < errors * expected * math.sqrt(2 / len(x))


@pytest.mark.parametrize(("step", "precision"), [(0.5, 1.0), (0.2, 4.0)])
def test_ula_keeps_a_normal_law_of_known_excess_variance(step: float, precision: float) -> None:
    expected = 1 / (precision * (1 - step * precision / 4))  # 1.142857 for a step of one half
    x = moved(normal(precision), 40, step, "ula").x
    assert near_variance(x, expected)
    assert not near_variance(x, 1 / precision)


@pytest.mark.parametrize(("step", "precision"), [(0.5, 1.0), (0.2, 4.0), (1.5, 1.0)])
def test_mala_keeps_the_normal_law_itself(step: float, precision: float) -> None:
    x = moved(normal(precision), 40, step).x
    assert near_variance(x, 1 / precision)
    assert abs(x.mean().item()) < 4 / math.sqrt(precision * CHAINS)


def test_mala_keeps_a_skewed_law() -> None:
    x = moved(gumbel, 60, 0.7).x
    euler, variance = 0.5772156649, math.pi**2 / 6
    assert abs(x.mean().item() + euler) < 4 * math.sqrt(variance / CHAINS)
    # The fourth central moment of a Gumbel law is 5.4 times its squared variance.
    assert abs(x.var().item() - variance) < 4 * variance * math.sqrt(4.4 / CHAINS)


def test_a_correction_with_the_step_on_the_wrong_side_keeps_another_law() -> None:
    # |back|^2 gamma / 4 in place of |back|^2 / (2 gamma): a known fault of published code, which this file must catch.
    log_density, step, draw = normal(1.0), 0.5, Draw(0, (), CHAINS, dtype=DOUBLE)
    chain = start(log_density, torch.zeros(CHAINS, 1, dtype=DOUBLE))
    for i in range(40):
        noise = draw.normal(f"noise-{i}", 1)
        proposal = ula_step(log_density, chain, step, noise)
        back = chain.x - proposal.x - step / 2 * proposal.slope
        log_ratio = proposal.log_density - chain.log_density
        log_ratio = log_ratio + noise.square().sum(1) / 2 - step / 4 * back.square().sum(1)
        accepted = (draw.uniform(f"test-{i}").log() < log_ratio)[:, None]
        chain = start(log_density, torch.where(accepted, proposal.x, chain.x))
    assert not near_variance(chain.x, 1.0, errors=10)


def test_a_proposal_is_taken_up_to_the_ratio_of_detailed_balance_and_no_further() -> None:
    step, draw = 0.8, Draw(0, (), 200, dtype=DOUBLE)
    x, noise = draw.normal("x", 2), draw.normal("noise", 2)
    chain = start(gumbel, x)
    y = ula_step(gumbel, chain, step, noise).x

    def proposed(a: Tensor, b: Tensor) -> Tensor:
        return Normal(a + step / 2 * (1 - a.exp()), math.sqrt(step)).log_prob(b).sum(1)

    ratio = (gumbel(y) + proposed(y, x) - gumbel(x) - proposed(x, y)).exp()
    undecided = ratio < 1
    assert 20 < undecided.sum() < 200
    for factor, expected in ((1 - 1e-9, True), (1 + 1e-9, False)):
        after, chance, broken = mala_step(gumbel, chain, step, noise, ratio * factor)
        assert torch.allclose(chance, ratio.clamp(max=1.0), rtol=1e-12) and not broken.any()
        assert torch.equal(after.x[undecided], (y if expected else x)[undecided])
        assert torch.allclose(after.log_density, gumbel(after.x)) and torch.allclose(after.slope, 1 - after.x.exp())


def test_a_place_without_density_is_never_entered_and_is_no_fault() -> None:
    def half_normal(x: Tensor) -> Tensor:
        return normal(1.0)(x).masked_fill(x[:, 0] < 0, -math.inf)

    n = CHAINS
    after = langevin(half_normal, torch.ones(n, 1, dtype=DOUBLE), 60, 0.5, Draw(0, (), n, dtype=DOUBLE))
    assert (after.x >= 0).all() and after.non_finite == 0 and after.acceptance.mean() < 0.95
    deviation = math.sqrt(1 - 2 / math.pi)
    assert abs(after.x.mean().item() - math.sqrt(2 / math.pi)) < 4 * deviation / math.sqrt(n)


def test_proposals_that_are_not_finite_are_refused_and_counted() -> None:
    def torn(x: Tensor) -> Tensor:
        return torch.where(x[:, 0] > 0.5, math.nan, normal(1.0)(x))

    after = moved(torn, 10, 0.5, n=100)
    assert after.non_finite > 0
    assert after.x.isfinite().all() and (after.x <= 0.5).all()


def test_a_place_without_density_is_left_by_the_first_move_that_leads_out() -> None:
    def disc(x: Tensor) -> Tensor:
        return (0 * x.sum(1)).masked_fill(x[:, 0] < 0, -math.inf)

    outside = torch.full((2000, 1), -0.1, dtype=DOUBLE)
    after = langevin(disc, outside, 1, 1.0, Draw(0, (), 2000, dtype=DOUBLE))
    share = float((after.x > 0).double().mean())
    assert abs(share - Normal(0.0, 1.0).cdf(torch.tensor(-0.1))) < 4 * 0.5 / math.sqrt(2000)


def test_a_chain_cannot_begin_where_nothing_is_known() -> None:
    x = torch.zeros(5, 2, dtype=DOUBLE)
    x[3, 1] = math.nan
    with pytest.raises(RunFailed, match=r"chain 3 cannot begin: its point is not finite \(1 of 5 chains\)"):
        langevin(normal(1.0), x, 3, 0.5, Draw(0, (), 5, dtype=DOUBLE))
    with pytest.raises(RunFailed, match="chain 0 cannot begin: its log-density is NaN there"):
        langevin(lambda x: x.sum(1).log(), x[:3] - 1, 3, 0.5, Draw(0, (), 3, dtype=DOUBLE))


@pytest.mark.parametrize("kernel", ["mala", "ula"])
def test_an_energy_that_runs_off_to_minus_infinity_stops_the_chains(kernel: str) -> None:
    with pytest.raises(RunFailed, match=r"where chain \d+ arrived, at \|x\| = .*runs off to minus infinity"):
        moved(lambda x: torch.where(x[:, 0].abs() > 2, math.inf, normal(1.0)(x)), 200, 0.5, kernel, n=20)


def test_a_log_density_that_grows_for_ever_loses_chains_without_a_test() -> None:
    with pytest.raises(RunFailed, match="runs off to minus infinity|ran off to infinity"):
        moved(lambda x: x.square().square().sum(1), 200, 0.5, "ula", n=20)


def test_a_step_that_is_far_too_large_without_a_test_is_named() -> None:
    with pytest.raises(RunFailed, match=r"20 of 20 chains ran off to infinity at step 50"):
        moved(normal(1.0), 400, 50.0, "ula", n=20)  # the mean of a step grows 24 times


def test_a_warm_up_of_mala_finds_the_acceptance_that_is_wanted() -> None:
    x, draw = torch.zeros(500, 10, dtype=DOUBLE), Draw(0, (), 500, dtype=DOUBLE)
    after = langevin(normal(25.0), x, 50, 1.0, draw, warm_up=150, wanted=0.6)
    assert abs(float(after.acceptance.mean()) - 0.6) < 0.1 and after.step < 0.2


def test_what_is_seen_are_the_steps_that_count() -> None:
    seen: list[Tensor] = []
    draw = Draw(0, (), 5, dtype=DOUBLE)
    after = langevin(normal(1.0), torch.zeros(5, 1, dtype=DOUBLE), 7, 0.5, draw, warm_up=3, seen=seen.append)
    assert len(seen) == 7 and torch.equal(seen[-1], after.x) and after.gradients == 11


def test_a_slope_in_closed_form_gives_the_same_chains_and_is_not_differentiated() -> None:
    known = Sloped(lambda x: normal(1.0)(x.detach()), lambda x: -x)
    draw = Draw(0, (), 50, dtype=DOUBLE)
    a, b = (langevin(law, torch.ones(50, 2, dtype=DOUBLE), 9, 0.5, draw).x for law in (known, normal(1.0)))
    assert torch.allclose(a, b, rtol=1e-12)


def test_each_chain_depends_on_its_own_row_of_the_draw() -> None:
    draw = Draw(0, (1,), 6, dtype=DOUBLE)
    x = draw.normal("start", 2)
    whole = langevin(normal(1.0), x, 5, 0.3, draw)
    parts = [langevin(normal(1.0), piece, 5, 0.3, part) for piece, part in zip(x.split(3), draw.parts(2), strict=True)]
    assert torch.equal(whole.x, torch.cat([part.x for part in parts]))
    assert torch.equal(whole.acceptance, torch.cat([part.acceptance for part in parts]))


def test_a_chain_touches_no_gradient_of_a_parameter_and_runs_without_a_graph() -> None:
    weight = torch.ones(1, dtype=DOUBLE, requires_grad=True)
    with torch.no_grad():
        after = moved(lambda x: weight * normal(1.0)(x), 3, 0.5, n=10)
    assert weight.grad is None
    assert not after.x.requires_grad and len(after.x.unique()) == 10


def test_no_steps_leave_the_chains_where_they_are() -> None:
    after = moved(normal(1.0), 0, 0.5, n=10)
    assert (after.x == 0).all() and after.acceptance.shape == (10,)
