"""Tangent kernels against quadrature, finite differences, autograd, very wide networks and the notes' numbers."""

import math

import numpy as np
import pytest
import torch
from scipy.special import erf, roots_hermitenorm

from pushforward import UserError
from pushforward_lab.tangent_kernels import SIGMOID_SLOPE, ErfTangent, Rbf, ReluTangent, mmd_squared
from pushforward_lab.wide_critic import WideNetwork, tangent_gram

KERNELS = {
    "rbf": Rbf(0.5),
    "relu": ReluTangent(),
    "relu without bias": ReluTangent(3, 1.3, 0.0),
    "erf": ErfTangent(2, 1.2, 0.3, "erf"),
    "sigmoid": ErfTangent(),
}
every_kernel = pytest.mark.parametrize("name", KERNELS)
GENERATOR = torch.Generator().manual_seed(0)
X = 3 * torch.randn(6, 2, generator=GENERATOR, dtype=torch.float64)
Y = 3 * torch.randn(8, 2, generator=GENERATOR, dtype=torch.float64)
W = torch.randn(8, generator=GENERATOR, dtype=torch.float64)


def by_quadrature(first, second, function, a, b, c):
    """E[function(first u + second v)] over a normal pair, by Gauss-Hermite quadrature."""
    node, mass = roots_hermitenorm(120)
    mass = mass / math.sqrt(2 * math.pi)
    u = math.sqrt(a) * node[:, None]
    v = c / math.sqrt(a) * node[:, None] + math.sqrt(b - c * c / a) * node[None, :]
    return float((mass[:, None] * mass[None, :] * first(u) * second(v) * function).sum())


@pytest.mark.parametrize(("a", "b", "c"), [(1.0, 2.0, 0.3), (0.4, 3.0, -0.9), (2.5, 2.0, 2.1)])
def test_moments_of_smooth_units_are_those_of_quadrature(a, b, c):
    for kernel, value, slope in (
        (KERNELS["erf"], erf, lambda u: 2 / math.sqrt(math.pi) * np.exp(-u * u)),
        (
            KERNELS["sigmoid"],
            lambda u: erf(SIGMOID_SLOPE * u) / 2 + 0.5,
            lambda u: SIGMOID_SLOPE / math.sqrt(math.pi) * np.exp(-((SIGMOID_SLOPE * u) ** 2)),
        ),
    ):
        both, slopes = kernel.moments(*(torch.tensor(v, dtype=torch.float64) for v in (a, b, c)))
        assert float(both) == pytest.approx(by_quadrature(value, value, 1, a, b, c), abs=1e-9)
        assert float(slopes) == pytest.approx(by_quadrature(slope, slope, 1, a, b, c), abs=1e-9)


@pytest.mark.parametrize(("a", "b", "c"), [(1.0, 2.0, 0.3), (0.4, 3.0, -0.9), (2.5, 2.0, 2.1)])
def test_moments_of_relu_are_those_of_a_normal_pair_in_polar_coordinates(a, b, c):
    # E[(u)+ (v)+] with u = sqrt(a) r cos t, v = sqrt(b) r cos(t - angle): the radius gives E[r^2] = 2 exactly
    angle = math.acos(c / math.sqrt(a * b))
    t = (np.arange(400_000) + 0.5) * 2 * math.pi / 400_000
    u, v = math.sqrt(a) * np.cos(t), math.sqrt(b) * np.cos(t - angle)
    both, slopes = ReluTangent().moments(*(torch.tensor(value, dtype=torch.float64) for value in (a, b, c)))
    assert float(both) == pytest.approx(2 * float((u.clip(0) * v.clip(0)).mean()), abs=1e-9)
    assert float(slopes) == pytest.approx(float(((u > 0) & (v > 0)).mean()), abs=1e-5)


@every_kernel
def test_the_closed_slope_is_that_of_finite_differences(name):
    kernel, step = KERNELS[name], 1e-5
    value, slope = kernel.sum_with_slope(X, Y, W)
    assert torch.allclose(value, kernel(X, Y) @ W, rtol=1e-13)
    for axis in torch.eye(2, dtype=torch.float64):
        difference = (kernel(X + step * axis, Y) @ W - kernel(X - step * axis, Y) @ W) / (2 * step)
        assert torch.allclose(slope @ axis, difference, atol=1e-8)


