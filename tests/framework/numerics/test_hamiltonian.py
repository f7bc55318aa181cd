"""Kernels with momentum keep the laws they must, and turn round where they came from."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pushforward import Draw, RunFailed, UserError
from pushforward.numerics.hamiltonian import compiled_proposal, hamiltonian, kinetic, leapfrog, step_that_is_taken
from pushforward.numerics.kernels import start
from pushforward.numerics.slopes import Sloped

DOUBLE = torch.float64
CHAINS = 20_000


def normal(precision: float):  # type: ignore[no-untyped-def]
    return lambda x: -0.5 * precision * x.flatten(1).square().sum(1)


def gumbel(x: Tensor) -> Tensor:
    """A skewed law on the line: density exp(x - e^x), of mean minus Euler's constant and variance pi^2 / 6."""
    return (x - x.exp()).sum(1)


def near_variance(x: Tensor, variance: float) -> bool:
    return abs(float(x.var()) / variance - 1) < 4 * math.sqrt(2 / x.numel())  # four standard errors of a variance


def test_leapfrog_steps_turn_round_and_keep_volume_and_energy() -> None:
    x, v = (torch.randn(5, 3, generator=torch.Generator().manual_seed(i), dtype=DOUBLE) for i in range(2))
    chain, momentum = leapfrog(gumbel, start(gumbel, x), v, 0.1, 20)
    back, returned = leapfrog(gumbel, chain, -momentum, 0.1, 20)
    assert (back.x - x).abs().max() < 1e-12 and (returned + v).abs().max() < 1e-12
    before = -gumbel(x) + 0.5 * v.square().sum(1)
    after = -chain.log_density + 0.5 * momentum.square().sum(1)
    finer, _ = leapfrog(gumbel, start(gumbel, x), v, 0.05, 40)
    assert (after - before).abs().max() < 0.05
    assert (finer.x - chain.x).abs().max() < 0.05


def test_a_proposal_takes_one_gradient_a_leapfrog_step() -> None:
    asked = 0

    def counted(x: Tensor) -> Tensor:
        nonlocal asked
        asked += 1
        return normal(1.0)(x)

    moved = hamiltonian(counted, torch.zeros(4, 2), 10, 0.1, Draw(0, (), 4), leaps=5)
    assert asked == 51 == moved.gradients


@pytest.mark.parametrize("precision", [1.0, 4.0])
def test_hamiltonian_chains_have_the_variance_of_their_law(precision: float) -> None:
    draw = Draw(0, (), CHAINS, dtype=DOUBLE)
    moved = hamiltonian(normal(precision), torch.zeros(CHAINS, 1, dtype=DOUBLE), 20, 0.7 / precision**0.5, draw, 3)
    assert near_variance(moved.x, 1 / precision)
    assert 0.8 < moved.acceptance.mean() < 1


def test_hamiltonian_chains_keep_a_skewed_law() -> None:
    moved = hamiltonian(gumbel, torch.zeros(CHAINS, 1, dtype=DOUBLE), 30, 0.6, Draw(1, (), CHAINS, dtype=DOUBLE), 4)
    deviation = math.pi / math.sqrt(6)
    assert abs(float(moved.x.mean()) + 0.5772157) < 4 * deviation / math.sqrt(CHAINS)
    kurtosis = 5.4  # of this law, so that a variance has a relative error of sqrt(4.4 / n)
    assert abs(float(moved.x.var()) / deviation**2 - 1) < 4 * math.sqrt((kurtosis - 1) / CHAINS)


@pytest.mark.parametrize("step", [0.3, 1.2, 1.8])
def test_kinetic_steps_are_exact_in_position_and_too_warm_in_momentum_as_known(step: float) -> None:
    moved = kinetic(normal(1.0), torch.zeros(CHAINS, 1, dtype=DOUBLE), 60, step, Draw(0, (), CHAINS, dtype=DOUBLE))
    assert near_variance(moved.x, 1.0)
    assert near_variance(moved.momentum, 1 / (1 - step**2 / 4))


