"""Samplers as components: exact where they say so, and a step that is far too large is named."""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from torch import Tensor

from pushforward import Draw, Sampler, UserError
from pushforward_gebm.samplers import HMC, MALA, ULA, KineticLangevin

N = 20_000


def posterior(z: Tensor) -> Tensor:
    """Standard normal noise tilted by an energy that is linear in data W z: the law is N(W' a, I)."""
    a = torch.tensor([1.0, -0.5], dtype=z.dtype)
    w = torch.tensor([[0.5, 0.0], [0.3, 0.8]], dtype=z.dtype)
    return -0.5 * z.square().sum(1) + z @ w.T @ a


@pytest.mark.parametrize("sampler", [MALA(0.8), HMC(0.5, 4), KineticLangevin(0.8)], ids=["mala", "hmc", "kinetic"])
def test_the_law_of_tilted_noise_is_the_shifted_normal_law(sampler: Sampler) -> None:
    draw = Draw(0, ("z",), N, dtype=torch.float64)
    z, facts = sampler.run(posterior, torch.zeros(N, 2, dtype=torch.float64), 60, draw)
    expected = torch.tensor([0.5 - 0.15, -0.4], dtype=torch.float64)
    assert (z.mean(0) - expected).abs().max() < 4 / math.sqrt(N)
    assert (z.var(0) - 1).abs().max() < 4 * math.sqrt(2 / N)
    assert facts["acceptance"] > 0.5 and facts["non_finite"] == 0


def test_unadjusted_steps_have_the_variance_that_theory_gives_them() -> None:
    draw = Draw(0, ("z",), N, dtype=torch.float64)
    x, _ = ULA(0.5).run(lambda x: -0.5 * x.square().sum(1), torch.zeros(N, 1, dtype=torch.float64), 80, draw)
    assert abs(float(x.var()) / (1 / (1 - 0.5 / 4)) - 1) < 4 * math.sqrt(2 / N)


@pytest.mark.parametrize("make", [lambda step: MALA(step), lambda step: HMC(step, 3)], ids=["mala", "hmc"])
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


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(UserError, match="hmc: leaps is 0"):
        HMC(leaps=0)
    with pytest.raises(UserError, match=r"kinetic-langevin: friction is -1"):
        KineticLangevin(friction=-1)
    with pytest.raises(UserError, match="mala: step is 0"):
        MALA(0)
