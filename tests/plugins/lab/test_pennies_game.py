"""Generalised matching pennies: the table, the spectrum, what repels and what KPV makes converge."""

from __future__ import annotations

import itertools

import pytest
import torch
from lab_games import close, field_of, flow_spectrum, named_spectrum, ordered, play, round_radius, swept

from pushforward import Rule, UserError
from pushforward.rules import KPV, Extragradient, Optimistic, Simultaneous
from pushforward_lab.pennies import MatchingPennies


@pytest.mark.parametrize("omega", [0.25, 0.5, 0.9])
def test_pure_strategies_pay_as_the_table_says(omega: float) -> None:
    game = MatchingPennies(omega)
    for x1, x2, y1, y2 in itertools.product((0, 1), repeat=4):
        if x1 == x2 and y1 == y2:
            known = -1.0 if x1 == y1 else 1.0
        else:
            known = -omega if x1 == x2 else omega if y1 == y2 else 0.0
        assert float(game.paid(torch.tensor([x1, x2, y1, y2], dtype=torch.float64))) == pytest.approx(known, abs=1e-15)


def test_mixed_strategies_pay_the_expectation_over_pure_ones() -> None:
    game = MatchingPennies(0.3)
    torch.manual_seed(0)
    p = torch.rand(4, dtype=torch.float64)
    pure = torch.tensor(list(itertools.product((0.0, 1.0), repeat=4)), dtype=torch.float64)
    weights = (pure * p + (1 - pure) * (1 - p)).prod(1)
    assert float(game.paid(p)) == pytest.approx(float((weights * game.paid(pure)).sum()), abs=1e-15)


@pytest.mark.parametrize("omega", [0.25, 0.5, 0.75])
def test_the_equilibrium_is_a_saddle_that_spirals_outwards(omega: float) -> None:
    game = MatchingPennies(omega)
    out = complex(2 * omega, 2)
    known = torch.tensor([out, out.conjugate(), -2 * omega, -2 * omega], dtype=torch.complex128)
    assert close(flow_spectrum(game), ordered(known), 1e-8)
    assert close(named_spectrum(game.answers()), ordered(known), 1e-15)
    assert torch.equal(field_of(game)(torch.full((4,), 0.5, dtype=torch.float64)), torch.zeros(4, dtype=torch.float64))


@pytest.mark.parametrize(
    ("step", "descent", "extragradient"), [(0.01, 1.0102, 1.0099), (0.05, 1.0548, 1.0483), (0.1, 1.118, 1.097)]
)
def test_descent_and_extragradient_leave_at_the_known_radii(step: float, descent: float, extragradient: float) -> None:
    game = MatchingPennies(0.5)
    assert round_radius(game, Simultaneous(), step) == pytest.approx(descent, abs=1e-4)
    assert round_radius(game, Extragradient(), step) == pytest.approx(extragradient, abs=1e-4 if step < 0.1 else 6e-4)


@pytest.mark.parametrize("rule", [Simultaneous(), Extragradient(), Optimistic()])
def test_the_usual_rules_end_on_a_cycle_in_the_box(rule: Rule) -> None:
    game = MatchingPennies(0.5, start=[0.52, 0.51, 0.49, 0.5])
    path = play(game, rule, 0.05, 400)
    assert float(path.min()) >= 0 and float(path.max()) <= 1
    assert 0.2 < float((path[-100:] - 0.5).abs().max()) <= 0.5


def kpv_from_many_starts(k: float, p: float, step: float, rounds: int) -> torch.Tensor:
    """20 trajectories at once, written out by hand: how far from 1/2 each strays in its last tenth, (20,)."""
    game, z = MatchingPennies(0.5), torch.rand(20, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    sign, slow, far = torch.tensor([1.0, 1, -1, -1], dtype=torch.float64), z, torch.zeros(20, dtype=torch.float64)
    down = torch.func.grad(lambda z: game.paid(z).sum())
    for number in range(rounds):
        lag = z - slow
        z, slow = (z - step * sign * down(z) + step * k * lag).clamp(0, 1), (slow + step * p * lag).clamp(0, 1)
        far = torch.maximum(far, (z - 0.5).abs().amax(1)) if number >= 0.9 * rounds else far
    return far


def test_kpv_converges_from_every_start_at_the_steps_of_the_notes_and_fails_above() -> None:
    assert float(kpv_from_many_starts(-1.1, 0.3, 0.02, 8000).max()) < 0.01
    assert float(kpv_from_many_starts(-1.1, 0.3, 0.06, 4000).min()) > 0.05
    assert float(kpv_from_many_starts(-2.0, 0.5, 0.1, 1500).max()) < 0.01


def test_the_rule_kpv_converges_where_its_formula_does() -> None:
    path = play(MatchingPennies(0.5, start=[0.9, 0.2, 0.6, 0.1]), KPV(-2.0, 0.5), 0.1, 1000)
    assert float((path[-50:] - 0.5).abs().max()) < 0.01


@pytest.mark.parametrize("omega", [0.25, 0.5, 0.75])
def test_kpv_contracts_exactly_within_its_window(omega: float) -> None:
    answers = MatchingPennies(omega).answers()
    low, high = answers["kpv-lowest-k"], answers["kpv-highest-k"]
    assert (low, high) == pytest.approx((-(2 * omega + 2 / omega), -2 * omega))
    field = field_of(MatchingPennies(omega))
    jacobian = -torch.func.jacfwd(field)(torch.full((4,), 0.5, dtype=torch.float64))
    eye, p = torch.eye(4, dtype=torch.float64), 1e-4

    def least_stable(k: float) -> float:
        """Of the flow of z' = -v + k (z - s), s' = p (z - s)."""
        upper, lower = torch.cat([jacobian + k * eye, -k * eye], 1), torch.cat([p * eye, -p * eye], 1)
        return float(torch.linalg.eigvals(torch.cat([upper, lower])).real.max())

    assert least_stable(low * 0.99) < 0 < least_stable(low * 1.01)
    assert least_stable(high * 1.01) < 0 < least_stable(high * 0.99)


def test_many_omegas_at_once_are_the_same_as_one_by_one() -> None:
    z = torch.tensor([0.1, 0.6, 0.3, 0.8], dtype=torch.float64)
    omegas = torch.linspace(0.1, 0.9, 5, dtype=torch.float64)
    alone = torch.stack([field_of(MatchingPennies(v))(z) for v in omegas.tolist()])
    assert torch.allclose(swept(MatchingPennies(), "omega", omegas, z), alone, atol=1e-15)


@pytest.mark.parametrize("arguments", [{"omega": 0.0}, {"omega": 1.0}, {"start": [0.5] * 3}, {"start": [1.1, 0, 0, 0]}])
def test_wrong_arguments_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(UserError):
        MatchingPennies(**arguments)  # type: ignore[arg-type]