def test_a_warm_up_finds_the_acceptance_that_is_wanted() -> None:
    draw = Draw(0, (), 500, dtype=DOUBLE)
    x = torch.zeros(500, 10, dtype=DOUBLE)
    moved = hamiltonian(normal(25.0), x, 50, 5.0, draw, 1, warm_up=150, wanted=0.7)  # of more leaps some come back
    assert abs(float(moved.acceptance.mean()) - 0.7) < 0.02
    assert moved.step < 1.0


def test_proposals_that_are_not_finite_are_refused() -> None:
    def torn(x: Tensor) -> Tensor:
        return torch.where(x[:, 0] > 0.5, math.nan, normal(1.0)(x))

    moved = hamiltonian(torn, torch.zeros(200, 1, dtype=DOUBLE), 10, 0.5, Draw(0, (), 200, dtype=DOUBLE))
    assert moved.non_finite > 0 and bool((moved.x <= 0.5).all())


def test_each_chain_depends_on_its_own_row_of_the_draw() -> None:
    draw = Draw(0, (1,), 6, dtype=DOUBLE)
    x = draw.normal("start", 2)
    for kernel in (hamiltonian, kinetic):
        whole = kernel(gumbel, x, 5, 0.3, draw)
        parts = [kernel(gumbel, piece, 5, 0.3, part) for piece, part in zip(x.split(3), draw.parts(2), strict=True)]
        assert torch.equal(whole.x, torch.cat([part.x for part in parts]))


def plain(function=None, **options):  # type: ignore[no-untyped-def]
    """torch.compile that compiles nothing."""
    return function if function is not None else lambda function: function


@pytest.mark.parametrize("truly", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_chains_of_a_compiled_proposal_are_those_of_one_that_is_not(
    truly: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not truly:
        monkeypatch.setattr(torch, "compile", plain)
    draw, x = Draw(0, (), 40, dtype=DOUBLE), torch.zeros(40, 2, dtype=DOUBLE)
    usual = hamiltonian(gumbel, x, 4, 0.3, draw, leaps=12)
    compiled = hamiltonian(gumbel, x, 4, 0.3, draw, leaps=12, propose=compiled_proposal(gumbel, 12))
    assert torch.allclose(usual.x, compiled.x, rtol=1e-10)


def test_a_gradient_in_closed_form_is_used_and_the_log_density_asked_once_a_proposal() -> None:
    asked = 0

    def counted(x: Tensor) -> Tensor:
        nonlocal asked
        asked += 1
        return gumbel(x)

    draw, x = Draw(0, (), 40, dtype=DOUBLE), torch.zeros(40, 2, dtype=DOUBLE)
    given = hamiltonian(Sloped(counted, lambda x: 1 - x.exp()), x, 4, 0.3, draw, leaps=12)
    assert asked == 5 and torch.allclose(given.x, hamiltonian(gumbel, x, 4, 0.3, draw, leaps=12).x, rtol=1e-10)


def test_what_cannot_be_compiled_is_said() -> None:
    def untraceable(x: Tensor) -> Tensor:
        torch._dynamo.graph_break()
        raise torch._dynamo.exc.Unsupported("a call into another library")

    propose = compiled_proposal(untraceable, 2)
    with pytest.raises(UserError, match="torch cannot compile this log-density: .*leave `compile` out"):
        propose(start(gumbel, torch.zeros(3, 1)), torch.zeros(3, 1), torch.zeros(3), 0.1)


def test_kinetic_chains_that_run_off_are_stopped() -> None:
    with pytest.raises(RunFailed, match=r"ran off to infinity at step 3"):  # stable below a step of 2
        kinetic(normal(1.0), torch.zeros(20, 1, dtype=DOUBLE), 900, 3.0, Draw(0, (), 20, dtype=DOUBLE))


def test_halving_finds_a_step_that_is_taken() -> None:
    x = torch.randn(300, 5, generator=torch.Generator().manual_seed(0), dtype=DOUBLE) / 10
    found = step_that_is_taken(normal(100.0), x, 8.0, Draw(0, (), 300, dtype=DOUBLE))
    assert 0.05 < found < 0.25  # leapfrog is stable below 2 / sqrt(100)
