"""The region of a rule is the one that theory draws, and what lies where in a picture can be counted."""

import math

import numpy as np
import pytest
import torch

from pushforward.optimizers import SGD, Adam
from pushforward.play import Play
from pushforward.report.diagnosis import nearest_stretch
from pushforward.report.eigenvalues import _of_field as of_field
from pushforward.report.eigenvalues import closer_view, eigenvalue_figure, whole_view
from pushforward.report.folder import RunFolder
from pushforward.report.verdict import changes, drawn, evidence_rows, headline
from pushforward.rules import (
    KPV,
    Alternating,
    Consensus,
    Extragradient,
    Lookahead,
    Optimistic,
    RungeKutta,
    Simultaneous,
)
from pushforward.stability import acts_on_each, round_radius, shared_descent
from pushforward_lab.quadratic import Bilinear

CIRCLE = torch.exp(2j * math.pi * torch.arange(16, dtype=torch.float64) / 16)


def plane():
    """Points all over the window that pictures show."""
    side = torch.linspace(-3, 3, 13, dtype=torch.float64)
    return torch.complex(side[None, :].expand(13, 13), side[:, None].expand(13, 13))


@pytest.mark.parametrize("step", [0.01, 0.5, 2.0])
def test_simultaneous_descent_contracts_inside_the_circle_about_minus_one(step):
    z = plane()
    assert torch.allclose(round_radius(Simultaneous(), SGD(step), z), (1 + z).abs(), atol=1e-12)
    on = round_radius(Simultaneous(), SGD(step), CIRCLE - 1)
    assert torch.allclose(on, torch.ones(16, dtype=torch.float64), atol=1e-12)


@pytest.mark.parametrize("samples", ["same", "fresh"])
def test_extragradient_contracts_where_its_polynomial_does(samples):
    z = plane()
    radius = round_radius(Extragradient(samples), SGD(0.1), z)
    assert torch.allclose(radius, (1 + z + z**2).abs(), atol=1e-12)
    axis = torch.tensor([0.5j, 1j, 1.1j, -1.0, -1.1])
    assert [bool(r < 1 - 1e-9) for r in round_radius(Extragradient(samples), SGD(0.1), axis)] == [
        True, False, False, False, False
    ]  # fmt: skip
    assert float(round_radius(Extragradient(), SGD(0.1), torch.tensor([1j]))[0]) == pytest.approx(1)


def test_runge_kutta_contracts_where_the_exponential_series_of_fourth_order_does():
    z = plane()
    series = 1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24
    assert torch.allclose(round_radius(RungeKutta(), SGD(0.3), z), series.abs(), atol=1e-12)
    edge = torch.tensor([2.828427j, 2.8285j], dtype=torch.complex128)  # 2 sqrt(2) on the imaginary axis
    below, above = round_radius(RungeKutta(), SGD(0.3), edge)
    assert below < 1 < above


def test_optimism_is_the_larger_root_of_its_own_polynomial_and_ends_at_one_over_the_root_of_three():
    z = plane().reshape(-1)
    roots = np.array([np.abs(np.roots([1, -(1 + 2 * w), w])).max() for w in z.numpy()])
    assert np.allclose(round_radius(Optimistic(), SGD(0.2), z).numpy(), roots, atol=1e-7)  # double roots are less exact
    inside, outside = round_radius(Optimistic(), SGD(0.2), torch.tensor([0.57735j, 0.57736j], dtype=torch.complex128))
    assert inside < 1 < outside


def test_lookahead_cuts_across_what_its_inner_rule_runs_along():
    z = plane()
    radius = round_radius(Lookahead(rounds=3, share=0.5), SGD(0.1), z)
    assert torch.allclose(radius, (0.5 + 0.5 * (1 + z) ** 3).abs(), atol=1e-12)


def test_kpv_depends_on_the_step_beside_the_eigenvalue():
    h, k, p, z = 0.1, -2.0, 0.5, 0.3j
    matrix = np.array([[1 + z + h * k, -h * k], [h * p, 1 - h * p]])
    radius = round_radius(KPV(k, p), SGD(h), torch.tensor([z], dtype=torch.complex128))
    assert float(radius[0]) == pytest.approx(np.abs(np.linalg.eigvals(matrix)).max(), abs=1e-12)


def test_momentum_is_part_of_the_round():
    z, mu = -0.4 + 0.2j, 0.6
    matrix = np.array([[1 + z, -mu], [-z, mu]])  # of (z, h m)
    radius = round_radius(Simultaneous(), SGD(0.7, mu), torch.tensor([z], dtype=torch.complex128))
    assert float(radius[0]) == pytest.approx(np.abs(np.linalg.eigvals(matrix)).max(), abs=1e-12)


def test_rules_that_tell_players_apart_have_no_region():
    with_one = [
        Simultaneous(),
        Extragradient(),
        Optimistic(),
        RungeKutta(),
        KPV(),
        Lookahead(),
        Lookahead(Optimistic()),
    ]
    assert all(acts_on_each(rule) for rule in with_one)
    assert not any(acts_on_each(rule) for rule in (Alternating(), Consensus(), Lookahead(Alternating())))


