"""Energies without a base on normal laws: the optimum of every way of training is known in closed form."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pushforward import Draw, Energy, Game, UserError
from pushforward.field import Field
from pushforward.testing.stand_ins import Affine as AffineFlow
from pushforward_gebm.contrastive import ContrastiveDivergence
from pushforward_gebm.noise_contrastive import NoiseContrastive
from pushforward_gebm.penalties import SquaredEnergies
from pushforward_gebm.samplers import HMC, MALA
from pushforward_gebm.score_matching import Denoising, Sliced

DOUBLE = torch.float64
N = 4000


class Bowl(Energy):
    """E = p |x|^2 / 2: N(0, I/p), whose log-partition in D dimensions is D log(2 pi / p) / 2."""

    def __init__(self, precision: float) -> None:
        super().__init__()
        self.precision = nn.Parameter(torch.tensor(precision, dtype=DOUBLE))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        return 0.5 * self.precision * x.flatten(1).square().sum(1)


def draw(n: int, *key: object) -> Draw:
    return Draw(0, key, n, dtype=DOUBLE)


def turn(n: int, *key: object, scale: float = 1.0, dimension: int = 1) -> Draw:
    return draw(n, *key).with_data(scale * draw(n, "data", *key).normal("x", dimension))


def slope(game: Game, dealt: Draw) -> dict[str, Tensor]:
    field = Field(game)
    field.deal([dealt])
    return field().gradients


def descend(game: Game, steps: int, lr: float, **data: Any) -> None:
    field, optimizer = Field(game), torch.optim.Adam(game.players["energy"].parameters(), lr=lr)
    for i in range(steps):
        optimizer.param_groups[0]["lr"] = lr * (1 - i / steps)
        field.deal([turn(500, i, **data)])
        direction = field()
        for key, gradient in direction.gradients.items():
            field.live[key].grad = gradient
        optimizer.step()
        game.remember("energy", direction.draw, direction.terms["energy"])


def test_sliced_scores_find_the_precision_of_the_batch() -> None:
    # c = -p D + p^2 |x|^2 / 2: its minimum is at p = D / mean |x|^2, whatever the signs of the probes.
    dealt = turn(200, dimension=3)
    best = 3 / dealt.x.square().sum(1).mean().item()
    for probes in (1, 4):
        assert abs(slope(Sliced(Bowl(best), (3,), probes=probes), dealt)["energy.precision"]) < 1e-12
    cost = Sliced(Bowl(0.7), (3,)).costs(("energy",), dealt)["energy"]["score"]
    assert cost.item() == pytest.approx(-0.7 * 3 + 0.49 / 2 * 3 / best)


@pytest.mark.parametrize("sigma", [0.3, 1.0])
def test_denoising_finds_the_law_that_is_blurred(sigma: float) -> None:
    # x + sigma xi ~ N(0, 1 + sigma^2); on a sample the best p is <xi, y> / (sigma <y, y>) with y = x + sigma xi.
    dealt = turn(N)
    noise = dealt.normal("blur", 1)
    blurred = dealt.x + sigma * noise
    best = ((noise * blurred).sum() / (sigma * blurred.square().sum())).item()
    assert abs(slope(Denoising(Bowl(best), (1,), sigma=sigma), dealt)["energy.precision"]) < 1e-12
    # The error of that ratio is sqrt(Var(xi - sigma p y) / E y^2 n) / sigma <= 1 / (sigma sqrt(n)).
    assert abs(best - 1 / (1 + sigma**2)) < 4 / (sigma * math.sqrt(N))


@pytest.mark.parametrize(("ratio", "scale"), [(1, 1.5), (4, 1.0)])
def test_noise_contrast_recovers_precision_and_log_partition(ratio: int, scale: float) -> None:
    game = NoiseContrastive(Bowl(1.0), (1,), ratio=ratio, noise_scale=scale)
    descend(game, 400, 0.05, scale=0.8)
    p = 1 / 0.8**2
    assert abs(game.energy.precision.item() - p) < 0.08
    assert abs(game.constant.value.item() - 0.5 * math.log(2 * math.pi / p)) < 0.05
    x = torch.linspace(-2, 2, 7, dtype=DOUBLE)[:, None]
    truth = torch.distributions.Normal(0, 0.8).log_prob(x[:, 0])
    assert (game.log_density(x) - truth).abs().max() < 0.2


def test_noise_contrast_has_no_slope_at_the_truth() -> None:
    game, n = NoiseContrastive(Bowl(1.0), (2,), noise_scale=1.4), 20_000
    with torch.no_grad():
        game.constant.value.fill_(math.log(2 * math.pi))
    found = slope(game, turn(n, dimension=2))
    # Each slope is a difference of two means of numbers below 1 (constant) or |x|^2 / 2 (precision).
    assert abs(found["constant.value"]) < 4 / math.sqrt(n)
    assert abs(found["energy.precision"]) < 4 * 2 / math.sqrt(n)


def test_noise_contrast_takes_a_flow_for_noise_and_leaves_it_alone() -> None:
    game = NoiseContrastive(Bowl(1.0), (2,), noise=AffineFlow((2,)).double())
    assert set(Field(game).live) == {"energy.precision", "constant.value"}
    x = draw(3).normal("x", 2)
    expected = game.log_density(x) - game.law.log_density(x)
    assert torch.allclose(game._logits(x, game.energy(x)), expected)
    game.law.conditional = True
    with pytest.raises(UserError, match="the noise wants classes"):
        NoiseContrastive(Bowl(1.0), (2,), noise=game.law)


@pytest.mark.parametrize("sampler", [MALA(0.8), HMC(0.4, 3)], ids=["mala", "hmc"])
def test_contrast_rests_at_the_law_of_data_where_the_kernel_is_exact(sampler: Any) -> None:
    # Chains that begin at data of the energy's own law keep it, so that both means of |x|^2 / 2 are alike.
    p, n = 2.0, 20_000
    game = ContrastiveDivergence(Bowl(p), (1,), start="data", chain_steps=5, sampler=sampler)
    dealt = turn(n, scale=1 / math.sqrt(p))
    assert abs(slope(game, dealt)["energy.precision"]) < 4 * math.sqrt(2 * 0.5 / n) / p
    # and of a wrong energy it goes towards the law of data
    for wrong, sign in ((1.0, -1), (4.0, 1)):
        moved = slope(ContrastiveDivergence(Bowl(wrong), (1,), start="data", sampler=sampler), dealt)
        assert sign * moved["energy.precision"] > 0


def test_persistent_chains_find_the_precision() -> None:
    game = ContrastiveDivergence(Bowl(1.0), (1,), chain_steps=5, sampler=MALA(0.3), replay=1000)
    descend(game, 200, 0.1, scale=0.5)
    assert abs(game.energy.precision.item() - 4) < 0.4
    x = game.sample(1000, draw(1000))
    assert abs(x.std().item() - 0.5) < 0.06


def test_the_replay_is_written_after_a_move_and_not_by_costs() -> None:
    game, dealt = ContrastiveDivergence(Bowl(1.0), (2,), replay=64, renew=0.0), turn(8, dimension=2)
    before = game.replay.clone()
    first = game.costs(("energy",), dealt)["energy"]["contrast"]
    second = game.costs(("energy",), dealt)["energy"]["contrast"]
    assert torch.equal(first, second) and torch.equal(game.replay, before)
    game.remember("energy", dealt, {})
    changed = (game.replay != before).any(1)
    assert changed.sum() == 8
    game.remember("energy", dealt, {})  # nothing more was put aside
    assert torch.equal((game.replay != before).any(1), changed)


def test_parts_of_a_turn_go_on_with_the_chains_of_the_whole() -> None:
    dealt = turn(8, dimension=2)
    games = [replayed(0) for _ in range(2)]
    games[0].costs(("energy",), dealt)
    for part in dealt.parts(3):
        games[1].costs(("energy",), part)
    for game in games:
        game.remember("energy", dealt, {})
    assert torch.allclose(games[0].replay, games[1].replay)


def replayed(seed: int) -> ContrastiveDivergence:
    torch.manual_seed(seed)
    return ContrastiveDivergence(Bowl(1.0), (2,), replay=64, chain_steps=2, noise_scale=3.0)


def test_the_first_replay_is_noise_of_the_runs_own_seed() -> None:
    one, again, other = (replayed(seed).replay for seed in (0, 0, 1))
    assert torch.equal(one, again) and not bool((one == other).any())
    assert abs(float(one.std()) - 3) < 4 * 3 / math.sqrt(2 * one.numel())


@pytest.mark.parametrize(("make", "passes"), [(NoiseContrastive, 2), (Denoising, 1), (Sliced, 1)])
def test_a_turn_asks_the_energy_no_more_often_than_its_formula(make: Any, passes: int) -> None:
    game, asked = make(Bowl(1.0), (2,)), []
    game.energy.register_forward_hook(lambda *_: asked.append(1))
    costs = game.costs(("energy",), turn(8, dimension=2))["energy"]
    assert len(asked) == passes and 0 <= float(costs["~lowest-energy"]) < 20


def test_short_runs_from_noise_keep_no_replay() -> None:
    game = ContrastiveDivergence(Bowl(1.0), (2,), start="noise", noise_scale=2.0, sample_steps=1)
    assert len(game.replay) == 0
    game.costs(("energy",), turn(8, dimension=2))
    game.remember("energy", turn(8, dimension=2), {})
    assert game.sample(500, draw(500)).std() > 1.5


def test_samples_are_of_the_law_of_the_energy() -> None:
    game = Denoising(Bowl(4.0), (2,), sampler=MALA(0.2), sample_steps=60)
    x = game.sample(N, draw(N))
    assert (x.std(0) - 0.5).abs().max() < 4 * 0.5 / math.sqrt(2 * N)
    with pytest.raises(UserError, match="knows no classes"):
        game.sample(2, draw(2), torch.zeros(2, dtype=torch.int64))


def test_the_constant_of_an_energy_is_held_by_its_squares() -> None:
    game = ContrastiveDivergence(Bowl(1.0), (1,), penalties=[SquaredEnergies(0.5)], start="data", chain_steps=1)
    terms = game.costs(("energy",), turn(8))["energy"]
    assert terms["squaredenergies"] > 0 and "contrast" in terms


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(UserError, match="renew is 2"):
        ContrastiveDivergence(Bowl(1.0), (1,), renew=2.0)
    with pytest.raises(UserError, match="noise_scale 0"):
        Denoising(Bowl(1.0), (1,), noise_scale=0.0)
    with pytest.raises(UserError, match="a batch of 8 needs a replay of as many: it is 4"):
        ContrastiveDivergence(Bowl(1.0), (1,), replay=4).costs(("energy",), turn(8))