@every_kernel
def test_the_closed_slope_is_that_of_autograd_even_where_points_meet(name):
    x = torch.cat([X, Y[:3]]).requires_grad_()
    (automatic,) = torch.autograd.grad((KERNELS[name](x, Y) @ W).sum(), x)
    assert torch.allclose(KERNELS[name].sum_with_slope(x, Y, W)[1], automatic, atol=1e-12)
    assert automatic.isfinite().all()


def test_the_relu_kernel_has_the_kink_of_the_notes_and_counts_it_with_its_mean_slope():
    kernel, step = ReluTangent(depth=3, weight=1.0, bias=1.0), 1e-5
    z, axis = torch.tensor([[1.0, 2.0]], dtype=torch.float64), torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    here, right, left = (float(kernel(z + shift * axis, z)) for shift in (0, step, -step))
    assert (right - here) / step == pytest.approx(-0.066, abs=5e-4)
    assert (here - left) / step == pytest.approx(0.566, abs=5e-4)
    _, slope = kernel.sum_with_slope(z, z, torch.ones(1, dtype=torch.float64))
    assert float(slope[0, 0]) == pytest.approx((right - left) / (2 * step), abs=1e-5)


def test_two_opposite_points_that_meet_cancel_to_the_last_digit():
    weights = torch.tensor([1.0, -1.0], dtype=torch.float64)
    last = torch.finfo(torch.float64).eps  # a processor that multiplies and adds in one rounds one product, not both
    for kernel in KERNELS.values():
        pair = kernel.sum_with_slope(X, X[:1].expand(2, 2), weights)
        size = kernel.sum_with_slope(X, X[:1], weights[:1])[0].abs().max()
        assert all(bool((left.abs() <= last * size).all()) for left in pair)


def test_relu_without_bias_is_homogeneous_of_degree_one_in_each_point():
    kernel = KERNELS["relu without bias"]
    assert torch.allclose(kernel(2.5 * X, Y), 2.5 * kernel(X, Y), rtol=1e-12)


def test_relu_without_bias_is_zero_and_not_nan_at_the_origin():
    x = torch.zeros(1, 2, dtype=torch.float64, requires_grad=True)
    kernel = KERNELS["relu without bias"]
    value = kernel(x, torch.cat([Y, x.detach()]))
    assert not value.any()
    (slope,) = torch.autograd.grad(value.sum(), x)
    assert slope.isfinite().all()
    assert kernel.sum_with_slope(x, torch.cat([Y, x]), torch.ones(9, dtype=torch.float64))[1].isfinite().all()


@every_kernel
def test_a_gram_matrix_is_symmetric_and_positive(name):
    gram = KERNELS[name](Y, Y)
    assert torch.allclose(gram, gram.T, rtol=1e-13)
    assert float(torch.linalg.eigvalsh(gram).min()) > -1e-12


@pytest.mark.parametrize("name", ["relu", "relu without bias", "erf", "sigmoid"])
def test_a_very_wide_network_has_this_tangent_kernel(name):
    # entries fluctuate by about sqrt(2 layers / width), 11 %, and by a tenth of it after 100 networks
    generator = torch.Generator().manual_seed(0)
    grams = [tangent_gram(WideNetwork(KERNELS[name], 2, 512, generator), X[:4]) for _ in range(100)]
    limit = KERNELS[name](X[:4], X[:4])
    assert float((torch.stack(grams).mean(0) - limit).abs().max() / limit.abs().max()) < 0.04


def test_mmd_is_zero_for_equal_sets_and_positive_for_others():
    assert float(mmd_squared(ReluTangent(), X, X.flip(0))) == pytest.approx(0, abs=1e-14)
    assert float(mmd_squared(ReluTangent(), X, Y)) > 0.01


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Rbf(0.0), "gamma"),
        (lambda: ReluTangent(0), "depth"),
        (lambda: ReluTangent(bias=-1.0), "bias"),
        (lambda: ErfTangent(weight=math.nan), "weight"),
        (lambda: ErfTangent(activation="tanh"), "activation"),
    ],
)
def test_numbers_out_of_range_are_refused_by_name(make, says):
    with pytest.raises(UserError, match=says):
        make()
