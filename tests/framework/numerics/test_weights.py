"""Importance weights with known log Z, known spread and known tails."""

import math

import pytest
import torch

from pushforward import Draw
from pushforward.numerics.log_sum import LogSum
from pushforward.numerics.pareto import khat_of_largest, largest_needed
from pushforward.numerics.weights import (
    Weights,
    effective_fraction,
    estimate_from_log_weights,
    log_mean_exp,
    log_mean_standard_error,
    pareto_khat,
    pareto_shape,
)


def normal(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def uniform(seed, *shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_log_mean_exp_is_exact_where_exp_overflows():
    assert log_mean_exp(torch.tensor([1000.0, 1000.0 + math.log(3)])) == pytest.approx(1000 + math.log(2))


def test_equal_weights_are_all_effective_and_one_weight_is_one():
    assert effective_fraction(torch.full((50,), -700.0)) == pytest.approx(1)
    assert effective_fraction(torch.tensor([0.0, -math.inf, -math.inf, -math.inf])) == pytest.approx(1 / 4)
    assert log_mean_standard_error(torch.full((50,), 3.0)) == 0


def test_the_standard_error_is_the_spread_over_repeats():
    log_weights = 0.7 * normal(0, 400, 1000)
    found = torch.tensor([log_mean_exp(w) for w in log_weights])
    stated = torch.tensor([log_mean_standard_error(w) for w in log_weights]).mean()
    # the spread of 400 repeats is known to 3.5 %, and the closed form is sqrt((e^{s^2} - 1) / N)
    assert float(stated / found.std()) == pytest.approx(1, abs=0.12)
    assert float(stated) == pytest.approx(math.sqrt((math.exp(0.49) - 1) / 1000), rel=0.05)


@pytest.mark.parametrize("alpha", [1.0, 2.0, 5.0])
def test_khat_of_pareto_weights_is_one_over_alpha(alpha):
    found = [pareto_khat(-torch.log(uniform(i, 20_000)) / alpha) for i in range(20)]
    # the tail has 425 weights, so one k has a spread of about (1 + k) / sqrt(425) < .1; the prior pulls a little to 1/2
    assert sum(found) / 20 == pytest.approx(1 / alpha, abs=0.08)


@pytest.mark.parametrize("k", [-0.5, 0.25, 0.8])
def test_the_shape_of_a_generalised_pareto_law_is_found(k):
    x = (uniform(0, 20_000).pow(-k) - 1) / k
    assert pareto_shape(x.sort().values) == pytest.approx(k, abs=0.04)


def test_khat_of_flat_weights_is_zero_and_of_a_lonely_one_infinite():
    assert pareto_khat(torch.zeros(1000)) == 0
    assert pareto_khat(torch.tensor([0.0] + [-math.inf] * 999)) == math.inf


def piled_under_a_bound(seed, n=40_000):
    """A bend below 1, and 2 % of weights above it whose excess is spread like a Pareto law's, but ends at .025."""
    u = uniform(seed, 2, n)
    return torch.where(u[0] < 0.98, 0.6 + 0.4 * u[1], 1 + (1e-4 / u[1]).clamp(max=0.025)).log()


def test_a_tail_that_is_too_small_to_matter_is_no_reason_to_doubt_whatever_its_index():
    mean = 0.98 * 0.8 + 0.02 * (1 + 1e-4 * (1 + math.log(250)))  # E min(c / u, b) = c (1 + log(b / c))
    found = [estimate_from_log_weights(piled_under_a_bound(seed), 1) for seed in range(200)]
    assert all(e.khat > 0.7 for e in found) and not any(e.warning for e in found)
    covered = sum(e.interval[0] < math.log(mean) < e.interval[1] for e in found)
    assert 178 <= covered <= 199  # 190 are expected, with a spread of 3: the interval was right all along


@pytest.mark.parametrize("k", [0.6, 0.9, 1.5])
def test_the_tail_of_weights_without_variance_weighs_at_least_half_a_standard_error(k):
    for seed in range(50):
        weights = Weights(40_000)
        weights.add(-k * torch.log(uniform(seed, 40_000)))
        assert weights.tail > 1
        assert weights.khat < 0.7 or "k-hat" in weights.estimate(1).warning


def test_the_tail_is_the_excess_over_its_threshold_in_standard_errors_of_the_mean():
    w = 0.5 * normal(0, 10_000)
    weights = Weights(len(w))
    weights.add(w)
    a = w.exp()
    top = a.topk(301).values
    expected = (top[:-1] - top[-1]).sum() / (a - a.mean()).square().sum().sqrt()
    assert weights.tail == pytest.approx(float(expected), rel=1e-9)
    flat = Weights(1000)
    flat.add(torch.zeros(1000))
    assert flat.tail == 0


def test_an_estimate_of_good_weights_covers_the_truth_without_a_warning():
    e = estimate_from_log_weights(0.5 * normal(0, 10_000), evaluations=20_000, gradient_evaluations=3, offset=7.0)
    assert e.interval[0] < 7 + 0.125 < e.interval[1]
    assert e.interval[1] - e.interval[0] == pytest.approx(2 * 1.96 * e.standard_error)
    assert (e.n, e.non_finite, e.evaluations, e.gradient_evaluations, e.warning) == (10_000, 0, 20_000, 3, "")


def test_zero_weights_are_legitimate_and_count():
    w = torch.zeros(1000)
    w[:500] = -math.inf
    e = estimate_from_log_weights(w, evaluations=1000)
    assert e.log_z == pytest.approx(-math.log(2)) and e.non_finite == 0 and e.ess == pytest.approx(0.5)
    assert e.standard_error == pytest.approx(math.sqrt(1 / 999)) and e.warning == ""


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_never_dropped(bad):
    w = torch.zeros(1000)
    w[17] = bad
    e = estimate_from_log_weights(w, evaluations=1000)
    assert not math.isfinite(e.log_z) and e.standard_error == math.inf and e.non_finite == 1
    assert "1 of 1000 weights are NaN or infinite" in e.warning


def test_all_weights_zero_is_said_in_words():
    e = estimate_from_log_weights(torch.full((10,), -math.inf), evaluations=10)
    assert e.log_z == -math.inf and "all 10 weights are zero" in e.warning


def test_heavy_tails_and_few_effective_weights_are_said_in_words():
    heavy = estimate_from_log_weights(-torch.log(uniform(0, 100_000)), evaluations=100_000)  # Pareto of index 1
    assert "k-hat" in heavy.warning and "above 0.70" in heavy.warning
    few = estimate_from_log_weights(0.1 * normal(0, 50), evaluations=50)
    assert "weights are effective" in few.warning
    assert "above 0.50" in estimate_from_log_weights(3 * normal(0, 100), evaluations=100).warning  # 1 - 1/log10(100)


def test_weights_that_are_no_list_are_refused():
    with pytest.raises(ValueError, match="expected"):
        estimate_from_log_weights(torch.empty(0), evaluations=0)
    with pytest.raises(ValueError, match="expected"):
        estimate_from_log_weights(torch.zeros(3, 1), evaluations=3)


def some_weights():
    w = 40 * normal(5, 5000)
    w[7], w[4000] = -math.inf, -1e6
    return w


def test_weights_in_blocks_and_by_processes_are_the_weights_at_once_to_the_last_bit():
    w = some_weights()
    blocks = w.split(512)
    found = []
    for order in (range(10), reversed(range(10))):
        weights = Weights(len(w))
        for i in order:
            weights.add(blocks[i])
        found.append(weights.estimate(1))
    halves = [Weights(len(w)), Weights(len(w))]
    for i, block in enumerate(blocks):
        halves[i % 2].add(block)
    halves[0].merge(halves[1])
    found.append(halves[0].estimate(1))
    assert found[0] == found[1] == found[2]
    whole = estimate_from_log_weights(w, 1)
    for name in ("log_z", "standard_error", "ess", "khat"):
        assert getattr(found[0], name) == pytest.approx(getattr(whole, name), rel=1e-12)
    assert found[0].khat == pareto_khat(w)


def test_what_is_kept_of_weights_does_not_grow_with_them():
    weights = Weights(100_000)
    for i in range(100):
        weights.add(normal(i, 1000))
    assert len(weights.largest) == math.ceil(3 * math.sqrt(100_000)) + 1
    assert weights.sum.whole.bit_length() < 200


def test_the_tail_index_of_many_weights_takes_no_more_memory_than_a_few_copies_of_their_tail():
    top = (-torch.log(uniform(0, 10**7 // 100))).sort(descending=True).values[: largest_needed(10**7)]
    with torch.profiler.profile(profile_memory=True) as seen:
        khat_of_largest(top)
    asked = [e.cpu_memory_usage for e in seen.events() if e.cpu_memory_usage > 0]
    assert max(asked) <= 2 * top.nbytes


def test_the_mean_log_weight_is_below_log_z_and_its_bound():
    w = 0.5 * normal(0, 10_000)
    e = estimate_from_log_weights(w, 1, offset=3.0)
    assert e.bound == pytest.approx(3 + float(w.mean())) and e.bound < e.log_z


def test_a_sum_of_exponentials_of_any_size_is_exact():
    total = LogSum()
    for size in (5.0, -1e5, 1e5, 1e5, -1e12):
        total.add(torch.tensor([size]).double())
    assert total.log() == pytest.approx(1e5 + math.log(2), rel=1e-15)
    assert LogSum().log() == -math.inf


def test_few_weights_have_the_interval_of_student_and_a_single_one_has_none():
    e = estimate_from_log_weights(torch.tensor([0.0, math.log(3)]), evaluations=2)  # weights 1 and 3
    assert e.log_z == pytest.approx(math.log(2)) and e.standard_error == pytest.approx(0.5)
    assert e.interval[1] - e.log_z == pytest.approx(12.706 * 0.5, rel=1e-4)  # one degree of freedom
    assert estimate_from_log_weights(torch.zeros(1), evaluations=1).standard_error == math.inf


def test_blocks_of_a_draw_are_the_same_however_many_share_them():
    whole = [part.normal("x", 2) for part in Draw(0, (3,), 1).blocks("walkers", 5000, 1024)]
    shared = [
        part.normal("x", 2) for i in range(3) for part in Draw(0, (3,), 3, (i, i + 1)).blocks("walkers", 5000, 1024)
    ]
    assert [len(x) for x in whole] == [1024] * 4 + [904]
    assert all(torch.equal(a, b) for a, b in zip(whole, shared, strict=True))