def test_players_share_a_step_only_where_all_descend_by_the_same():
    def play(optimizer):
        return Play(Bilinear(), Simultaneous(), optimizer)

    first, second = Bilinear().players
    assert shared_descent(play(SGD(0.1))).lr == 0.1
    assert shared_descent(play({first: SGD(0.1), second: SGD(0.1)})).lr == 0.1
    assert shared_descent(play({first: SGD(0.1), second: SGD(0.2)})) is None
    assert shared_descent(play(Adam(0.1))) is None


def verdict_of(eigenvalues, rounds, residual=0.0):
    return {
        "state": "cycling",
        "kind": "centre",
        "why": "it turns",
        "evidence": {
            "eigenvalue-real": eigenvalues[0].real,
            "eigenvalue-imaginary": eigenvalues[0].imag,
            "predicted-contraction": abs(rounds[0]),
            "measured-contraction": 1.002,
            "gap": 0.5,
        },
        "spectrum": {
            "field": [[v.real, v.imag, residual] for v in eigenvalues],
            "round": [[v.real, v.imag, residual] for v in rounds],
        },
    }


def test_eigenvalues_are_drawn_times_the_step_and_closer_where_the_boundary_is_near():
    play = Play(Bilinear(), Simultaneous(), SGD(0.1))
    verdict = verdict_of([1j, -1j], [1 + 0.1j, 1 - 0.1j])
    figure = eigenvalue_figure(play, "simultaneous", verdict)
    assert len(figure.axes) == 4
    points = figure.axes[0].lines[-2]
    assert sorted(points.get_ydata()) == pytest.approx([-0.1, 0.1])
    column = of_field(play, "simultaneous", verdict)
    closer = closer_view(column, whole_view(column))
    away = math.sqrt(1.01) - 1
    assert (closer.x, closer.y) == pytest.approx((0, 0.1)) and closer.half == pytest.approx(6 * away)


def test_small_eigenvalues_beside_a_large_one_get_a_window_of_their_own():
    play = Play(Bilinear(), Alternating(), Adam(0.1))
    column = of_field(play, "alternating", verdict_of([-0.01 + 0j, -100 + 0j], [0.5 + 0j]))
    whole = whole_view(column)
    assert column.rule is None and whole.half == 125 and closer_view(column, whole).half == pytest.approx(0.02)


def test_large_residuals_are_discs_and_small_ones_are_not():
    play = Play(Bilinear(), Simultaneous(), SGD(1.0))
    for residual, count in ((1e-9, 0), (0.3, 2)):
        figure = eigenvalue_figure(play, "simultaneous", verdict_of([1j, -1j], [0.5 + 0j], residual))
        assert [round(p.radius, 9) for p in figure.axes[0].patches] == [residual] * count


def test_no_spectrum_gives_no_picture():
    play = Play(Bilinear(), Simultaneous(), SGD(1.0))
    assert eigenvalue_figure(play, "simultaneous", {"state": "undecided", "evidence": {}}) is None


def test_the_slope_is_laid_where_play_is_nearest_to_the_equilibrium():
    far = np.exp(0.01 * np.arange(90))
    moving = np.ones(90, dtype=bool)
    assert nearest_stretch(far, moving)[-1] == 29 and nearest_stretch(far[::-1], moving)[0] == 60


def test_rows_tell_a_conjugate_pair_once_and_prediction_beside_measurement():
    rows = evidence_rows(verdict_of([-0.1 + 1j, -0.1 - 1j], [0.9 + 0.1j, 0.9 - 0.1j], 1e-9))
    assert [row[:2] for row in rows] == [
        ("eigenvalue of the field", "−0.1 ± 1i"),
        ("eigenvalue of a round", "0.9 ± 0.1i"),
        ("contraction predicted", "0.905539"),
        ("contraction measured", "1.002"),
        ("gap", "0.5"),
    ]
    assert rows[0][2] == "residual 1e−09" and rows[1][2].endswith("modulus 0.905539")
    assert headline(verdict_of([1j], [1j])) == "cycling (centre): it turns"


def test_a_change_carries_a_command_that_a_shell_understands(tmp_path):
    verdict = {
        "remedy": "add r1 (predicted)",
        "overrides": ["model.penalties=[{use: r1, weight: 1}]"],
        "remedies": [
            {"change": "add r1", "overrides": ["model.penalties=[{use: r1, weight: 1}]"], "contraction": 0.5},
            {"change": "another rule", "overrides": ["model.rule=optimistic"], "contraction": None},
        ],
    }
    first, second = changes(tmp_path, verdict)
    assert first.words == "add r1 (predicted)" and first.contraction == "0.5"
    assert first.command == f"pushforward run {tmp_path}/recipe.yaml 'model.penalties=[{{use: r1, weight: 1}}]'"
    assert second.command.endswith(" model.rule=optimistic") and second.contraction == ""
    assert changes(tmp_path, {"remedy": "weight=1"})[0].command == ""  # as earlier versions wrote it
    assert changes(tmp_path, {"state": "converging"}) == []


def test_only_pictures_that_the_verdict_names_are_shown_and_no_way_leads_out_of_the_folder(tmp_path):
    run = RunFolder(tmp_path, results={"verdict": {"pictures": {"orbit": "the flow", "../../secret": "no"}}})
    assert drawn(run) == [("orbit", "the flow", tmp_path / "images" / "diagnosis-orbit.png")]
    assert drawn(RunFolder(tmp_path, results={"verdict": {"pictures": ["orbit"]}})) == []
