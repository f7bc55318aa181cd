"""Densities on compact sets: their mass, their samples, and the field that makes them of the uniform law."""

from __future__ import annotations

import math

import pytest
import torch

from pushforward import Draw, UserError
from pushforward_targets.compact import NeumannSquare, TorusBumps


def test_the_square_has_mass_one_and_nothing_outside() -> None:
    line = (torch.arange(200, dtype=torch.float64) + 0.5) / 200  # exact for trigonometric polynomials
    total = NeumannSquare().log_density(torch.cartesian_prod(line, line)).exp().mean()
    assert float(total) == pytest.approx(1, abs=1e-12)
    assert NeumannSquare().log_density(torch.tensor([[1.1, 0.5], [0.5, -0.1]])).tolist() == [-math.inf, -math.inf]


def test_samples_have_the_mean_wave_of_the_density() -> None:
    """E cos 2 pi x1 cos 2 pi x2 is -c/4, and a square has no preferred half."""
    n = 40_000
    x = NeumannSquare(0.9).sample(n, Draw(0, ("x",), n, dtype=torch.float64)).x
    wave = (2 * math.pi * x).cos().prod(1)
    assert abs(float(wave.mean()) + 0.225) < 4 * float(wave.std()) / math.sqrt(n)
    assert ((x.mean(0) - 0.5).abs() < 4 * x.std(0) / math.sqrt(n)).all()
    assert bool(((x >= 0) & (x <= 1)).all())


def test_the_fields_potential_has_the_excess_of_the_density_as_its_laplacian() -> None:
    x = Draw(1, ("x",), 20, dtype=torch.float64).uniform("x", 2).requires_grad_()
    potential = (0.9 / (8 * math.pi**2) * (2 * math.pi * x).cos().prod(1)).sum()
    (slope,) = torch.autograd.grad(potential, x, create_graph=True)
    laplacian = sum(torch.autograd.grad(slope[:, i].sum(), x, retain_graph=True)[0][:, i] for i in (0, 1))
    torch.testing.assert_close(laplacian, NeumannSquare(0.9).log_density(x).exp() - 1)


def test_a_wave_that_would_be_negative_is_refused() -> None:
    with pytest.raises(UserError, match="strength is 1.0: expected at least 0 and below 1"):
        NeumannSquare(1.0)


def test_the_torus_has_the_log_z_of_the_bessel_function_and_its_period() -> None:
    target = TorusBumps(2.0)
    line = 2 * math.pi * torch.arange(64, dtype=torch.float64) / 64  # exact to rounding for periodic functions
    total = target.log_density(torch.cartesian_prod(line, line)).exp().mean() * (2 * math.pi) ** 2
    bessel = 2 * math.pi * torch.special.i0(torch.tensor(2.0, dtype=torch.float64))
    assert float(total) == pytest.approx(float(bessel) ** 2, rel=1e-12)
    assert math.exp(target.log_z) == pytest.approx(float(bessel) ** 2, rel=1e-9)
    x = torch.rand(20, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        target.log_density(x + 2 * math.pi * torch.tensor([1, -2]).double()), target.log_density(x)
    )


def test_bumps_are_equally_full_and_distances_go_around() -> None:
    n, target = 20_000, TorusBumps(8.0)
    x = target.sample(n, Draw(0, ("x",), n, dtype=torch.float64)).x
    assert bool((x.abs() <= math.pi).all())
    shares = target.distance_to_modes(x).argmin(1).bincount(minlength=3).double() / n
    assert float((shares - 1 / 3).abs().max()) < 5 * math.sqrt(2 / 9 / n)  # some samples lie nearer to another bump
    corner = math.pi * torch.tensor([[-0.9, 0.4]], dtype=torch.float64)
    assert float(target.distance_to_modes(corner)[0, 0]) == pytest.approx(0.7 * math.pi, abs=1e-6)
    with pytest.raises(UserError, match="concentration is 0"):
        TorusBumps(0)
