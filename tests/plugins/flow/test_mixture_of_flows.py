"""A mixture of flows is the weighted sum of their densities, and its samples are theirs in these shares."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pushforward import Draw, UserError
from pushforward.testing.flows import moved_away
from pushforward_flow.autoregressive import MAF
from pushforward_flow.coupling import NICE
from pushforward_flow.game import FlowGame
from pushforward_flow.glow import Glow
from pushforward_flow.mixture_of_flows import MixtureOfFlows
from pushforward_flow.spline import NSF

DOUBLE = torch.float64
SHARES = torch.tensor([0.7, 0.2, 0.1], dtype=DOUBLE)


def flows(**options: object) -> list[MAF]:
    torch.manual_seed(0)
    return [moved_away(MAF((2,), transforms=1, hidden=[8], **options)).double() for _ in SHARES]


def mixture(**options: object) -> MixtureOfFlows:
    game = MixtureOfFlows(flows(**options)).double()
    with torch.no_grad():
        game.flow.logits.copy_(SHARES.log())
    return game


def points(n: int) -> Tensor:
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(1), dtype=DOUBLE)


def fitted(game: FlowGame, x: Tensor) -> float:
    """Nats a row after L-BFGS."""
    torch.manual_seed(0)
    for p in game.double().parameters():
        torch.nn.init.normal_(p, std=0.1)
    optimizer = torch.optim.LBFGS(game.parameters(), max_iter=100, line_search_fn="strong_wolfe")
    draw = Draw(0, (0,), len(x), dtype=DOUBLE).with_data(x)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = game.costs(("flow",), draw)["flow"]["negative-log-likelihood"]
        loss.backward()
        return loss

    optimizer.step(closure)
    return float(closure().detach())


def test_its_density_is_the_weighted_sum_and_has_mass_one() -> None:
    game, x = mixture(), points(50)
    each = torch.stack([flow.log_density(x).exp() for flow in flows()], 1)
    assert torch.allclose(game.log_density(x).exp(), each @ SHARES, rtol=1e-12)
    line = torch.linspace(-12, 12, 401, dtype=DOUBLE)
    with torch.no_grad():
        mass = game.log_density(torch.cartesian_prod(line, line)).exp().sum() * (24 / 400) ** 2
    assert abs(float(mass) - 1) < 1e-3


def test_the_slope_of_a_weight_is_the_share_of_the_data_less_the_weight() -> None:
    game, x = mixture(), points(50)
    (-game.costs(("flow",), Draw(0, (0,), 50, dtype=DOUBLE).with_data(x))["flow"]["negative-log-likelihood"]).backward()
    each = torch.stack([flow.log_density(x).exp() for flow in flows()], 1) * SHARES
    shares = (each / each.sum(1, keepdim=True)).mean(0)
    assert torch.allclose(game.flow.logits.grad, shares - SHARES, atol=1e-12)


def test_samples_are_those_of_the_flows_in_the_shares_of_the_weights() -> None:
    game, n = mixture(), 20_000
    draw = Draw(0, (0,), n, dtype=DOUBLE)
    with torch.no_grad():
        x = game.sample(n, draw)
        theirs = [flow.to_data(flow.sample_base(draw))[0] for flow in flows()]
    found = torch.stack([(x == other).all(1).double().mean() for other in theirs])
    assert float(found.sum()) == 1
    assert bool(((found - SHARES).abs() < 4 * (SHARES * (1 - SHARES) / n).sqrt()).all())


def test_a_sample_does_not_depend_on_the_others() -> None:
    game, draw = mixture(conditional=True, classes=2), Draw(0, (0,), 40, dtype=DOUBLE)
    labels = torch.arange(40) % 2
    part = Draw(0, (0,), 40, (10, 20), dtype=DOUBLE)
    assert torch.allclose(game.sample(40, draw, labels)[10:20], game.sample(10, part, labels[10:20]), rtol=1e-12)


def test_two_maps_that_shift_learn_two_modes_that_one_cannot() -> None:
    # NICE with one layer that sees nothing: a shift and a scale for each coordinate, whose best law of these data is
    # the normal law of variances (10, 1): log sqrt(10) nats worse than one mode; two of them lose log 2 to it alone.
    x = points(2000)
    x[:, 0] += torch.where(torch.arange(2000) % 2 == 0, 3.0, -3.0)
    floor = math.log(2 * math.pi * math.e) + math.log(2)
    one, two = fitted(FlowGame(NICE((2,), 2, [])), x), fitted(MixtureOfFlows([NICE((2,), 2, []) for _ in range(2)]), x)
    assert abs(two - floor) < 0.05
    assert one > floor - math.log(2) + 0.5 * math.log(10) - 0.05


def test_normalising_layers_of_every_flow_begin_with_the_first_turn() -> None:
    game = MixtureOfFlows([Glow((1, 4, 4), scales=1, steps=1, width=4) for _ in range(2)])
    draw = Draw(0, (0,), 8).with_data(torch.randn(8, 1, 4, 4))
    game.remember("flow", draw, {})
    assert all(bool(flow.stages[0][0].begun) for flow in game.flow.flows)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "got none"),
        ([MAF((2,)), NSF((2,), domain="box")], "'box'"),
        ([MAF((2,)), MAF((2,), conditional=True, classes=3)], "one condition"),
    ],
)
def test_flows_that_cannot_stand_side_by_side_are_refused(given: list[MAF], said: str) -> None:
    with pytest.raises(UserError, match=said):
        MixtureOfFlows(given)
