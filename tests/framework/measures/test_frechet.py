"""The Fréchet distance against closed forms and a matrix root, and how it is named and scaled."""

import pytest
import scipy.linalg
import torch

from pushforward.measures.features import Classifier, Identity
from pushforward.measures.frechet import FrechetDistance, gaussian_distance
from pushforward.roles.measure import Look


def test_the_distance_of_a_shift_is_its_square_and_of_a_scale_its_closed_form(normal):
    x = normal(0, 50, 4)
    assert gaussian_distance(x, x + 0.5) == pytest.approx(1.0)
    expected = float(x.var(0).sum()) * (3 - 1) ** 2 + float(x.mean(0).square().sum()) * (3 - 1) ** 2
    assert gaussian_distance(x, 3 * x) == pytest.approx(expected)


def test_the_distance_agrees_with_the_root_of_the_product_of_covariances(normal):
    x, y = normal(0, 60, 5) @ normal(1, 5, 5), normal(2, 80, 5) @ normal(3, 5, 5)
    sx, sy = torch.cov(x.T), torch.cov(y.T)
    root = torch.as_tensor(scipy.linalg.sqrtm((sx @ sy).numpy()).real)
    expected = (x.mean(0) - y.mean(0)).square().sum() + torch.trace(sx + sy - 2 * root)
    assert gaussian_distance(x, y) == pytest.approx(float(expected))


def test_covariances_of_fewer_points_than_dimensions_do_no_harm(normal):
    x = normal(0, 10, 40)
    assert gaussian_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert gaussian_distance(x, 2 + x) == pytest.approx(160)


def test_only_inception_features_make_it_fid():
    inception = Identity()
    inception.name = "inception"
    assert FrechetDistance(inception).label("frechet") == "fid/2000"
    assert FrechetDistance().label("frechet") == "frechet/identity/2000"
    assert FrechetDistance(Classifier()).label("frechet") == "frechet/classifier/2000"


def test_a_look_reports_the_held_out_distance_of_training_rows(gaussian, copy_of, labelled):
    target = gaussian(2)
    out = FrechetDistance().measure(Look(copy_of(gaussian(2, mean=1.0)), target))
    # the mean moves by (1, 1); 0.3 is three times the spread 2 |d| sqrt(2 / n) of the square
    assert out["value"] == pytest.approx(2.0, abs=0.3)
    assert out["held_out"] < 0.02 and out["n"] == 2000
    # a model that repeats the training rows is as far from the held-out ones as they are, to the bit
    out = FrechetDistance().measure(Look(copy_of(labelled), labelled, split="test"))
    assert out["value"] == pytest.approx(out["held_out"]) and out["n"] == 200
