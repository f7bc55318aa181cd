"""Walkers by blocks: memory that does not grow with them, and what importance sampling's variance is without any."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pushforward import Draw, Target, build, load_recipe, open_run
from pushforward.roles.measure import Look
from pushforward_neis.annealed import AnnealedImportanceSampling
from pushforward_neis.exact_fields import Dilation, LinearField
from pushforward_neis.flow_lines import FlowLines
from pushforward_neis.game import NEIS
from pushforward_neis.pictures import LogZTrace, Trajectories
from pushforward_neis.walkers import BLOCK
from pushforward_targets.mixtures import FourModes, TwoModes


class Counted(Target):
    """Half a normal law that notes how many points it is shown at once, and how many in all."""

    shape = (2,)
    log_z = math.log(math.pi / 2)

    def __init__(self) -> None:
        self.most = self.all = 0

    def log_density(self, x: Tensor) -> Tensor:
        self.most, self.all = max(self.most, len(x)), self.all + len(x)
        return -2 * x.square().sum(1)


@pytest.mark.parametrize("walkers", [BLOCK, 12 * BLOCK + 7])
def test_no_more_than_a_block_of_walkers_is_held_at_once(walkers: int) -> None:
    target = Counted()
    lines = FlowLines(Dilation((2,)), steps=4, stepper="exact")
    found = lines.estimate(target, 5 * walkers, Draw(0, ("walkers",), 1))
    assert target.most == 5 * BLOCK and found.n == walkers
    assert target.all == found.evaluations == 5 * walkers  # and every evaluation is counted
    whole = FlowLines(Dilation((2,)), length=None, steps=4, stepper="exact").estimate(target, 200_000, Draw(0, (), 1))
    assert target.most == 5 * BLOCK and target.all == 5 * walkers + whole.evaluations


def test_the_variance_of_importance_sampling_of_a_mixture_is_known() -> None:
    r"""E w^2 = sum_ij w_i w_j exp(B_ij) / sqrt(det A_ij), A = S_i^-1 + S_j^-1 - I: 1.854e6 and 2.154e6 times Z^2."""
    for target, known in ((TwoModes(), 18541.99 * (2 * math.pi) ** 2), (FourModes(), 2154479.8 * (2 * math.pi) ** 10)):
        density = target.log_density
        means = target.modes.double()
        d = means.shape[1]
        precision = -torch.func.hessian(density)(means[:1])[0, 0, :, 0].diagonal()
        height = density(means)  # modes are so far apart that each is alone at its centre
        total = 0.0
        for i, a in enumerate(means):
            for j, b in enumerate(means):
                sharp = 2 * precision - 1
                pull = (precision * (a + b)) / sharp
                exponent = -0.5 * (precision * (a.square() + b.square())).sum() + 0.5 * (sharp * pull.square()).sum()
                total += float((height[i] + height[j] + exponent).exp() / sharp.prod().sqrt())
        total *= (2 * math.pi) ** d  # of the normal law in the denominator, and of the integral
        assert total == pytest.approx(known, rel=1e-4)


def test_a_field_of_another_recipe_is_a_warm_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flow matching to rough samples with a field that sees no time, then NEIS from where it ended."""
    monkeypatch.setenv("PUSHFORWARD_CACHE", str(tmp_path))
    file = tmp_path / "rough.yaml"
    file.write_text(
        "about: A field by flow matching.\ntarget: two-modes\n"
        "model: {use: flow-matching, velocity: {use: gradient-field, width: 8}}\n"
        "budget: {rounds: 3, batch: 64, report_every: 3}\n"
    )
    warm = build(load_recipe("two-modes/neis", [f"model.velocity={{use: trained, recipe: {file}}}"])).play.game
    (run,) = (tmp_path / "trained").glob("*/*")
    matched = open_run(run).game.velocity
    x = torch.randn(5, 2)
    assert isinstance(warm, NEIS) and torch.equal(warm.velocity(0.0, x), matched(0.0, x))
    cost = warm.costs(("velocity",), Draw(0, (0,), 200))["velocity"]["log-second-moment"]
    assert all(bool(g.any()) for g in torch.autograd.grad(cost, list(warm.velocity.parameters())))  # and it goes on


def test_pictures_show_walkers_and_what_an_estimate_costs() -> None:
    torch.manual_seed(0)
    game = NEIS(LinearField((2,), scale=0.5), TwoModes(), steps=4, start=0.0)
    look = Look(game, TwoModes(), play=None)
    still = NEIS(LinearField((2,), matrix=[[0.0, 0.0], [0.0, 0.0]]), TwoModes(), steps=4, start=0.0)
    walked, stood = (Trajectories(10).picture(Look(g, TwoModes())) for g in (game, still))
    assert walked.mode == "RGB" and walked.tobytes() != stood.tobytes()
    alone = LogZTrace(evaluations=2000, points=2).picture(look)
    beside = LogZTrace([AnnealedImportanceSampling(temperatures=3, leaps=1, pilot=16)], 4000, 2).picture(look)
    assert alone.mode == "RGB" and alone.tobytes() != beside.tobytes()
