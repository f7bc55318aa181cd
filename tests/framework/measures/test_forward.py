"""What true samples of a target say of a model: bounds, forward effective size and mode entropy with known answers."""

from __future__ import annotations

import math

import pytest
import torch

from pushforward.measures.evidence_bounds import EvidenceBounds
from pushforward.measures.forward_ess import ForwardESS
from pushforward.measures.mode_entropy import ModeEntropy
from pushforward.problem import UserError
from pushforward.randomness import Draw
from pushforward.roles.measure import Look
from pushforward.roles.target import Batch, Target
from pushforward_targets.mixtures import GaussianMixture


@pytest.fixture
def scaled(gaussian, copy_of):
    """A look at N(0, s^2) as the model of the law e^3 N(0, 1), in D dimensions, n samples each."""

    def look(scale: float, dimension: int = 1, known: bool = True) -> Look:
        target, model = gaussian(dimension), copy_of(gaussian(dimension, scale=scale))
        density = target.log_density
        target.log_density = lambda x: density(x) + 3
        target.log_z = 3.0 if known else None
        return Look(model, target)

    return look


def test_a_perfect_model_has_no_gap_and_every_sample_is_worth_one(scaled):
    bounds, ess = EvidenceBounds().measure(scaled(1.0)), ForwardESS().measure(scaled(1.0))
    assert bounds["elbo"] == pytest.approx(3, abs=1e-6) and bounds["eubo"] == pytest.approx(3, abs=1e-6)
    assert bounds["value"] == pytest.approx(0, abs=1e-6) and bounds["standard_error"] < 1e-6
    assert ess["value"] == pytest.approx(1, abs=1e-6) and ess["reverse"] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("scale", "dimension"), [(1.3, 1), (1.3, 4), (0.8, 2)])
def test_gaussians_of_other_widths_have_the_divergences_of_the_closed_form(scaled, scale, dimension):
    out = EvidenceBounds(20_000).measure(scaled(scale, dimension))
    reverse = dimension * (scale**2 - 1 - math.log(scale**2)) / 2
    forward = dimension * (1 / scale**2 - 1 + math.log(scale**2)) / 2
    assert abs(out["elbo"] - (3 - reverse)) < 4 * out["elbo_standard_error"]
    assert abs(out["eubo"] - (3 + forward)) < 4 * out["eubo_standard_error"]
    assert abs(out["value"] - reverse - forward) < 4 * out["standard_error"]
    assert out["reverse_kl"] == 3 - out["elbo"] and out["forward_kl"] == out["eubo"] - 3
    assert out["outside"] == out["non_finite"] == 0


@pytest.mark.parametrize(
    ("scale", "dimension", "known"), [(1.5, 1, True), (1.2, 1, False), (1.2, 5, True), (0.9, 1, True)]
)
def test_the_forward_size_is_the_closed_form(scaled, scale, dimension, known):
    """sqrt(2 s^2 - 1) / s^2 to the power D, for s^2 above one half."""
    out = ForwardESS(20_000).measure(scaled(scale, dimension, known))
    expected = (math.sqrt(2 * scale**2 - 1) / scale**2) ** dimension
    assert abs(out["value"] - expected) < 4 * out["standard_error"]
    assert out["standard_error"] < 0.02 and abs(out["reverse"] - expected) < 0.05


@pytest.mark.parametrize("known", [True, False])
def test_the_standard_errors_are_the_spread_over_repeats(known, normal):
    """For N(0, 1.2^2) on N(0, 1), where w and 1 / w have a variance: w = 1.2 exp(-x^2 (1 - 1 / 1.2^2) / 2)."""
    values, errors = [], []
    for seed in range(200):
        x = normal(seed, 500)
        measure = ForwardESS()
        measure.update(torch.zeros(5), math.log(1.2) - x.square() * (1 - 1 / 1.44) / 2, 0.0 if known else None)
        out = measure.compute()
        values.append(out["value"]), errors.append(out["standard_error"])
    spread, claimed = float(torch.tensor(values).std()), sum(errors) / 200
    assert claimed == pytest.approx(spread, rel=0.2)  # the spread of 200 is known to 5 %


