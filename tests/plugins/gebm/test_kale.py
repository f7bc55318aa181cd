"""KALE between normal laws is known in closed form: value, best scalar, and both players' gradients."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pushforward_gebm.kale import base_cost, energy_cost

N = 200_001
# Midpoints of N equal shares of the standard normal law: a mean over them is right to about 1e-4 for what is used here.
NORMAL = torch.special.ndtri((torch.arange(N, dtype=torch.float64) + 0.5) / N)
TOLERANCE = 2e-4


def number(value: float, learned: bool = False) -> Tensor:
    return torch.tensor(value, dtype=torch.float64, requires_grad=learned)


@pytest.mark.parametrize(("m", "a", "c"), [(1.0, 1.0, 0.5), (0.7, 0.4, 0.0), (-1.0, 0.5, -0.3)])
def test_a_linear_energy_has_the_value_of_the_formula(m: float, a: float, c: float) -> None:
    kale = -energy_cost(-a * (m + NORMAL), -a * NORMAL, number(c))
    assert abs(kale.item() - (a * m - c - math.exp(a * a / 2 - c) + 1)) < TOLERANCE
    best = base_cost(-a * (m + NORMAL), -a * NORMAL)
    assert abs(best.item() - (a * m - a * a / 2)) < TOLERANCE


def test_the_best_scalar_is_the_log_partition() -> None:
    a, c = 0.8, number(0.8**2 / 2, learned=True)
    (gradient,) = torch.autograd.grad(energy_cost(-a * NORMAL, -a * NORMAL, c), c)
    assert abs(gradient.item()) < TOLERANCE


def test_at_the_best_scalar_both_players_see_the_same_kale() -> None:
    real, fake = (0.3 * NORMAL).square() + NORMAL, NORMAL.sin()
    c = (-fake).logsumexp(0) - math.log(N)
    assert torch.allclose(-energy_cost(real, fake, c), base_cost(real, fake))


def test_kale_of_two_shifted_normal_laws_is_half_their_squared_distance() -> None:
    m, b = 1.2, 0.3
    a = number(0.9, learned=True)  # the best energy is -(m - b) x
    c = a * b + a * a / 2
    cost = energy_cost(-a * (m + NORMAL), -a * (b + NORMAL), c)
    (gradient,) = torch.autograd.grad(cost, a)
    assert abs(-cost.item() - (m - b) ** 2 / 2) < TOLERANCE
    assert abs(gradient.item()) < 2 * TOLERANCE


def test_the_base_is_drawn_to_the_data_by_their_distance() -> None:
    m, b = 1.2, number(0.3, learned=True)
    slope = m - b.item()
    (gradient,) = torch.autograd.grad(base_cost(-slope * (m + NORMAL), -slope * (b + NORMAL)), b)
    assert abs(gradient.item() + (m - b.item())) < 1e-12


def test_the_base_gradient_weighs_samples_by_their_share() -> None:
    energies = torch.tensor([0.0, 1.0, -2.0], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(base_cost(torch.zeros(2, dtype=torch.float64), energies), energies)
    assert torch.allclose(gradient, torch.softmax(-energies.detach(), 0))


def test_a_constant_in_the_energy_is_taken_up_by_the_scalar() -> None:
    real, fake, c = NORMAL + 1, NORMAL.square(), number(0.2)
    assert torch.allclose(energy_cost(real + 3, fake + 3, c - 3), energy_cost(real, fake, c))
    assert torch.allclose(base_cost(real + 3, fake + 3), base_cost(real, fake))


def test_no_energy_gives_no_divergence_and_equal_laws_never_more() -> None:
    zero = torch.zeros_like(NORMAL)
    assert energy_cost(zero, zero, number(0.0)).item() == 0
    for a in (-1.0, 0.3, 2.0):
        assert energy_cost(a * NORMAL, a * NORMAL, number(0.1)).item() >= 0


def test_energies_of_a_thousand_keep_the_base_cost_finite() -> None:
    far = 1000 * torch.ones(5)
    assert base_cost(far, -far).isfinite() and base_cost(-far, far).isfinite()
