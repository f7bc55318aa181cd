"""A flow fitted to a density: at the density itself the cost is -log Z, and the weights are all alike."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pushforward import Draw, Target, UserError
from pushforward.testing import run_recipe_text
from pushforward_flow.autoregressive import MAF
from pushforward_flow.generator import FlowGenerator
from pushforward_flow.reverse_kl import ReverseKL
from pushforward_flow.spline import NSF

SCALE = torch.tensor([2.0, 0.5], dtype=torch.float64)


class Ellipse(Target):
    """exp(3) times a Gaussian density of mean (1, -1)."""

    shape = (2,)
    log_z = 3.0

    def log_density(self, x: Tensor) -> Tensor:
        off = (x - torch.tensor([1.0, -1.0]).to(x)) / SCALE.to(x)
        return 3.0 - 0.5 * off.square().sum(1) - math.log(2 * math.pi) - float(SCALE.log().sum())


def at_the_optimum() -> ReverseKL:
    game = ReverseKL(Ellipse(), MAF((2,), transforms=1, hidden=[]).double())
    limit = math.log(1000.0)
    log_scale = -SCALE.log()
    with torch.no_grad():  # z = e^a x + b, with a = t / (1 + |t| / limit)
        first, second = ([-m * math.exp(a), a / (1 - abs(a) / limit)] for m, a in zip((1, -1), log_scale, strict=True))
        game.flow.layers[0].conditioner.layers[0].bias.copy_(torch.tensor([*first, *second]))
    return game


def test_at_the_density_itself_the_cost_is_minus_log_z_for_every_sample() -> None:
    game, draw = at_the_optimum(), Draw(0, (0,), 100, dtype=torch.float64)
    assert abs(float(game.costs(("flow",), draw)["flow"]["reverse-kl"]) + 3.0) < 1e-9
    found = game.estimate(Ellipse(), 10_000, Draw(0, (1,), 1, dtype=torch.float64))
    assert abs(found.log_z - 3.0) < 1e-9 and abs(found.ess - 1) < 1e-9 and found.evaluations == 10_000
    assert found.bound is not None and abs(found.bound - 3.0) < 1e-9


def test_the_cost_is_the_divergence_of_two_gaussians_in_closed_form() -> None:
    game, n = ReverseKL(Ellipse(), MAF((2,)).double()), 20_000  # a flow that begins as the standard normal law
    cost = float(game.costs(("flow",), Draw(0, (0,), n, dtype=torch.float64))["flow"]["reverse-kl"])
    precision, mean = SCALE**-2, torch.tensor([1.0, -1.0])
    expected = 0.5 * float((precision * (1 + mean**2) - 1 + (SCALE**2).log()).sum()) - 3.0
    spread = math.sqrt(float((precision - 1).square().sum() / 2 + (precision * mean).square().sum()))
    assert abs(cost - expected) < 4 * spread / math.sqrt(n)  # four standard errors
    found = game.estimate(Ellipse(), n, Draw(0, (1,), 1, dtype=torch.float64))
    assert found.ess < 0.9 and found.bound is not None and abs(found.bound + expected) < 4 * spread / math.sqrt(n)


def test_a_flow_learns_a_density_without_data() -> None:
    torch.manual_seed(0)
    game = ReverseKL(Ellipse(), MAF((2,), transforms=1, hidden=[])).double()
    optimizer = torch.optim.Adam(game.parameters(), lr=0.05)
    for i in range(300):
        optimizer.param_groups[0]["lr"] = 0.05 * (1 - i / 300)
        optimizer.zero_grad()
        game.costs(("flow",), Draw(0, (i,), 64, dtype=torch.float64))["flow"]["reverse-kl"].backward()
        optimizer.step()
    found = game.estimate(Ellipse(), 10_000, Draw(0, ("end",), 1, dtype=torch.float64))
    assert abs(found.log_z - 3.0) < 4 * found.standard_error + 1e-3 and found.ess > 0.98


def test_a_condition_is_refused() -> None:
    with pytest.raises(UserError, match="a density says nothing of classes"):
        ReverseKL(Ellipse(), MAF((2,), classes=3, conditional=True))


RECIPES = {
    "a discriminator": """
model: {use: gan, generator: {use: flow, flow: {use: nsf, transforms: 2}}, discriminator: mlp, objective: hinge}
measure: [sliced-wasserstein]
""",
    "an energy": """
model: {use: gebm, base: maf, energy: mlp, train_base: true, chain_steps: 2, partition_samples: 200}
measure: [log-density]
""",
}


@pytest.mark.parametrize("other", RECIPES)
def test_a_flow_plays_against(other: str, tmp_path: Path) -> None:
    head = "about: A flow plays another game.\ntarget: moons\nbudget: {rounds: 4, batch: 16, report_every: 2}\n"
    run = run_recipe_text(head + RECIPES[other], tmp_path)
    assert all(math.isfinite(measure["value"]) for measure in run.results["measures"].values())


def test_a_generator_made_of_a_flow_is_its_direction_to_data() -> None:
    torch.manual_seed(0)
    flow = MAF((1, 2, 2)).double()
    made, z = FlowGenerator(flow), torch.randn(5, 4, dtype=torch.float64)
    assert torch.equal(made(z), flow.to_data(z.view(5, 1, 2, 2))[0]) and made.latent.dimension == 4
    draw = Draw(0, (), 5, dtype=torch.float64)
    assert torch.equal(made.sample(5, None, draw), flow.sample(5, None, draw))


@pytest.mark.parametrize("arguments", [{"modes": 2}, {"domain": "box"}], ids=str)
def test_a_generator_wants_normal_noise(arguments: dict[str, object]) -> None:
    with pytest.raises(UserError, match="noise is standard normal, and that of this NSF is not"):
        FlowGenerator(NSF((2,), **arguments))  # type: ignore[arg-type]


def test_a_mixture_as_base_law_is_refused() -> None:
    with pytest.raises(UserError, match="modes=1"):
        ReverseKL(Ellipse(), MAF((2,), modes=4))
