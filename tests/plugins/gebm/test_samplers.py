"""Samplers as components: exact where they say so, and a step that is far too large is named."""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from torch import Tensor

from pushforward import Draw, RunFailed, Sampler, UserError
from pushforward_gebm.samplers import HMC, MALA, NUTS, ULA, KineticLangevin, ParallelTempering

N = 20_000


def posterior(z: Tensor) -> Tensor:
    """Standard normal noise tilted by an energy that is linear in data W z: the law is N(W' a, I)."""
    a = torch.tensor([1.0, -0.5], dtype=z.dtype)
    w = torch.tensor([[0.5, 0.0], [0.3, 0.8]], dtype=z.dtype)
    return -0.5 * z.square().sum(1) + z @ w.T @ a


EXACT = [
    (MALA(0.8), 60),
    (HMC(0.5, 4), 30),
    (KineticLangevin(0.8), 40),
    (NUTS(0.6), 6),
    (ParallelTempering(2, 0.5), 40),
]


@pytest.mark.parametrize(("sampler", "steps"), EXACT, ids=[type(sampler).__name__ for sampler, _ in EXACT])
def test_the_law_of_tilted_noise_is_the_shifted_normal_law(sampler: Sampler, steps: int) -> None:
    draw = Draw(0, ("z",), N, dtype=torch.float64)
    z, facts = sampler.run(posterior, torch.zeros(N, 2, dtype=torch.float64), steps, draw)
    expected = torch.tensor([0.5 - 0.15, -0.4], dtype=torch.float64)
    assert (z.mean(0) - expected).abs().max() < 4 / math.sqrt(N)
    assert (z.var(0) - 1).abs().max() < 4 * math.sqrt(2 / N)
    assert facts["acceptance"] > 0.5 and facts["non_finite"] == 0


def test_unadjusted_steps_have_the_variance_that_theory_gives_them() -> None:
    draw = Draw(0, ("z",), N, dtype=torch.float64)
    x, _ = ULA(0.5).run(lambda x: -0.5 * x.square().sum(1), torch.zeros(N, 1, dtype=torch.float64), 80, draw)
    assert abs(float(x.var()) / (1 / (1 - 0.5 / 4)) - 1) < 4 * math.sqrt(2 / N)


WITH_A_TEST = {
    "mala": MALA,
    "hmc": HMC,
    "nuts": NUTS,
    "parallel-tempering": lambda step: ParallelTempering(2, 0.5, step),
}


@pytest.mark.parametrize("make", WITH_A_TEST.values(), ids=WITH_A_TEST)
def test_a_step_that_is_far_too_large_is_named_and_the_suggested_one_works(make) -> None:  # type: ignore[no-untyped-def]
    x = torch.randn(500, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64) / 10

    def narrow(x: Tensor) -> Tensor:
        return -50 * x.square().sum(1)

    with pytest.warns(UserWarning, match=r"proposals were taken at step 9: try step=") as said:
        make(9.0).run(narrow, x, 10, Draw(0, (), 500, dtype=torch.float64))
    suggested = float(str(said[0].message).rsplit("step=", 1)[1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, facts = make(suggested).run(narrow, x, 10, Draw(0, (), 500, dtype=torch.float64))
    assert facts["acceptance"] > 0.3


@pytest.mark.parametrize("make", [ULA, KineticLangevin], ids=["ula", "kinetic-langevin"])
def test_a_kernel_without_a_test_says_when_one_would_refuse_its_steps_or_its_chains_are_lost(make) -> None:  # type: ignore[no-untyped-def]
    x, draw = torch.zeros(300, 40, dtype=torch.float64), Draw(0, (), 300, dtype=torch.float64)

    def narrow(x: Tensor) -> Tensor:
        return -50 * x.square().sum(1)

    coarse = 0.19**2 if make is ULA else 0.19  # stable, for a normal law of precision 100, below a step of .2
    with pytest.warns(UserWarning, match=r"a test would take only .*%.* of the steps at step .*: try step="):
        make(coarse).run(narrow, x, 20, draw)
    with pytest.raises(RunFailed, match=r"300 of 300 chains ran off to infinity at step 5: .*; try step=") as said:
        make(5.0).run(narrow, x, 400, draw)
    suggested = float(str(said.value).rsplit("step=", 1)[1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make(suggested).run(narrow, x, 20, draw)


def test_temperatures_too_far_apart_are_named() -> None:
    def far(x: Tensor) -> Tensor:
        return -0.5 * x.square().sum(1)

    x, draw = torch.zeros(50, 200, dtype=torch.float64), Draw(0, (), 50, dtype=torch.float64)
    with pytest.warns(UserWarning, match=r"exchange only .* of the time: try temperatures=4"):
        ParallelTempering(2, 0.1, 0.3, warm_up=40).run(far, x, 40, draw)


def test_a_warm_up_is_no_part_of_the_facts_and_gives_the_step() -> None:
    x, draw = torch.zeros(300, 10, dtype=torch.float64), Draw(0, (), 300, dtype=torch.float64)
    for sampler in (MALA(5.0, 100, 0.7), HMC(5.0, 4, 100, 0.7), NUTS(5.0, 5, 60, 0.7)):
        _, facts = sampler.run(lambda x: -5 * x.square().sum(1), x, 20, draw)
        assert abs(facts["acceptance"] - 0.7) < 0.1 and facts["step"] < 2


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(UserError, match="hmc: leaps is 0"):
        HMC(leaps=0)
    with pytest.raises(UserError, match=r"kinetic-langevin: friction is -1"):
        KineticLangevin(friction=-1)
    with pytest.raises(UserError, match="mala: step is 0"):
        MALA(0)
    with pytest.raises(UserError, match="nuts: warm_up is -1, wanted 0.8"):
        NUTS(warm_up=-1)
    with pytest.raises(UserError, match="parallel-tempering: temperatures is 1, hottest 0.05"):
        ParallelTempering(1)
