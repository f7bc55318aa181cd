"""Objectives against their closed forms for two Gaussians, and at logits far from anything usual."""

import math

import pytest
import torch

from pushforward import UserError
from pushforward_gan.objectives import Hinge, LeastSquares, Minimax, NonSaturating, RelativisticPaired, Wasserstein

ALL = [Minimax(), NonSaturating(), Wasserstein(), Hinge(), LeastSquares(), RelativisticPaired()]
NAMED = {"ids": lambda o: type(o).__name__}


def gaussians(n=2000):
    """Quadrature points of p = N(1, 1) and q = N(-1, 1), each with equal weights (quantiles)."""
    levels = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    z = torch.distributions.Normal(0.0, 1.0).icdf(levels)
    return z + 1, z - 1


@pytest.mark.parametrize(
    ("objective", "critic", "value"),
    [
        (NonSaturating(), lambda x: 2 * x, 0.712633),  # the log-ratio of the two laws is 2x
        (Minimax(), lambda x: 2 * x, 0.712633),
        (LeastSquares(), lambda x: torch.sigmoid(2 * x), 0.112400),
        (Hinge(), lambda x: torch.sign(x), 0.634621),
        (Wasserstein(), lambda x: x, -2.0),
    ],
    ids=["non-saturating", "minimax", "least-squares", "hinge", "wasserstein"],
)
def test_the_optimal_critic_has_the_cost_of_its_closed_form(objective, critic, value):
    p, q = gaussians()
    assert float(objective.discriminator(critic(p), critic(q))) == pytest.approx(value, abs=2e-3)


def test_the_optimal_relativistic_critic_has_the_cost_of_its_closed_form():
    p, q = gaussians(400)
    real, fake = (2 * torch.cartesian_prod(p, q)).T  # all pairs: the law of independent ones
    assert float(RelativisticPaired().discriminator(real, fake)) == pytest.approx(0.193075, abs=1e-3)


@pytest.mark.parametrize(
    ("objective", "value"), [(NonSaturating(), 2.356316), (Minimax(), -0.356316)], ids=["ns", "mm"]
)
def test_the_generators_cost_against_the_optimal_critic(objective, value):
    _, q = gaussians()
    assert float(objective.generator(2 * q)) == pytest.approx(value, abs=2e-3)


def test_no_slope_but_the_right_one_does_better():
    p, q = gaussians()
    cost = {s: float(NonSaturating().discriminator(s * p, s * q)) for s in (1.9, 2.0, 2.1)}
    assert min(cost, key=cost.get) == 2.0


@pytest.mark.parametrize("objective", ALL, **NAMED)
@pytest.mark.parametrize("size", [0.0, 1e4, -1e4])
def test_logits_of_any_size_give_finite_costs_and_gradients(objective, size):
    real = torch.full((4,), size, requires_grad=True)
    fake = torch.full((4,), -size, requires_grad=True)
    for cost in (objective.discriminator(real, fake), objective.generator(fake, real)):
        assert cost.ndim == 0 and torch.isfinite(cost)
        grads = [g for g in torch.autograd.grad(cost, [real, fake], allow_unused=True) if g is not None]
        assert grads and all(torch.isfinite(g).all() for g in grads)


@pytest.mark.parametrize("objective", ALL, **NAMED)
def test_generator_and_discriminator_want_opposite_things_of_a_fake(objective):
    real, fake = torch.zeros(3), torch.zeros(3, requires_grad=True)
    (up,) = torch.autograd.grad(objective.discriminator(real, fake), fake)
    (down,) = torch.autograd.grad(objective.generator(fake, real), fake)
    if isinstance(objective, LeastSquares):  # at the fake label itself the discriminator is content
        assert (up == 0).all() and (down < 0).all()
    else:
        assert (up > 0).all() and (down < 0).all()


def test_a_tie_costs_log_two_a_side():
    zero = torch.zeros(5)
    assert float(NonSaturating().discriminator(zero, zero)) == pytest.approx(2 * math.log(2))
    assert float(RelativisticPaired().discriminator(zero, zero)) == pytest.approx(math.log(2))


def test_pairs_of_unequal_batches_are_refused():
    for cost in (RelativisticPaired().discriminator, RelativisticPaired().generator):
        with pytest.raises(UserError, match="pair by pair: got batches of"):
            cost(torch.zeros(8), torch.zeros(5))
