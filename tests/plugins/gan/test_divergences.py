"""Bounds of f-divergences, relativistic averages and kernel energies, against their closed forms for two Gaussians."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import brentq

from pushforward import RunFailed
from pushforward_gan.divergences import FGAN
from pushforward_gan.kernel_energy import KernelEnergy
from pushforward_gan.relativistic import RelativisticAverage

NODES, WEIGHTS = (torch.tensor(v) for v in np.polynomial.hermite_e.hermegauss(120))
WEIGHTS = WEIGHTS / WEIGHTS.sum()
GRID = torch.linspace(-14, 14, 200_001, dtype=torch.float64)
STEP = float(GRID[1] - GRID[0])


def density(x, mean):
    return torch.exp(-((x - mean) ** 2) / 2) / math.sqrt(2 * math.pi)


def bound(objective, logit):
    """E_p g(v) - E_q f*(g(v)) for p = N(1, 1) and q = N(-1, 1), by a fine rectangle rule."""
    v = logit(GRID)
    real = (density(GRID, 1.0) * objective.on_real(v)).sum()
    return float(real - (density(GRID, -1.0) * objective.on_fake(v)).sum()) * STEP


# log p/q = 2 x; the best logit of each divergence, and the divergence by its formula
BEST = {
    "kl": (lambda x: 1 + 2 * x, 2.0),
    "reverse-kl": (lambda x: 2 * x, 2.0),
    "pearson": (lambda x: 2 * ((2 * x).exp() - 1), math.exp(4) - 1),
    "hellinger": (lambda x: x, 2 * (1 - math.exp(-0.5))),
    "jensen-shannon": (lambda x: 2 * x, 2 * 0.336831),
    "total-variation": (lambda x: 60 * x, 0.682689),  # a steep tanh: erf(1 / sqrt 2)
}


@pytest.mark.parametrize("name", BEST)
def test_at_the_best_critic_the_bound_is_the_divergence(name):
    logit, exact = BEST[name]
    tolerance = {"jensen-shannon": 2e-6, "total-variation": 1e-3, "pearson": 1e-6}.get(name, 1e-9)
    assert bound(FGAN(name), logit) == pytest.approx(exact, rel=tolerance)


@pytest.mark.parametrize("name", BEST)
def test_no_other_critic_has_a_higher_bound(name):
    objective, (logit, exact) = FGAN(name), BEST[name]
    for bump in (torch.sin, lambda x: torch.exp(-(x**2)), torch.tanh):
        for size in (-0.3, 0.3):
            assert bound(objective, lambda x, b=bump, s=size: logit(x) + s * b(x)) <= exact * (1 + 2e-6)


def test_costs_are_means_of_the_two_scores():
    objective = FGAN("hellinger")
    real, fake = torch.tensor([0.3, -1.0]), torch.tensor([0.1, 0.5, -0.2])
    expected = objective.on_fake(fake).mean() - objective.on_real(real).mean()
    torch.testing.assert_close(objective.discriminator(real, fake), expected)
    torch.testing.assert_close(objective.generator(fake), -(1 - (-fake).exp()).mean())
    torch.testing.assert_close(FGAN("hellinger", saturating=True).generator(fake), -(fake.exp() - 1).mean())


def test_jensen_shannon_is_the_logistic_game_up_to_a_constant():
    from pushforward_gan.objectives import NonSaturating

    real, fake = torch.randn(5), torch.randn(5)
    ours, logistic = FGAN(), NonSaturating()
    torch.testing.assert_close(ours.discriminator(real, fake) + 2 * math.log(2), logistic.discriminator(real, fake))
    torch.testing.assert_close(ours.generator(fake) + math.log(2), logistic.generator(fake))


def test_an_exponential_that_overflows_is_named_with_its_logit():
    with pytest.raises(RunFailed, match=r"objective f-gan \(kl\) is not finite: a logit of 1e\+04"):
        FGAN("kl").discriminator(torch.zeros(3), torch.full((3,), 1e4))


def test_relativistic_averages_are_those_of_the_batch():
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([0.0, -2.0])  # means 2 and -1
    sp = torch.nn.functional.softplus
    expected = sp(torch.tensor([-2.0, -4.0])).mean() + sp(torch.tensor([-2.0, -4.0])).mean()
    objective = RelativisticAverage()
    torch.testing.assert_close(objective.discriminator(real, fake), expected)
    torch.testing.assert_close(objective.generator(fake, real), objective.discriminator(fake, real))


def test_the_best_critic_of_relativistic_averages_on_two_points():
    """With p = (3/4, 1/4), q = (1/4, 3/4) and logits t, -t the slope of the cost vanishes where, for m = t / 2,

    3 (s(-t - m) + A) = s(t - m) + A with A = (1/4) s(t - m) + (3/4) s(-t - m); other t cost more.
    """
    objective = RelativisticAverage()
    levels = torch.tensor([1.0, 1.0, 1.0, -1.0], dtype=torch.float64)

    def cost(t):
        return objective.discriminator(t * levels, -t * levels)

    def balance(t):
        low, high = 1 / (1 + math.exp(1.5 * t)), 1 / (1 + math.exp(-0.5 * t))
        mean = high / 4 + 3 * low / 4
        return 3 * (low + mean) - high - mean

    best = torch.tensor(brentq(balance, 0.1, 10.0), dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(cost(best), best)
    assert abs(float(slope)) < 1e-9
    best = best.detach()
    assert all(float(cost(best * k)) > float(cost(best)) for k in (0.9, 1.1))


def test_the_kernel_energy_of_two_gaussians():
    """Of N(1, 1) and N(-1, 1): differences are N(0, 2) within and N(2, 2) between."""
    levels = (torch.arange(2000, dtype=torch.float64) + 0.5) / 2000
    z = torch.distributions.Normal(0.0, 1.0).icdf(levels)
    found = {kernel: float(KernelEnergy(kernel).generator(z - 1, z + 1)) for kernel in ("gaussian", "energy")}
    h2 = np.array([0.5, 1.0, 2.0, 4.0, 8.0]) ** 2
    gaussian = float((2 * np.sqrt(h2 / (h2 + 2)) * (1 - np.exp(-2 / (h2 + 2)))).mean())
    between = 2 / math.sqrt(math.pi) * math.exp(-1) + 2 * math.erf(1)
    assert found["gaussian"] == pytest.approx(gaussian, abs=2e-3)  # quantiles stand for the laws to 1 / 2000
    assert found["energy"] == pytest.approx(2 * between - 4 / math.sqrt(math.pi), abs=5e-3)


def test_the_kernel_energy_of_known_logits():
    real, fake = torch.tensor([0.0, 2.0]), torch.tensor([1.0, 5.0])
    objective = KernelEnergy("energy")  # E|u - v| twice, less the two means within
    assert float(objective.generator(fake, real)) == pytest.approx(2 * (1 + 5 + 1 + 3) / 4 - 2 - 4)
    assert float(objective.discriminator(real, fake)) == -float(objective.generator(fake, real))


@pytest.mark.parametrize("kernel", ["gaussian", "rational-quadratic", "energy"])
def test_equal_laws_have_no_energy_in_the_mean(kernel):
    generator = torch.Generator().manual_seed(0)
    objective = KernelEnergy(kernel)
    values = [
        float(objective.generator(*torch.randn(2, 50, generator=generator, dtype=torch.float64))) for _ in range(400)
    ]
    mean, error = np.mean(values), np.std(values) / 20
    assert abs(mean) < 3 * error
    apart = float(objective.generator(torch.randn(50, generator=generator), torch.randn(50, generator=generator) + 3))
    assert apart > 10 * error