def test_a_missed_mode_is_seen_by_the_forward_size_and_the_upper_bound_alone(copy_of):
    target = GaussianMixture([[-5.0, 0.0], [5.0, 0.0]], scale=1.0)
    look = Look(copy_of(GaussianMixture([[5.0, 0.0]], scale=1.0)), target)
    ess, bounds = ForwardESS().measure(look), EvidenceBounds().measure(look)
    assert ess["reverse"] > 0.99 and ess["value"] < 1e-6
    assert bounds["reverse_kl"] == pytest.approx(math.log(2), abs=1e-3)  # log Z is underestimated by log 2, no more
    assert bounds["forward_kl"] > 20
    entropy = ModeEntropy().measure(look)
    assert entropy["value"] == 0 and entropy["ideal"] == 1 and entropy["total_variation"] == pytest.approx(0.5)


class Box(Target):
    """Uniform on [-1, 1]."""

    shape, log_z = (1,), math.log(2)

    def sample(self, n, draw):
        return Batch(2 * draw.uniform("x", 1) - 1)

    def log_density(self, x):
        return (0 * x.sum(1)).masked_fill(x.abs().amax(1) > 1, -math.inf)


def test_what_lies_outside_is_counted_and_nothing_is_dropped(gaussian, copy_of):
    wide = Look(copy_of(gaussian(1)), Box())
    bounds = EvidenceBounds().measure(wide)
    assert bounds["elbo"] == -math.inf and bounds["value"] == math.inf
    assert bounds["outside"] == pytest.approx(5000 * 0.3173, rel=0.1) and bounds["non_finite"] == 0
    assert 0 < ForwardESS().measure(wide)["value"] < 1
    narrow = Look(copy_of(Box()), gaussian(1))  # has no density at a third of the target's samples
    ess, bounds = ForwardESS().measure(narrow), EvidenceBounds().measure(narrow)
    assert ess["value"] == 0 and ess["non_finite"] == bounds["non_finite"] > 1000
    assert bounds["eubo"] == math.inf


def test_the_entropy_of_known_counts_is_exact():
    target = GaussianMixture([[0.0], [10.0], [20.0], [30.0]], scale=0.1, weights=[0.4, 0.3, 0.2, 0.1])
    measure = ModeEntropy()
    measure.update(torch.tensor([[0.0]] * 50 + [[10.0]] * 25 + [[20.1]] * 25), target)
    out = measure.compute()
    assert out["value"] == pytest.approx(1.5 / 2)  # 1.5 bits of 2
    assert out["ideal"] == pytest.approx(-sum(w * math.log2(w) for w in (0.4, 0.3, 0.2, 0.1)) / 2)
    assert out["total_variation"] == pytest.approx((0.1 + 0.05 + 0.05 + 0.1) / 2)


def test_the_error_of_the_entropy_is_the_spread_over_repeats():
    target = GaussianMixture([[0.0], [10.0]], scale=0.1, weights=[0.7, 0.3])
    values, errors = [], []
    for seed in range(150):
        measure = ModeEntropy()
        measure.update(target.sample(400, Draw(seed, ("x",), 400)).x, target)
        out = measure.compute()
        values.append(out["value"]), errors.append(out["standard_error"])
    assert sum(errors) / 150 == pytest.approx(float(torch.tensor(values).std()), rel=0.25)


def test_what_cannot_be_measured_is_refused(gaussian):
    for kind, name in ((EvidenceBounds, "EvidenceBounds"), (ForwardESS, "ForwardESS")):
        with pytest.raises(UserError, match=f"{name}: samples is 1, but two or more are needed"):
            kind(1)
        measure = kind()
        measure.update(torch.zeros(3), torch.zeros(1))
        with pytest.raises(UserError, match=f"{name} got 3 and 1 weights: it needs two of each"):
            measure.compute()
    with pytest.raises(UserError, match="GaussianTarget has no modes"):
        ModeEntropy().update(torch.zeros(3, 2), gaussian(2))
    with pytest.raises(UserError, match="a single mode"):
        ModeEntropy().update(torch.zeros(3, 1), GaussianMixture([[0.0]]))
    with pytest.warns(UserWarning, match="before the"), pytest.raises(UserError, match="got no samples"):
        ModeEntropy().compute()
