"""Held-out log-density, mass and log Z of laws for which all three are known."""

import math

import pytest
import torch

from pushforward.doubts import doubts
from pushforward.measures.likelihood import LogDensity, fitted_gaussian
from pushforward.measures.log_z import LogZ
from pushforward.measures.mass import Mass
from pushforward.numerics.weights import estimate_from_log_weights
from pushforward.problem import UserError
from pushforward.roles.estimator import Estimator
from pushforward.roles.measure import Look


def test_the_log_density_of_a_gaussian_is_its_negative_entropy_and_so_is_the_fitted_one(gaussian, copy_of):
    target = gaussian(2, mean=1.0, scale=0.5)
    out = LogDensity().measure(Look(copy_of(target), target))
    entropy = 1 + math.log(2 * math.pi * 0.25)
    assert abs(out["value"] + entropy) < 4 * out["standard_error"]
    assert out["standard_error"] == pytest.approx(1 / math.sqrt(10_000), rel=0.05)  # -log p varies by D/2 = 1
    assert out["gaussian"] == pytest.approx(out["value"], abs=1e-3)
    assert out["n"] == 10_000 and out["non_finite"] == 0


def test_a_row_without_density_is_counted_and_kept():
    measure = LogDensity()
    measure.update(torch.tensor([0.0, -math.inf]))
    out = measure.compute()
    assert out["value"] == -math.inf and out["non_finite"] == 1


def test_no_gaussian_is_fitted_where_a_coordinate_is_constant_or_rows_are_few(normal):
    assert fitted_gaussian(torch.cat([normal(0, 100, 2), torch.ones(100, 1)], 1)) is None
    assert fitted_gaussian(torch.cat([normal(0, 100, 2)] * 2, 1)) is None
    assert fitted_gaussian(normal(0, 3, 3)) is None
    assert fitted_gaussian(normal(0, 4, 1)) is not None


@pytest.mark.parametrize("dimension", [1, 2])
def test_the_mass_of_a_density_is_one_and_of_a_wrong_one_is_not(dimension, gaussian, copy_of):
    target = gaussian(dimension, mean=3.0)
    right = Mass(points=100).measure(Look(copy_of(target), target))
    wrong = Mass(points=100).measure(Look(copy_of(target, wrong=0.1), target))
    assert right["value"] == pytest.approx(1, abs=1e-6) and right["refinement"] < 1e-6
    assert wrong["value"] == pytest.approx(math.exp(0.1), abs=1e-6)
    assert right["n"] == 100**dimension


def test_a_box_of_given_width_holds_what_lies_in_it(gaussian, copy_of):
    target = gaussian(1)
    out = Mass(half_width=1.0, points=1000, samples=100_000).measure(Look(copy_of(target), target))
    # the data's midrange may be off centre by 0.5, which moves the mass of a unit box by less than 0.08
    assert out["value"] == pytest.approx(math.erf(1 / math.sqrt(2)), abs=0.08)


def test_a_density_too_spiky_for_the_grid_shows_in_the_refinement(gaussian, copy_of):
    out = Mass(points=20).measure(Look(copy_of(gaussian(2, scale=0.3)), gaussian(2)))
    assert out["refinement"] > 0.1


def test_mass_refuses_three_dimensions(gaussian, copy_of):
    with pytest.raises(UserError, match="the data have 3"):
        Mass().measure(Look(copy_of(gaussian(3)), gaussian(3)))


class ByNormalWeights(Estimator):
    """log-weights N(0, s^2): log Z is s^2 / 2."""

    def estimate(self, target, budget, draw):
        generator = draw.generator("weights")
        return estimate_from_log_weights(0.5 * torch.randn(budget, generator=generator), evaluations=budget)


def test_log_z_reports_an_estimator_against_the_truth(gaussian, copy_of):
    target = gaussian(2)
    target.log_z = 0.125
    measure = LogZ(ByNormalWeights(), evaluations=10_000)
    out = measure.measure(Look(copy_of(target), target))
    assert measure.label("log-z") == "log-z/by-normal-weights"
    assert abs(out["error"]) < 4 * out["standard_error"] and out["error"] == out["value"] - 0.125
    assert out["low"] < out["value"] < out["high"] and out["n"] == out["evaluations"] == 10_000


def test_log_z_asks_the_model_where_no_estimator_is_given(gaussian, copy_of):
    target = gaussian(2)
    model = copy_of(target)
    with pytest.raises(UserError, match="Copy estimates no log Z"):
        LogZ().measure(Look(model, target))
    model.estimate = ByNormalWeights().estimate
    out = LogZ(evaluations=50).measure(Look(model, target))
    assert LogZ().label("log-z") == "log-z"
    assert out["n"] == 50 and "error" not in out  # the truth is not known here


def test_log_z_doubts_what_is_far_from_a_known_truth_or_doubts_itself(gaussian, copy_of):
    target = gaussian(2)
    target.log_z = 0.2  # 14 standard errors from what the weights say
    with doubts() as voiced:
        LogZ(ByNormalWeights(), evaluations=10_000).measure(Look(copy_of(target), target))
    assert len(voiced) == 1 and "the known log Z, 0.2, is 0.0698 away" in voiced[0]
    target.log_z = 0.125
    with doubts() as voiced:
        LogZ(ByNormalWeights(), evaluations=50).measure(Look(copy_of(target), target))
    assert len(voiced) == 1 and "effective" in voiced[0]
