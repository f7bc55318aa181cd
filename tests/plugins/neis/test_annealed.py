"""Annealing on laws whose normaliser is known: nothing is lost on the way, forwards or back, and all is counted."""

from __future__ import annotations

import math

import pytest
import torch
from estimated import Base, Normal, Skewed

from pushforward import Draw, RunFailed, Target, UserError
from pushforward.numerics.weights import estimate_from_log_weights
from pushforward_neis.annealed import (
    AnnealedImportanceSampling,
    ReverseAnnealedImportanceSampling,
    backward,
    forward,
)
from pushforward_neis.annealing import Annealing
from pushforward_neis.pilot import Schedule, find_schedule, next_rise, systematic

F64 = torch.float64
DRAW = Draw(0, ("test",), 1)


def schedule(betas: list[float], step: float, dimension: int) -> Schedule:
    return Schedule(betas, torch.full((len(betas) - 1, dimension), step))


def test_where_the_target_is_the_base_every_weight_is_one() -> None:
    part = Draw(0, ("weights",), 500, dtype=F64)
    for weigh in (forward, backward):
        way = Annealing(Base())
        found = weigh(way, schedule([0.0, 0.2, 0.7, 1.0], 0.5, 3), way.from_base(part), part)
        assert float(found.abs().max()) < 1e-12
    e = AnnealedImportanceSampling().estimate(Base(), 200_000, DRAW)
    assert e.ess == pytest.approx(1) and abs(e.log_z) < 1e-5 and e.warning == ""


@pytest.mark.parametrize("betas", [[0.0, 1.0], [0.0, 0.9, 1.0], [0.0, 0.1, 0.3, 1.0]])
@pytest.mark.parametrize("leaps", [1, 3])
def test_the_mean_weight_is_z_for_any_temperatures_and_steps(betas: list[float], leaps: int) -> None:
    target, part = Normal((0.5, -0.4), (0.7, 0.8)), Draw(1, ("weights",), 60_000)
    way = Annealing(target, leaps=leaps)
    steps = schedule(betas, 0.9, 2)
    there = estimate_from_log_weights(forward(way, steps, way.from_base(part), part), 1)
    back = estimate_from_log_weights(backward(way, steps, way.at(target.sample(part.n, part).x), part), 1)
    assert abs(there.log_z - target.log_z) < 4 * there.standard_error < 0.05
    assert abs(-back.log_z - target.log_z) < 4 * back.standard_error < 0.05
    assert there.bound is not None and back.bound is not None
    assert there.bound < target.log_z < -back.bound  # Jensen, by many errors


def test_a_move_leaves_the_law_of_its_temperature_alone() -> None:
    target, beta = Normal((1.0,), (0.5,), 0.0), 0.3
    precision = (1 - beta) + beta / 0.25
    mean = beta / 0.25 / precision
    part = Draw(0, ("law",), 50_000, dtype=F64)
    way = Annealing(target, leaps=3)
    known = way.at(mean + part.normal("start", 1) / precision**0.5)
    for i in range(5):
        known, chance = way.move(known, beta, torch.full((1,), 0.8, dtype=F64), part, f"move-{i}")
    assert 0.5 < float(chance.mean()) < 0.97  # so that the test matters
    off = (known.x - mean) * precision**0.5
    assert abs(float(off.mean())) < 4 / 50_000**0.5 and abs(float(off.square().mean()) - 1) < 4 * (2 / 50_000) ** 0.5


@pytest.mark.parametrize(
    "estimator", [AnnealedImportanceSampling(leaps=2), AnnealedImportanceSampling(20, "linear", 1)]
)
def test_an_asymmetric_law_has_its_own_log_z(estimator: AnnealedImportanceSampling) -> None:
    e = estimator.estimate(Skewed(), 600_000, DRAW)
    assert abs(e.log_z - Skewed.log_z) < 4 * e.standard_error < 0.1
    assert e.warning == ""


def test_every_evaluation_is_counted_once_and_no_more_are_spent_than_given() -> None:
    for estimator in (AnnealedImportanceSampling(), ReverseAnnealedImportanceSampling(30, moves=2)):
        target = Normal()
        e = estimator.estimate(target, 300_000, DRAW)
        assert (e.evaluations, e.gradient_evaluations) == (target.evaluated, target.sloped)
        assert 290_000 < e.evaluations + e.gradient_evaluations <= 300_000


