"""NEIS as a game: its gradient, what it learns on two far modes, and what plain importance sampling makes of them."""

from __future__ import annotations

import math

import pytest
import torch

from pushforward import Draw, RunFailed, Target, UserError
from pushforward.adapters import NetworkVelocity
from pushforward_neis.descent import NormalisedDescent
from pushforward_neis.exact_fields import Dilation, LinearField
from pushforward_neis.fields import GradientField
from pushforward_neis.game import NEIS
from pushforward_neis.importance import ImportanceSampling
from pushforward_targets.mixtures import TwoModes

LOG_Z = math.log(0.1 * 2 * math.pi)


class Half(Target):
    """A normal law cut off at x = edge: it cannot be sampled, and its density is zero below."""

    shape = (1,)

    def __init__(self, edge: float) -> None:
        self.edge = edge

    def log_density(self, x: torch.Tensor) -> torch.Tensor:
        inside = x[:, 0] > self.edge
        return torch.where(inside, -0.5 * x.square().sum(1), -math.inf)


@pytest.fixture(scope="module")
def trained() -> NEIS:
    torch.manual_seed(0)
    game = NEIS(GradientField((2,), width=20), TwoModes(), steps=15, start=0.0, assist=0.1)
    optimizer = NormalisedDescent().in_place(game.parameters())
    rounds = 60
    for i in range(rounds):
        optimizer.param_groups[0]["lr"] = 0.3 / (1 + 4 * i / rounds)
        game.assist = 0.1 * max(0.0, 1 - i / (0.6 * rounds))
        cost = game.costs(("velocity",), Draw(0, (i,), 200))["velocity"]["log-second-moment"]
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
    return game


def test_a_short_training_finds_log_z_where_importance_sampling_does_not(trained: NEIS) -> None:
    draw = Draw(1, ("test",), 1)
    neis = trained.estimate(trained.target, 300_000, draw)
    plain = ImportanceSampling().estimate(trained.target, 300_000, draw)
    assert neis.evaluations <= plain.evaluations == 300_000 and neis.n == 300_000 // 16
    assert neis.non_finite == 0 and neis.standard_error < 0.02
    assert abs(neis.log_z - LOG_Z) < 4 * neis.standard_error  # 6 in 100,000 by chance; the seed is fixed
    assert 1 / neis.ess - 1 < 10  # the relative variance; untrained fields have 1e8, importance sampling 1.85e6
    assert abs(plain.log_z - LOG_Z) > 0.2 and "effective" in plain.warning and plain.ess < 0.01


def test_samples_are_in_both_modes_by_their_mass(trained: NEIS) -> None:
    x = trained.sample(4000, Draw(2, ("test",), 4000))
    assert x.shape == (4000, 2)
    near = [float(((x - mode).norm(dim=1) < 4 * 0.1**0.5).float().mean()) for mode in trained.target.modes]
    assert sum(near) > 0.98  # exp(-8) of the mass is outside
    assert near[0] == pytest.approx(0.2, abs=0.05)  # about 1,000 effective walkers


def test_estimates_and_samples_are_a_function_of_the_draw(trained: NEIS) -> None:
    first, second = (trained.estimate(trained.target, 30_000, Draw(3, ("test",), 1)).log_z for _ in range(2))
    assert first == second != trained.estimate(trained.target, 30_000, Draw(4, ("test",), 1)).log_z
    assert torch.equal(*(trained.sample(50, Draw(3, ("test",), 50)) for _ in range(2)))


@pytest.mark.parametrize("loss", ["log-second-moment", "second-moment", "variance", "log-weight", "entropy"])
def test_the_gradient_is_that_of_finite_differences(loss: str) -> None:
    torch.manual_seed(1)
    field = GradientField((2,), width=3, scale=2.0).double()
    game = NEIS(field, TwoModes(), steps=6, loss=loss)  # type: ignore[arg-type]
    draw = Draw(0, (0,), 16, dtype=torch.float64)

    def cost() -> torch.Tensor:
        return game.costs(("velocity",), draw)["velocity"][loss]

    gradients = torch.autograd.grad(cost(), list(field.parameters()))
    for p, gradient in zip(field.parameters(), gradients, strict=True):
        flat, h = p.data.view(-1), 1e-6
        for i in range(len(flat)):
            kept, ends = float(flat[i]), []
            for shift in (h, -h):
                flat[i] = kept + shift
                ends.append(float(cost().detach()))
            flat[i] = kept
            assert float(gradient.view(-1)[i]) == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-5, abs=1e-6)


