"""The team-Wasserstein toy: its expectations, its skew field, and which rules learn shift and coin."""

from __future__ import annotations

import math

import pytest
import torch
from lab_games import TURN, at_equilibrium, close, field_of, flow_spectrum, named_spectrum, play, swept
from torch.func import jacfwd

from pushforward import Rule, UserError
from pushforward.rules import KPV, Extragradient, Optimistic, Simultaneous
from pushforward_lab.team_wasserstein import TeamWasserstein

START = [0.1, -0.1, 0.5, 0.1, -0.1, -0.1, 0.1]


def test_the_value_is_the_expected_difference_of_the_critics_scores() -> None:
    mean, share = [0.7, -0.4], 0.8
    game = TeamWasserstein(mean, share, start=[0.3, 0.9, 0.35, 0.6, -0.2, 0.5, 0.1])
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(200_000, 2, dtype=torch.float64, generator=generator)
    z = torch.cat([z, -z])  # odd moments of the noise cancel; even ones are the same for both laws
    v, w, mu = game.v.value, game.w.value, torch.tensor(mean, dtype=torch.float64)

    def score(x: torch.Tensor) -> torch.Tensor:
        return (x @ v + (x**2) @ w).mean()

    real = share * score(mu + z) + (1 - share) * score(z - mu)
    kept = game.p.value.item()
    fake = kept * score(z + game.theta.value) + (1 - kept) * score(-(z + game.theta.value))
    value = torch.stack(list(game.costs(["theta"], TURN)["theta"].values())).sum()
    assert value.item() == pytest.approx((real - fake).item(), abs=1e-12)
    assert torch.stack(list(game.costs(["w"], TURN)["w"].values())).sum().item() == -value.item()


@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_field_at_the_equilibrium_is_skew_with_the_known_speeds(n: int) -> None:
    m, share = 0.8, 0.7
    game = TeamWasserstein([m] * n, share, start=[m] * n + [share] + [0.0] * (2 * n))
    jacobian = jacfwd(field_of(game))(at_equilibrium(game))
    assert torch.allclose(jacobian, -jacobian.T, atol=1e-14)
    assert close(flow_spectrum(game), named_spectrum(game.answers()))
    # equal means: sqrt(c^2 + 4 m^2) n - 1 times, with c = 2 share - 1, and the pair that moves theta along mu with p
    c = 2 * share - 1
    a, b, d = c**2 + 4 * m**2, 2 * c * m * math.sqrt(n), 4 * n * m**2
    root = math.sqrt((a - d) ** 2 / 4 + b**2)
    speeds = sorted([math.sqrt(a)] * (n - 1) + [math.sqrt((a + d) / 2 + root), math.sqrt((a + d) / 2 - root)])
    found = sorted(value for value in flow_spectrum(game).imag.tolist() if value > 1e-6)
    assert found == pytest.approx(speeds, abs=1e-10)
    assert int((flow_spectrum(game).abs() < 1e-10).sum()) == n - 1


def test_the_nearest_equilibrium_is_at_rest_on_both_sides() -> None:
    torch.manual_seed(0)
    for side in (1.0, -1.0):
        game = TeamWasserstein([1.0, 0.5], 0.75, start=[side, 0.4 * side, 0.5, 0.3, -0.2, 0.1, 0.6])
        known = game.equilibrium()
        assert torch.allclose(known["theta.value"], side * torch.tensor([1.0, 0.5], dtype=torch.float64))
        assert float(known["p.value"]) == pytest.approx(0.5 + side * 0.25)
        assert float(known["v.value"].norm()) > 0.01
        z = at_equilibrium(game)
        assert torch.allclose(field_of(game)(z), torch.zeros_like(z), atol=1e-14)


def test_descent_diverges_unless_the_coin_stays_a_probability() -> None:
    assert not torch.isfinite(play(TeamWasserstein(start=START), Simultaneous(), 0.05, 250)).all()
    bounded = play(TeamWasserstein(bounded=True, start=START), Simultaneous(), 0.05, 400)
    assert float(bounded[:, 2].min()) >= 0 and float(bounded[:, 2].max()) <= 1
    assert float((bounded[-100:, 2] - 0.5).abs().max()) > 0.2 and float(bounded.abs().max()) < 10


@pytest.mark.parametrize("bounded", [False, True])
@pytest.mark.parametrize(
    ("rule", "step", "rounds"), [(Extragradient(), 0.1, 600), (Optimistic(), 0.07, 1200), (KPV(-1.0, 0.5), 0.1, 600)]
)
def test_rules_that_damp_rotation_learn_shift_and_coin(rule: Rule, step: float, rounds: int, bounded: bool) -> None:
    # Past gradients need the smaller step: at .1 the far excursion of an unbounded p already throws them out.
    path = play(TeamWasserstein(bounded=bounded, start=START), rule, step, rounds)
    theta, p = path[-1, :2], float(path[-1, 2])
    side = 1.0 if p > 0.5 else -1.0
    assert theta.tolist() == pytest.approx([side, side], abs=1e-2)
    assert p == pytest.approx(0.5 + side * 0.25, abs=1e-2)


def test_many_shares_at_once_are_the_same_as_one_by_one() -> None:
    z = torch.linspace(0.1, 0.9, 7, dtype=torch.float64)
    shares = torch.linspace(0.55, 0.95, 5, dtype=torch.float64)
    alone = torch.stack([field_of(TeamWasserstein(share=v))(z) for v in shares.tolist()])
    assert torch.allclose(swept(TeamWasserstein(), "share", shares, z), alone, atol=1e-15)


@pytest.mark.parametrize(
    "arguments",
    [
        {"mean": []},
        {"mean": [1.0, 0.0]},
        {"mean": [math.nan]},
        {"share": 0.5},
        {"share": 1.0},
        {"start": [0.0]},
        {"bounded": True, "start": [0.0, 0.0, 1.5, 0.0, 0.0, 0.0, 0.0]},
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(UserError):
        TeamWasserstein(**arguments)  # type: ignore[arg-type]
