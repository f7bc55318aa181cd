"""Penalties on critics whose slope is known."""

import pytest
import torch

from pushforward import Draw, UserError
from pushforward_gan.penalties import R1, R2, WGANGP

W = torch.tensor([3.0, -4.0], dtype=torch.float64)


def linear(x):
    return x @ W


def batch(n=64):
    draw = Draw(0, (0,), n, dtype=torch.float64)
    return draw.normal("real", 2), draw.normal("fake", 2) + 3, draw


@pytest.mark.parametrize("n", [1, 64])
def test_on_a_linear_critic_every_penalty_is_its_closed_form_at_any_batch_size(n):
    real, fake, draw = batch(n)
    assert float(R1(0.3)(linear, real, fake, draw)) == pytest.approx(0.15 * 25)
    assert float(R2(0.3)(linear, real, fake, draw)) == pytest.approx(0.15 * 25)
    assert float(WGANGP(10.0)(linear, real, fake, draw)) == pytest.approx(10 * (5 - 1) ** 2)


def test_r1_of_a_quadratic_critic_is_a_trace():
    real, fake, draw = batch(200_000)
    a = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
    value = float(R1(2.0)(lambda x: 0.5 * ((x @ a) * x).sum(1), real, fake, draw))
    assert value == pytest.approx(float((a @ a).trace()), rel=0.02)  # E|A x|^2 for x ~ N(0, I); 4 standard errors


@pytest.mark.parametrize("penalty", [R1(), R2()])
def test_r1_is_zero_for_a_constant_critic(penalty):
    real, fake, draw = batch()
    assert float(penalty(lambda x: 0 * x.sum(1), real, fake, draw)) == 0.0


def test_the_gradient_penalty_of_a_flat_critic_is_finite_with_a_finite_gradient():
    real, fake, draw = batch()
    w = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    value = WGANGP(1.0)(lambda x: x @ w, real, fake, draw)
    (gradient,) = torch.autograd.grad(value, w)
    assert float(value) == 1.0 and torch.isfinite(gradient).all()


@pytest.mark.parametrize("penalty", [R1(0.7), R2(0.7), WGANGP(0.7)])
def test_the_gradient_in_the_critic_is_that_of_finite_differences(penalty):
    real, fake, draw = batch(16)
    w = torch.tensor([0.3, -0.2, 0.5], dtype=torch.float64, requires_grad=True)

    def value(w):
        return penalty(lambda x: torch.tanh(x @ w[:2]) * w[2], real, fake, draw)

    (exact,) = torch.autograd.grad(value(w), w)
    h = 1e-6
    for i in range(3):
        step = torch.zeros(3, dtype=torch.float64)
        step[i] = h
        assert float((value(w + step) - value(w - step)) / (2 * h)) == pytest.approx(float(exact[i]), rel=1e-6)


def test_slopes_are_those_of_each_sample():
    """Against torch.func, one sample at a time."""
    real, fake, draw = batch(8)
    net = torch.nn.Sequential(torch.nn.Linear(2, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1)).double()
    each = torch.func.vmap(torch.func.grad(lambda x: net(x).squeeze()))(real)
    expected = 0.5 * each.square().sum(1).mean()
    torch.testing.assert_close(R1(1.0)(lambda x: net(x).squeeze(1), real, fake, draw), expected)


@pytest.mark.parametrize("make", [lambda: R1(-0.1), lambda: R2(-1.0), lambda: WGANGP(float("nan"))])
def test_a_negative_strength_is_refused(make):
    with pytest.raises(UserError, match="expected 0 or more"):
        make()