def test_both_directions_bracket_log_z_and_close_in_with_temperatures() -> None:
    target, gaps = Normal(), []
    for temperatures in (5, 40):
        low = AnnealedImportanceSampling(temperatures).estimate(target, 600_000, DRAW)
        high = ReverseAnnealedImportanceSampling(temperatures).estimate(target, 600_000, DRAW)
        assert low.bound is not None and high.bound is not None
        assert low.bound < target.log_z < high.bound
        assert high.warning or abs(high.log_z - target.log_z) < 4 * high.standard_error
        assert high.interval[0] < high.log_z < high.interval[1]
        gaps.append(high.bound - low.bound)
    assert gaps[1] < gaps[0] / 3 and high.warning == ""


def test_the_rise_of_a_temperature_leaves_the_share_that_is_asked_for() -> None:
    log_ratio = torch.tensor([0.0, -3.0], dtype=F64).repeat(50)
    rise = next_rise(log_ratio, 1.0, 0.8)
    w = math.exp(-3 * rise)
    assert (1 + w) ** 2 / (2 * (1 + w * w)) == pytest.approx(0.8, abs=2e-3)
    assert next_rise(log_ratio, 0.1, 0.8) == 0.1


def test_systematic_resampling_takes_each_its_share_within_one() -> None:
    log_weights = torch.randn(7, 200, generator=torch.Generator().manual_seed(0), dtype=F64)
    log_weights[3] = -math.inf
    taken = systematic(log_weights, torch.linspace(0, 0.99, 7)[:, None])
    for g in range(7):
        counts = torch.bincount(taken[g], minlength=200)
        share = 200 * torch.softmax(log_weights[g], 0) if g != 3 else torch.ones(200)
        assert float((counts - share).abs().max()) < 1


def test_steps_at_temperatures_in_between_lie_in_between() -> None:
    known = Schedule([0.0, 0.1, 1.0], torch.tensor([[1.0], [0.01]]))
    other = known.at([0.0, 0.05, 0.55, 1.0])
    assert torch.allclose(other.steps, torch.tensor([[1.0], [0.1], [0.01]]))
    assert known.of_length(4).betas == pytest.approx([0.0, 0.05, 0.1, 0.55, 1.0])
    one = Schedule([0.0, 1.0], torch.tensor([[0.5]])).of_length(3)
    assert one.betas == pytest.approx([0, 1 / 3, 2 / 3, 1]) and torch.equal(one.steps, torch.full((3, 1), 0.5))


class Broken(Normal):
    """NaN where the first coordinate is above an edge."""

    def __init__(self, edge: float, value: float = math.nan) -> None:
        super().__init__((0.0, 0.0), (0.8, 0.8))
        self.edge, self.value = edge, value

    def log_density(self, x: torch.Tensor) -> torch.Tensor:
        return torch.where(x[:, 0] > self.edge, self.value, super().log_density(x))


def test_a_target_that_gives_nan_is_said_and_never_dropped() -> None:
    e = AnnealedImportanceSampling(10).estimate(Broken(2.0), 200_000, DRAW)
    assert e.non_finite > 0 and math.isnan(e.log_z) and e.standard_error == math.inf
    assert "NaN" in e.warning
    rare = AnnealedImportanceSampling(10).estimate(Broken(5.5), 200_000, DRAW)  # no particle begins there
    assert rare.non_finite == 0 and math.isfinite(rare.log_z)


def test_infinite_energies_are_weights_of_zero() -> None:
    target = Broken(0.5, -math.inf)
    e = AnnealedImportanceSampling(10).estimate(target, 400_000, DRAW)
    inside = 0.5 * (1 + math.erf(0.5 / 0.8 / 2**0.5))
    assert e.non_finite == 0 and abs(e.log_z - target.log_z - math.log(inside)) < 4 * e.standard_error < 0.1


def test_what_cannot_work_is_refused_in_a_sentence() -> None:
    with pytest.raises(UserError, match="half of a budget of 1000 does not take it on"):
        AnnealedImportanceSampling().estimate(Normal(), 1000, DRAW)
    with pytest.raises(UserError, match="does not pay for two particles"):
        AnnealedImportanceSampling(10_000).estimate(Normal(), 40_000, DRAW)
    with pytest.raises(RunFailed, match="none of 64 particles of the pilot"):
        find_schedule(Annealing(Broken(-1e9, -math.inf)), DRAW, 64, 0.5, 10**6)


def test_a_target_without_a_closed_score_is_moved_by_automatic_differentiation() -> None:
    class Plain(Target):
        shape = (2,)

        def log_density(self, x: torch.Tensor) -> torch.Tensor:
            return -0.5 * ((x - 1) / 0.5).square().sum(1)

    log_z = math.log(2 * math.pi * 0.25)
    e = AnnealedImportanceSampling().estimate(Plain(), 200_000, DRAW)
    assert abs(e.log_z - log_z) < 4 * e.standard_error < 0.2
