"""Many wells: log Z and the weight of a well by quadrature of their own, and samples of that weight."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import integrate

from pushforward import Draw, UserError
from pushforward.measures.mode_entropy import ModeEntropy
from pushforward_targets.wells import ManyWell, MultiWell


def density(x: float) -> float:
    return math.exp(-(x**4) + 6 * x**2 + x / 2)


def test_log_z_is_that_of_the_literature_and_of_another_quadrature() -> None:
    z = integrate.quad(density, -5, 5, epsabs=1e-9, points=[-1.7, 0, 1.7])[0]
    assert z == pytest.approx(11784.50927, rel=1e-9)
    assert ManyWell(1).log_z == pytest.approx(math.log(z) + 0.5 * math.log(2 * math.pi), abs=1e-9)
    assert ManyWell(1).log_z == pytest.approx(10.2934797, abs=1e-7)
    assert ManyWell(16).log_z == pytest.approx(164.695675, abs=1e-6)


def test_samples_have_the_moments_of_the_well_and_its_share() -> None:
    n = 50_000
    x = ManyWell(2).sample(n, Draw(0, ("x",), n, dtype=torch.float64)).x
    z = integrate.quad(density, -5, 5)[0]
    for power in (1, 2, 4):
        expected = integrate.quad(lambda s, p=power: s**p * density(s), -5, 5)[0] / z
        for column in (0, 2):
            values = x[:, column] ** power
            assert abs(float(values.mean()) - expected) < 4 * float(values.std()) / math.sqrt(n)
    for column in (0, 2):
        right = float((x[:, column] > 0).double().mean())
        assert abs(right - 0.844307) < 4 * math.sqrt(0.844307 * 0.155693 / n)
    assert abs(float(x[:, 1].std()) - 1) < 4 / math.sqrt(2 * n)


def test_the_density_is_the_sum_over_pairs() -> None:
    x = torch.tensor([[1.0, 2.0, -1.5, 0.5]], dtype=torch.float64)
    expected = (-1 + 6 + 0.5 - 2) + (-(1.5**4) + 6 * 1.5**2 - 0.75 - 0.125)
    assert float(ManyWell(2).log_density(x)) == pytest.approx(expected)


def test_no_pair_is_refused() -> None:
    with pytest.raises(UserError, match="pairs is 0: expected at least 1"):
        ManyWell(0)


def test_symmetric_wells_have_the_log_z_of_the_literature() -> None:
    assert MultiWell().log_z == pytest.approx(-0.5410555, abs=1e-7)
    assert MultiWell(50, 5, 2.0).log_z == pytest.approx(42.817243, abs=1e-6)
    z = integrate.quad(lambda s: math.exp(-((s**2 - 4) ** 2)), -4, 4, epsabs=1e-12, points=[-2, 0, 2])[0]
    assert MultiWell(3, 1, 4.0).log_z == pytest.approx(math.log(z) + math.log(2 * math.pi), abs=1e-9)


def test_symmetric_wells_are_equally_full_and_have_their_density() -> None:
    n = 20_000
    x = MultiWell(3, 2, 2.0).sample(n, Draw(0, ("x",), n, dtype=torch.float64)).x
    shares = (2 * (x[:, 0] > 0).long() + (x[:, 1] > 0).long()).bincount().double() / n
    assert float((shares - 0.25).abs().max()) < 4 * math.sqrt(0.25 * 0.75 / n)
    point = torch.tensor([[1.0, 0.5, 2.0]], dtype=torch.float64)
    assert float(MultiWell(3, 2, 2.0).log_density(point)) == pytest.approx(-1 - 1.75**2 - 2)


def test_the_modes_of_few_wells_are_where_the_density_has_no_slope_and_are_fairly_counted() -> None:
    target, n = MultiWell(3, 2, 4.0), 8000
    assert target.modes is not None and target.modes.shape == (4, 3)
    assert float(target.score(target.modes.double()).abs().max()) < 1e-6
    entropy = ModeEntropy()
    entropy.update(target.sample(n, Draw(0, ("x",), n)).x, target)
    assert entropy.compute()["value"] > 1 - 4 / n  # 1 - chi^2_3 / (2 n log 4), a few times one in n
    assert MultiWell(12, 11, 4.0).modes is None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((3, 4), "dimension is 3: expected at least 4, as many as wells"),
        ((3, 0), "wells is 0: expected at least 1"),
        ((3, 3, -1.0), "separation is -1.0: it must be a number above 0"),
    ],
)
def test_bad_wells_are_refused(arguments: tuple, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        MultiWell(*arguments)
