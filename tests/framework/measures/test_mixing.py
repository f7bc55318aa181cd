"""Chains that mix are seen to, chains that are stuck in two modes as well, and the numbers are those of the chains."""

from __future__ import annotations

import pytest
import torch

from pushforward.game import Game
from pushforward.measures.mixing import Mixing
from pushforward.problem import UserError
from pushforward.roles.measure import Look
from pushforward.roles.target import Target
from pushforward_gebm.samplers import HMC, MALA, ParallelTempering


class TwoFarModes(Target):
    """.5 N(-6, 1) + .5 N(6, 1) on each of two coordinates."""

    shape = (2,)

    def log_density(self, x):
        return torch.logaddexp(-0.5 * (x - 6).square(), -0.5 * (x + 6).square()).sum(1)


def test_chains_on_a_normal_law_agree_and_are_worth_nearly_their_draws(gaussian, copy_of):
    target = gaussian(2, mean=1.0, scale=0.5)
    out = Mixing(HMC(0.3, 3), of="target", chains=8, steps=400).measure(Look(copy_of(target), target))
    assert out["value"] < 1.01 and out["n"] == 3200
    assert 1000 < out["tail"] <= 10_000 and 1000 < out["bulk"] <= 10_000
    assert out["acceptance"] > 0.8 and out["step"] == 0.3 and out["non_finite"] == 0


def test_chains_that_stay_where_they_began_are_seen_and_tempering_mends_them(copy_of, gaussian):
    look = Look(copy_of(gaussian(2)), TwoFarModes())
    stuck = Mixing(HMC(0.5, 4), of="target", spread=6.0).measure(look)
    mixed = Mixing(ParallelTempering(5, 0.03, 0.5), of="target", spread=6.0).measure(look)
    assert stuck["value"] > 1.5 and stuck["bulk"] < 50
    assert mixed["value"] < 1.05 and mixed["bulk"] > 150


def test_what_cannot_be_looked_at_is_said(copy_of, gaussian):
    look = Look(copy_of(gaussian(2)), gaussian(2))
    with pytest.raises(UserError, match="runs no chains; look at the target"):
        Mixing(HMC()).measure(look)
    with pytest.raises(UserError, match="mixing: give it a sampler"):
        Mixing(of="target").measure(look)
    with pytest.raises(UserError, match="steps 3"):
        Mixing(HMC(), steps=3)


def test_a_model_that_runs_chains_is_looked_at_in_its_noise():
    class Tilted(Game):
        players, sampler = {}, MALA(0.5)  # type: ignore[assignment]

        def costs(self, names, draw):
            return {}

        def latent_law(self, draw):
            return lambda z: -0.5 * z.square().sum(1), draw.normal("noise", 3)

    out = Mixing(chains=4, steps=300).measure(Look(Tilted(), TwoFarModes()))
    assert out["value"] < 1.05 and out["n"] == 1200 and out["step"] == 0.5