def test_assisted_starts_lie_downhill_and_unassisted_ones_at_the_base() -> None:
    game = NEIS(LinearField((2,)), TwoModes(), steps=50)
    draw = Draw(0, (0,), 500)
    plain, none = game._starts(draw)
    game.assist = 0.5
    helped, count = game._starts(draw)
    moved = (helped != plain).any(1)
    assert none == 0 and count == int(moved.sum()) and 200 < count < 300
    assert float(torch.cdist(helped[moved], game.target.modes).min(1).values.max()) < 0.1


def test_a_weight_of_zero_counts_as_zero_and_leaves_the_gradient_finite() -> None:
    field = LinearField((1,), scale=0.1)
    game = NEIS(field, Half(0.0), steps=4)
    cost = game.costs(("velocity",), Draw(0, (0,), 200))["velocity"]["log-second-moment"]
    gradients = torch.autograd.grad(cost, list(field.parameters()))
    assert bool(cost.isfinite()) and all(bool(g.isfinite().all()) for g in gradients)
    found = game.estimate(game.target, 50_000, Draw(0, ("test",), 1))
    assert found.non_finite == 0
    assert abs(found.log_z - 0.5 * math.log(math.pi / 2)) < 4 * found.standard_error
    with pytest.raises(RunFailed, match="none of 200"):
        NEIS(field, Half(1e4), steps=4).costs(("velocity",), Draw(0, (0,), 200))


def test_a_bare_network_serves_as_a_velocity_and_is_seen_at_time_zero() -> None:
    torch.manual_seed(2)
    field = LinearField((2,), scale=0.3)
    adapted = NetworkVelocity(lambda inputs, outputs: torch.nn.Linear(inputs[0], outputs[0]), (2,))
    adapted.network.weight.data = torch.cat([field.weight.data, torch.full((2, 1), 9.0)], 1)  # 9 times the time
    adapted.network.bias.data = field.offset.data.clone()
    target, x = TwoModes(), torch.randn(20, 2)
    own, other = (NEIS(velocity, target, steps=4).log_weights(x) for velocity in (field, adapted))
    assert torch.allclose(own, other, rtol=1e-4, atol=1e-3)  # in float32; the numbers are near -100
    assert all(g.isfinite().all() for g in torch.autograd.grad(other.sum(), adapted.network.weight))


def test_what_cannot_work_is_refused_in_a_sentence() -> None:
    target, field = TwoModes(), LinearField((2,))
    for wrong in ({"steps": 25}, {"start": 0.5}, {"assist": 1.5}, {"length": 0.0}):
        with pytest.raises(UserError, match=r"expected|multiple|window"):
            NEIS(field, target, **wrong)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="vectors of 3 numbers, and the target's have 2"):
        NEIS(LinearField((3,)), target)
    with pytest.raises(UserError, match="nothing to learn: the estimator flow-lines"):
        NEIS(Dilation((2,)), target)
    with pytest.raises(UserError, match="closed form"):
        NEIS(GradientField((2,)), target, stepper="exact")
    with pytest.raises(UserError, match="does not pay"):
        NEIS(field, target).estimate(target, 50, Draw(0, (0,), 1))


def test_importance_sampling_from_the_target_itself_has_no_variance() -> None:
    class Wide(Target):
        shape = (3,)

        def log_density(self, x: torch.Tensor) -> torch.Tensor:
            return -0.125 * x.square().sum(1)

    found = ImportanceSampling(scale=2.0).estimate(Wide(), 40_000, Draw(0, ("test",), 1, dtype=torch.float64))
    assert found.log_z == pytest.approx(1.5 * math.log(8 * math.pi), abs=1e-12)
    assert found.n == found.evaluations == 40_000 and found.standard_error < 1e-6
