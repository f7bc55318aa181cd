"""Closed-form critics against the kernel's own differential equation, and against critics of finite width."""

import math

import numpy as np
import pytest
import torch
from torch.func import functional_call, jacrev

from pushforward_lab.tangent_critics import fastest_rate, train
from pushforward_lab.tangent_kernels import ErfTangent, Rbf, ReluTangent
from pushforward_lab.wide_critic import WideCritic, WideNetwork, tangent_gram
from pushforward_lab.width_error import WidthError, width_error

GENERATOR = torch.Generator().manual_seed(0)
FAKE = torch.randn(7, 2, generator=GENERATOR, dtype=torch.float64)
REAL = 3 + torch.randn(11, 2, generator=GENERATOR, dtype=torch.float64)
GRID = 4 * torch.randn(20, 2, generator=GENERATOR, dtype=torch.float64)
OBJECTIVES = ("ipm", "least-squares", "vanilla")


def by_runge_kutta(kernel, objective, time, steps):
    """f_t on the grid from the flow of f itself at all points: the brute force."""
    points = torch.cat([FAKE, REAL])
    everywhere = kernel(torch.cat([points, GRID]), points)
    m, n = len(FAKE), len(REAL)

    def flow(f):
        fake, real = f[:m], f[m : m + n]
        if objective == "ipm":
            down = torch.cat([torch.full_like(fake, 1 / m), torch.full_like(real, -1 / n)])
        elif objective == "least-squares":
            down = torch.cat([2 * (fake + 1) / m, 2 * (real - 1) / n])
        else:
            down = torch.cat([fake.sigmoid() / m, -(-real).sigmoid() / n])
        return -everywhere @ down

    f, h = torch.zeros(len(everywhere), dtype=torch.float64), time / steps
    for _ in range(steps):
        a = flow(f)
        b = flow(f + h / 2 * a)
        c = flow(f + h / 2 * b)
        f = f + h / 6 * (a + 2 * b + 2 * c + flow(f + h * c))
    return f[m + n :]


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("kernel", [ReluTangent(), Rbf(), ErfTangent()], ids=["relu", "rbf", "sigmoid"])
def test_a_closed_form_critic_solves_the_kernels_differential_equation(kernel, objective):
    critic = train(kernel, FAKE, REAL, objective, 2.0, steps=200)
    assert float((critic(GRID) - by_runge_kutta(kernel, objective, 2.0, 2000)).abs().max()) < 1e-8


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_critic_is_zero_before_it_is_trained(objective):
    assert not train(ReluTangent(), FAKE, REAL, objective, 0.0)(GRID).any()


def test_a_least_squares_critic_trained_for_long_hits_its_labels():
    critic = train(ReluTangent(), FAKE, REAL, "least-squares", 1e6)
    assert torch.allclose(critic(FAKE), torch.full_like(FAKE[:, 0], -1), atol=1e-6)
    assert torch.allclose(critic(REAL), torch.full_like(REAL[:, 0], 1), atol=1e-6)


def test_a_least_squares_critic_bears_points_that_meet():
    critic = train(ReluTangent(), FAKE, FAKE, "least-squares", 5.0)  # a singular Gram matrix, labels that cancel
    assert float(critic(GRID).abs().max()) < 1e-12


def test_the_slope_of_a_critic_is_that_of_autograd():
    critic = train(ReluTangent(), FAKE, REAL, "least-squares", 1.0)
    x = GRID.clone().requires_grad_()
    (slope,) = torch.autograd.grad(critic(x).sum(), x)
    assert torch.allclose(critic.with_slope(GRID)[1], slope, atol=1e-12)


def test_a_vanilla_critic_with_too_long_steps_is_nan_and_never_wrong():
    exact = train(ReluTangent(), FAKE, REAL, "vanilla", 20.0, steps=2000)(GRID)
    points = torch.cat([FAKE, REAL])
    masses = torch.cat([torch.full((n,), 1 / n, dtype=torch.float64) for n in (len(FAKE), len(REAL))])
    enough = math.ceil(float(fastest_rate(ReluTangent()(points, points), masses)) * 20 / 0.25)
    assert float((train(ReluTangent(), FAKE, REAL, "vanilla", 20.0, enough)(GRID) - exact).abs().max()) < 1e-5
    assert train(ReluTangent(), FAKE, REAL, "vanilla", 20.0, enough - 1)(GRID).isnan().all()


def test_a_wide_critic_begins_at_zero_with_the_kernel_of_one_network():
    critic = WideCritic(ReluTangent(), 2, 64, torch.Generator().manual_seed(0))
    assert float(critic(GRID).detach().abs().max()) < 1e-6
    assert torch.allclose(tangent_gram(critic, GRID), tangent_gram(critic.a, GRID), rtol=1e-12)


@pytest.mark.parametrize(
    "kernel",
    [ReluTangent(), ReluTangent(1, 1.2, 0.0), ErfTangent(2), ErfTangent(4, 1.4, 0.5, "erf")],
    ids=["relu", "shallow", "sigmoid", "erf"],
)
def test_the_gram_matrix_layer_by_layer_is_that_of_the_jacobian(kernel):
    for network in (WideNetwork(kernel, 2, 33), WideCritic(kernel, 2, 21)):
        with torch.no_grad():
            for parameter in network.parameters():  # away from equal halves
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=GENERATOR, dtype=torch.float64))
        parameters = dict(network.named_parameters())

        def jacobian(x, network=network, parameters=parameters):
            pieces = jacrev(lambda point: functional_call(network, point, (x,)))(parameters)
            return torch.cat([piece.detach().flatten(1) for piece in pieces.values()], 1)

        full = jacobian(GRID) @ jacobian(FAKE).T
        assert float((tangent_gram(network, GRID, FAKE) - full).abs().max() / full.abs().max()) < 1e-12


def test_the_error_of_a_finite_critic_falls_as_the_root_of_its_width():
    # a mean over 40 networks knows each error to some 7 %, so that the slope over a factor of 8 is known to .05
    slope, _ = _slope("ipm", (32, 64, 128, 256), seeds=40)
    assert slope == pytest.approx(-0.5, abs=0.15)


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["ipm", "vanilla"])
def test_the_error_of_a_critic_falls_as_the_root_of_its_width_up_to_1024(objective):
    # the tolerance is that of 5 seeds; 20 are taken because 5 leave the slope uncertain by .1
    slope, errors = _slope(objective, (64, 128, 256, 512, 1024), seeds=20)
    assert slope == pytest.approx(-0.5, abs=0.15)
    assert errors[-1] < 0.15


def test_width_error_reads_the_exponent_off_an_exact_law():
    measure = WidthError((16, 64, 256), seeds=3)
    measure.update(torch.tensor([[w**-0.5 * s for s in (0.9, 1.0, 1.1)] for w in (16, 64, 256)]))
    found = measure.compute()
    assert found["value"] == pytest.approx(-0.5, abs=1e-6)
    # each log mean is uncertain by .1 / sqrt(3); the slope, by that over sqrt(sum of squared centred logs)
    assert found["standard_error"] == pytest.approx(0.1 / math.sqrt(3) / (math.sqrt(2) * math.log(4)), rel=1e-4)
    assert found["error_64"] == pytest.approx(1 / 8)


def _slope(objective, widths, seeds):
    generator = torch.Generator().manual_seed(0)
    kernel = ReluTangent()
    errors = [
        np.mean([width_error(kernel, FAKE, REAL, objective, 1.0, w, 0.1, generator) for _ in range(seeds)])
        for w in widths
    ]
    return float(np.polyfit(np.log(widths), np.log(errors), 1)[0]), errors
