"""Radial laws and the Cauchy prior: log Z against other quadratures, shares of rings, and refusals."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import integrate

from pushforward import Draw, Target, UserError
from pushforward_targets.cauchy_prior import CauchyPrior
from pushforward_targets.radial import ConcentricRings, NarrowRings


def sample(target: Target, n: int) -> torch.Tensor:
    return target.sample(n, Draw(0, ("test",), n, dtype=torch.float64)).x


@pytest.mark.parametrize(("dimension", "log_z"), [(2, 6.692280), (3, 9.754138), (10, 28.561969)])
def test_concentric_rings_have_the_log_z_of_quadrature(dimension: int, log_z: float) -> None:
    assert ConcentricRings(dimension).log_z == pytest.approx(log_z, abs=1e-6)
    edge, power = 4.5 * math.pi, dimension - 1
    inner = integrate.quad(lambda r: (math.cos(r) + 1.001) * r**power, 0, edge, limit=200)[0]
    outer = integrate.quad(lambda r: math.exp(edge - r) * r**power, edge, math.inf)[0]
    surface = 2 * math.pi ** (dimension / 2) / math.gamma(dimension / 2)
    assert ConcentricRings(dimension).log_z == pytest.approx(math.log(surface * (inner + outer)), abs=1e-6)


def test_concentric_rings_have_the_density_of_the_formula() -> None:
    radii = torch.tensor([0.0, math.pi, 2 * math.pi, 14.0, 16.0], dtype=torch.float64)
    x = torch.stack([radii * 0.6, -radii * 0.8], 1)
    expected = [2.001, 0.001, 2.001, math.cos(14) + 1.001, math.exp(4.5 * math.pi - 16)]
    torch.testing.assert_close(ConcentricRings().log_density(x).exp(), torch.tensor(expected).double())


@pytest.mark.parametrize("target", [ConcentricRings(3), NarrowRings()], ids=["concentric", "narrow"])
def test_the_field_b_equal_to_x_leaves_no_variance(target: ConcentricRings | NarrowRings) -> None:
    """Every ray holds the same share: the integral along each is Z / surface of the sphere."""
    d = target.dimension
    direction = torch.nn.functional.normalize(sample(target, 6), dim=1)
    r = torch.linspace(1e-9, 120, 400_001, dtype=torch.float64)
    for ray in direction:
        along = torch.trapezoid((target.log_density(r[:, None] * ray) + (d - 1) * r.log()).exp(), r)
        surface = 2 * math.pi ** (d / 2) / math.gamma(d / 2)
        assert math.log(float(along) * surface) == pytest.approx(target.log_z, abs=2e-6)


def test_narrow_rings_have_the_log_z_and_the_shares_of_the_literature() -> None:
    target, n = NarrowRings(), 40_000
    assert target.log_z == pytest.approx(2.304881, abs=1e-6)
    assert target.mode_weights is not None
    nearest = target.distance_to_modes(sample(target, n)).argmin(1)
    shares = nearest.bincount(minlength=3).double() / n
    torch.testing.assert_close(target.mode_weights.double(), torch.tensor([1, 3, 5]).double() / 9, atol=1e-4, rtol=0)
    assert float((shares - target.mode_weights).abs().max()) < 4 * math.sqrt(0.25 / n)
    turned = NarrowRings([5.0, 1.0, 3.0])  # weights follow the order of the radii
    assert turned.mode_weights is not None
    torch.testing.assert_close(turned.mode_weights, target.mode_weights[[2, 0, 1]])


def test_the_cauchy_prior_has_the_log_z_of_the_oracle_and_posterior_samples() -> None:
    target, n = CauchyPrior(), 40_000
    assert target.log_z == pytest.approx(-2.414897, abs=1e-6)

    def density(x: float, power: int = 0) -> float:
        return x**power * math.exp(-0.5 * ((x - 2) / 0.5) ** 2) / (math.pi * (1 + x * x))

    z = integrate.quad(density, -10, 10, points=[2.0], epsabs=1e-13)[0]
    assert z == pytest.approx(0.0893765, abs=1e-7) and math.exp(target.log_z) == pytest.approx(z, rel=1e-9)
    x = sample(target, n)
    for power in (1, 2, 3):
        expected = integrate.quad(density, -10, 10, args=(power,), points=[2.0])[0] / z
        values = x[:, 0] ** power
        assert abs(float(values.mean()) - expected) < 4 * float(values.std()) / math.sqrt(n)
    assert float(target.log_density(torch.tensor([[1.0]]).double())) == pytest.approx(math.log(density(1.0)))


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: ConcentricRings(1), "dimension is 1: expected at least 2"),
        (lambda: NarrowRings([]), "radii is empty"),
        (lambda: NarrowRings([1.0, 0.0]), "a radius of radii is 0.0"),
        (lambda: NarrowRings(sharpness=0), "sharpness is 0"),
        (lambda: CauchyPrior(scale=0), "scale is 0"),
    ],
)
def test_bad_numbers_are_refused(build, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        build()
