"""KALE between normal laws is known in closed form: value, best scalar, and both players' gradients."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pushforward import Objective
from pushforward_gebm.kale import KALE, DonskerVaradhan

N = 200_001
# Midpoints of N equal shares of the standard normal law: a mean over them is right to about 1e-4 for what is used here.
NORMAL = torch.special.ndtri((torch.arange(N, dtype=torch.float64) + 0.5) / N)
TOLERANCE = 2e-4
BOTH = pytest.mark.parametrize("objective", [KALE(), DonskerVaradhan()], ids=["kale", "donsker-varadhan"])


def number(value: float, learned: bool = False) -> Tensor:
    return torch.tensor(value, dtype=torch.float64, requires_grad=learned)


def kale(on_data: Tensor, on_base: Tensor, c: Tensor) -> Tensor:
    """The bracket of the definition, from energies."""
    return -KALE().discriminator(-(on_data + c), -(on_base + c))


def donsker_varadhan(on_data: Tensor, on_base: Tensor) -> Tensor:
    return -DonskerVaradhan().discriminator(-on_data, -on_base)


@pytest.mark.parametrize(("m", "a", "c"), [(1.0, 1.0, 0.5), (0.7, 0.4, 0.0), (-1.0, 0.5, -0.3)])
def test_a_linear_energy_has_the_value_of_the_formula(m: float, a: float, c: float) -> None:
    found = kale(-a * (m + NORMAL), -a * NORMAL, number(c))
    assert abs(found.item() - (a * m - c - math.exp(a * a / 2 - c) + 1)) < TOLERANCE
    best = donsker_varadhan(-a * (m + NORMAL), -a * NORMAL)
    assert abs(best.item() - (a * m - a * a / 2)) < TOLERANCE


def test_the_best_scalar_is_the_log_partition() -> None:
    a, c = 0.8, number(0.8**2 / 2, learned=True)
    (gradient,) = torch.autograd.grad(kale(-a * NORMAL, -a * NORMAL, c), c)
    assert abs(gradient.item()) < TOLERANCE


def test_at_the_best_scalar_the_two_forms_are_one_and_elsewhere_kale_is_less() -> None:
    real, fake = (0.3 * NORMAL).square() + NORMAL, NORMAL.sin()
    c = (-fake).logsumexp(0) - math.log(N)
    best = donsker_varadhan(real, fake)
    assert torch.allclose(kale(real, fake, c), best)
    assert kale(real, fake, c + 0.2) < best and kale(real, fake, c - 0.2) < best


@BOTH
def test_kale_of_two_shifted_normal_laws_is_half_their_squared_distance(objective: Objective) -> None:
    m, b = 1.2, 0.3
    a = number(0.9, learned=True)  # the best energy is -(m - b) x
    c = a * b + a * a / 2
    cost = objective.discriminator(a * (m + NORMAL) - c, a * (b + NORMAL) - c)
    (gradient,) = torch.autograd.grad(cost, a)
    assert abs(-cost.item() - (m - b) ** 2 / 2) < TOLERANCE
    assert abs(gradient.item()) < 2 * TOLERANCE


@BOTH
def test_the_base_is_drawn_to_the_data_by_their_distance(objective: Objective) -> None:
    m, b = 1.2, number(0.3, learned=True)
    slope = m - b.item()
    c = slope * b.item() + slope**2 / 2
    (gradient,) = torch.autograd.grad(objective.generator(slope * (b + NORMAL) - c), b)
    assert abs(gradient.item() + (m - b.item())) < TOLERANCE


@BOTH
@pytest.mark.parametrize("q", [0.5, 2.0])
def test_the_weighted_gradient_of_a_base_is_that_of_the_exact_expression(objective: Objective, q: float) -> None:
    # G = N(b, s^2), E = q x^2 / 2: A = -log(1 + q s^2) / 2 - q b^2 / (2 (1 + q s^2)), and the base wants -A low.
    b, s = number(0.7, learned=True), number(1.3, learned=True)
    exact = (1 + q * s**2).log() / 2 + q * b**2 / (2 * (1 + q * s**2))
    wanted = torch.autograd.grad(exact, (b, s))
    logits = -q * (b + s * NORMAL).square() / 2 + exact.detach()  # -(E + c) at c = A
    found = torch.autograd.grad(objective.generator(logits), (b, s))
    for gradient, truth in zip(found, wanted, strict=True):
        assert abs(gradient.item() - truth.item()) < 1e-3 * abs(truth.item())


def test_the_base_gradient_weighs_samples_by_their_importance() -> None:
    logits = torch.tensor([0.0, -1.0, 2.0], dtype=torch.float64, requires_grad=True)
    (shares,) = torch.autograd.grad(DonskerVaradhan().generator(logits), logits)
    assert torch.allclose(shares, -torch.softmax(logits.detach(), 0))
    (weights,) = torch.autograd.grad(KALE().generator(logits), logits)
    assert torch.allclose(weights, -logits.detach().exp() / 3)


def test_a_constant_in_the_energy_is_taken_up_by_the_scalar_or_means_nothing() -> None:
    real, fake, c = NORMAL + 1, NORMAL.square(), number(0.2)
    assert torch.allclose(kale(real + 3, fake + 3, c - 3), kale(real, fake, c))
    assert torch.allclose(donsker_varadhan(real + 3, fake + 3), donsker_varadhan(real, fake))


def test_no_energy_gives_no_divergence_and_equal_laws_never_more() -> None:
    zero = torch.zeros_like(NORMAL)
    assert kale(zero, zero, number(0.0)).item() == 0
    for a in (-1.0, 0.3, 2.0):
        assert kale(a * NORMAL, a * NORMAL, number(0.1)).item() <= 0
        assert donsker_varadhan(a * NORMAL, a * NORMAL).item() <= 0


def test_energies_of_a_thousand_keep_the_normalised_form_finite() -> None:
    far = 1000 * torch.ones(5)
    assert donsker_varadhan(far, -far).isfinite() and DonskerVaradhan().generator(far).isfinite()
