"""Penalties against linear and quadratic critics, for which all of them are known."""

import math

import pytest
import torch
from torch import nn

from pushforward import Draw, Latent
from pushforward_gan.differences import ApproximateR1, ApproximateR2, Consistency
from pushforward_gan.generator_penalties import ModeSeeking, PathLength
from pushforward_gan.interpolated import Dragan, ZeroCentred
from pushforward_gan.penalties import R1
from pushforward_gan.remembered_penalties import Lazy, LeCam

W = torch.tensor([0.6, -0.8, 2.0], dtype=torch.float64)


def linear(x):
    return x @ W


def batch(n=64):
    draw = Draw(0, (0, 0), n, dtype=torch.float64)
    return draw.normal("real", 3), 3 * draw.normal("fake", 3) + 1, draw


def test_for_a_linear_critic_slopes_are_the_same_everywhere():
    real, fake, draw = batch()
    square = float(W @ W)
    assert float(ZeroCentred(0.3)(linear, real, fake, draw)) == pytest.approx(0.15 * square)
    assert float(Dragan(10.0)(linear, real, fake, draw)) == pytest.approx(10 * (math.sqrt(square) - 1) ** 2)


def test_between_real_and_fake_every_sample_has_its_own_fraction():
    """D = |x|^2 / 2 has the slope x: with fake at 0 the penalty is the mean of (e_k |x_k|)^2 / 2."""
    real, _, draw = batch()
    share = draw.uniform("interpolation")
    found = ZeroCentred()(lambda x: x.square().sum(1) / 2, real, 0 * real, draw)
    torch.testing.assert_close(found, (share**2 * real.square().sum(1)).mean() / 2)


def test_at_a_slope_of_zero_dragan_is_finite_with_a_finite_gradient():
    w = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    real, fake, draw = batch()
    value = Dragan(10.0)(lambda x: x @ w, real, fake, draw)
    (gradient,) = torch.autograd.grad(value, w)
    assert float(value) == 10 and bool(torch.isfinite(gradient).all())


@pytest.mark.parametrize("kind", [ApproximateR1, ApproximateR2])
def test_jolts_measure_the_squared_slope(kind):
    """lambda sigma^2 |w|^2 in the mean: R1 with gamma = 2 lambda sigma^2."""
    real, fake, draw = batch(20_000)
    found = float(kind(100.0, 0.01)(linear, real, fake, draw))
    exact = 100 * 0.01**2 * float(W @ W)
    assert found == pytest.approx(exact, rel=4 * math.sqrt(2 / 20_000))
    assert exact == pytest.approx(float(R1(2 * 100 * 0.01**2)(linear, real, fake, draw)))


def test_consistency_with_noise_is_twice_a_jolt():
    real, fake, draw = batch(20_000)
    found = float(Consistency(1.0)(linear, real, fake, draw))
    assert found == pytest.approx(2 * 0.1**2 * float(W @ W), rel=0.05)


def test_lecam_holds_logits_to_the_running_means_of_the_other_side():
    penalty = LeCam(0.5, decay=0.9)
    for _ in range(3):
        penalty.remember({"~logit-real": torch.tensor(2.0), "~logit-fake": torch.tensor(-1.0)})
    share = 1 - 0.9**3
    assert float(penalty.real) == pytest.approx(2 * share) and float(penalty.fake) == pytest.approx(-share)
    on = {"real": torch.tensor([3.0, -5.0]), "fake": torch.tensor([0.0, 4.0])}
    real, fake = torch.zeros(2, 1), torch.ones(2, 1)
    value = penalty(lambda x: on["fake"] if x is fake else on["real"], real, fake, Draw(0, (0,), 2))
    exact = 0.5 * ((3 + share) ** 2 / 2 + (2 * share) ** 2 / 2)  # what is on the right side of its anchor is free
    assert float(value) == pytest.approx(exact)


def test_over_k_moves_a_lazy_penalty_is_the_penalty():
    real, fake, draw = batch()
    lazy, plain = Lazy(R1(0.7), every=4), R1(0.7)
    values = []
    for _ in range(12):
        values.append(float(lazy(linear, real, fake, draw)))
        lazy.remember({})
    assert sum(values) / 12 == pytest.approx(float(plain(linear, real, fake, draw)))
    assert [v > 0 for v in values] == [True, False, False, False] * 3
    assert lazy.name == "r1" and lazy.weight == 0.7 and lazy.per_sample


class Linear(nn.Module):
    """G(z) = A z."""

    conditional = False
    latent = Latent(2)
    a = torch.tensor([[1.0, 2.0], [0.0, -1.0], [3.0, 0.5]], dtype=torch.float64)

    def forward(self, z, condition=None):
        return z @ self.a.T


def test_the_path_length_of_a_linear_generator():
    """E |A' y|^2 = |A|^2; after many moves the running mean is the mean length, and the penalty their variance."""
    penalty, generator = PathLength(2.0, decay=0.9), Linear()
    draw = Draw(0, (0, 0), 20_000, dtype=torch.float64)
    z = draw.normal("latent", 2)
    y = draw.normal("path-length", 3)
    lengths = (y @ generator.a).norm(dim=1)
    first = penalty(generator, z, generator(z), draw)
    assert float(first["path-length"]) == pytest.approx(2 * float(lengths.square().mean()))
    assert float(lengths.square().mean()) == pytest.approx(float(generator.a.square().sum()), rel=0.05)
    for _ in range(200):
        penalty.remember(first)
    after = float(penalty(generator, z, generator(z), draw)["path-length"])
    assert after == pytest.approx(2 * float(lengths.var(correction=0)), rel=1e-4)


def test_mode_seeking_is_the_inverse_of_how_much_samples_differ():
    z = torch.tensor([[0.0], [1.0], [3.0]])
    draw = Draw(0, (0,), 3)
    assert float(ModeSeeking(2.0)(None, z, 5 * z, draw)["mode-seeking"]) == pytest.approx(2 / 5, rel=1e-4)
    assert float(ModeSeeking()(None, z, 0 * z, draw)["mode-seeking"]) == pytest.approx(1e5)
