"""Cells of a grid played at once are the cells played one by one."""

import math

import pytest

import pushforward.diagnosis
import pushforward.sweeper
import pushforward.together
from pushforward.check import plan_cell, plan_recipe
from pushforward.dials import find_dial
from pushforward.folder import read_json
from pushforward.frozen import frozen
from pushforward.runner import run_recipe
from pushforward.together import play_together

DIRAC = """\
about: Dirac-GANs.
model: {use: dirac-gan, rule: simultaneous, optimizer: {use: sgd, lr: 0.2}}
budget: {rounds: 30, report_every: 30}
measure: [equilibrium-distance]
"""
PENNIES = """\
about: Matching pennies.
model: {use: matching-pennies, start: [0.9, 0.2, 0.4, 0.7], rule: {use: kpv}, optimizer: {use: sgd, lr: 0.05}}
budget: {rounds: 30, report_every: 30}
measure: [equilibrium-distance]
"""
EXPONENTIAL = """\
about: The exponential GAN on batches.
model: {use: exponential-gan, expectations: batch, optimizer: {use: sgd, lr: 0.1}}
budget: {rounds: 20, report_every: 20, batch: 16}
measure: [equilibrium-distance]
"""
POINTS = """\
about: Isolated points.
model: {use: isolated-points, start: [[0.1], [-0.2]], window: 20, optimizer: {use: sgd, lr: 0.1}}
budget: {rounds: 15, report_every: 15}
measure: [points-phase]
"""


@pytest.fixture
def grid(tmp_path, monkeypatch):
    """A grid's results, its cells played at once or one by one."""
    monkeypatch.chdir(tmp_path)

    def play(text, sweep, at_once=True, *overrides):
        (tmp_path / "grid.yaml").write_text(text + f"sweep: {sweep}\n")
        with monkeypatch.context() as patch:
            # asked of neither, and long to find
            for name, nothing in (("remedies", []), ("measured_contraction", None)):
                patch.setattr(pushforward.diagnosis, name, lambda *args, nothing=nothing, **options: nothing)
            if not at_once:
                patch.setattr(pushforward.sweeper, "play_together", lambda plan, cells: None)
            folder = run_recipe("grid.yaml", overrides, out=tmp_path / "runs", quiet=True)
        assert (folder / "cells").exists() is not at_once
        return read_json(folder / "results.json")

    return play


def both(grid, text, sweep, *overrides):
    """The cells at once, after it was made sure that they are those one by one."""
    together, alone = (grid(text, sweep, at_once, *overrides) for at_once in (True, False))
    assert len(together["cells"]) == len(alone["cells"])
    for ours, theirs in zip(together["cells"], alone["cells"], strict=True):
        for key in ("label", "status", "rounds", "reason"):
            assert ours.get(key) == theirs.get(key)
        assert ours["verdict"].get("state") == theirs["verdict"].get("state")
        for name, numbers in theirs["measures"].items():
            assert ours["measures"][name] == pytest.approx(numbers, rel=1e-9, abs=1e-9)
    return together["cells"]


@pytest.mark.parametrize(
    ("text", "sweep"),
    [
        (DIRAC, "{model.r1: [0, 0.3, 1], model.optimizer.lr: [0.05, 0.2]}"),
        (DIRAC, "{model.noise: [0, 0.5], model.objective: [minimax, hinge]}"),
        (DIRAC, '{model.start: [null], model.rule: [alternating], seed: "0:4"}'),
        (DIRAC.replace("dirac-gan", "dirac-gan, start: [1, 1]"), "{model.start.0: [-1, 0.2, 1], model.r2: [0.1, 0.5]}"),
        (DIRAC, "{model.optimizer.momentum: [0, 0.1], model.r1: [0.1, 1]}"),
        (PENNIES, "{model.rule.k: [-2, -1.1], model.rule.p: [0.3, 0.5]}"),
        (PENNIES, "{model.start: [null], model.omega: [0.25, 0.5], seed: [3, 1]}"),
        (EXPONENTIAL, '{seed: "0:4"}'),
        (EXPONENTIAL, '{seed: "0:2", model.slope: [0.25, 0.5]}'),
        (EXPONENTIAL, "{budget.batch: [8, 16], model.slope: [0.25, 0.5]}"),
        (POINTS, "{model.damping: [0.5, 2], model.optimizer.lr: [0.05, 0.1]}"),
        (POINTS, "{model.kernel.width: [0.5, 1], model.start.0.0: [0.1, 0.2]}"),
        (POINTS, "{model.count: [2, 3], model.start: [null], model.damping: [0.5, 2]}"),
    ],
)
def test_a_grid_played_at_once_is_the_grid_played_one_by_one(grid, text, sweep):
    cells = both(grid, text, sweep)
    assert len({str(cell["measures"]) for cell in cells}) == len(cells)  # every cell has its own numbers


def test_a_number_that_is_baked_into_another_object_parts_the_cells(grid):
    cells = both(grid, DIRAC, "{model.bound: [0.01, 0.02], model.r1: [0, 0.1]}")
    assert cells[0]["measures"]["equilibrium-distance"]["discriminator"] <= 0.01
    assert 0.01 < cells[2]["measures"]["equilibrium-distance"]["discriminator"] <= 0.02


def test_a_number_of_play_itself_parts_the_cells(grid):
    both(grid, POINTS, "{model.clip: [0.001, 0.1], model.damping: [0.5, 2]}")


def test_a_copy_that_diverges_fails_alone_and_says_in_which_round_and_why(grid):
    text = DIRAC.replace("rounds: 30", "rounds: 400").replace("dirac-gan", "dirac-gan, objective: wasserstein, r1: 1")
    cells = both(grid, text, "{model.optimizer.lr: [0.1, 100], seed: [0, 1]}")
    assert [cell["status"] for cell in cells] == ["completed", "completed", "failed", "failed"]
    assert cells[2]["verdict"]["state"] == "diverging"
    assert cells[2]["reason"] == "round 79: cost term 'objective' of player 'discriminator' is -inf"


def test_a_cell_that_is_refused_fails_alone(grid):
    cells = both(grid, DIRAC, "{model.rule.beta: [-0.5, -1.5, 0.2]}", "model.rule=negative-momentum")
    assert [cell["status"] for cell in cells] == ["completed", "failed", "completed"]
    assert "a beta of -1.5" in cells[1]["reason"]


@pytest.mark.parametrize(
    "text",
    [
        DIRAC + "watch: [orbit]\n",
        DIRAC.replace("report_every: 30", "report_every: 10, best: equilibrium-distance"),
        DIRAC.replace("lr: 0.2", "lr: {use: cosine, from: 0.2, to: 0.1}"),
        DIRAC + "trainer: {deterministic: true}\n",
    ],
)
def test_what_looks_at_cells_as_they_are_played_has_them_played_one_by_one(tmp_path, text):
    (tmp_path / "grid.yaml").write_text(text + "sweep: {model.r1: [0.1, 0.2]}\n")
    plan = plan_recipe(str(tmp_path / "grid.yaml"))
    cells = list(plan.grid)
    assert play_together(plan_cell(plan.registry, cells[0]), cells) is None


def test_a_smoke_run_plays_copies_for_its_few_rounds_only(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grid.yaml").write_text(DIRAC + "sweep: {model.r1: {from: 0, to: 1, count: 5}}\n")
    results = read_json(run_recipe("grid.yaml", out=tmp_path, smoke=True, quiet=True) / "results.json")
    assert [cell["rounds"] for cell in results["cells"]] == [3, 3]


def test_a_dial_is_a_number_of_the_model_and_of_nothing_else(tmp_path):
    (tmp_path / "r.yaml").write_text(DIRAC.replace("dirac-gan", "dirac-gan, r1: 0.5, start: [1, 2], bound: 1"))
    plan = plan_recipe(str(tmp_path / "r.yaml"))
    assert find_dial(plan, "model.r1").is_number and find_dial(plan, "model.optimizer.lr").value == 0.2
    place = find_dial(plan, "model.start.1")
    place.set(7)
    assert place.value == [1.0, 7.0] and not place.is_number
    for path in ("model.objective", "model.start", "model.start.2", "budget.batch", "seed", "model.r2", "model"):
        assert find_dial(plan, path) is None


class Holds:
    def __init__(self, **held):
        vars(self).update(held)


@pytest.mark.parametrize(
    ("one", "other"),
    [(1.0, 2.0), (1, 1.0), ([1], [1, 2]), (lambda: 1, lambda: 2), ({"a": 1}, {"b": 1}), (math.sin, math.cos)],
)
def test_objects_are_alike_where_all_that_they_hold_is(one, other):
    def of(value):
        return frozen({"x": Holds(inner=Holds(value=value))}, ())

    assert of(one) == of(one) and of(one) != of(other)


def test_a_function_is_what_it_closes_over():
    def made(number):
        return Holds(of=lambda: number)

    assert frozen({"x": made(1.5)}, ()) == frozen({"x": made(1.5)}, ()) != frozen({"x": made(2.5)}, ())


def test_left_out_numbers_and_state_do_not_count():
    import torch

    def of(number, value):
        tensor = torch.tensor(value)
        held = Holds(number=number, tensor=tensor)
        return frozen({"x": held}, {id(tensor)}, {(id(held), "number")})

    assert of(1.0, [1.0]) == of(2.0, [3.0])
    assert of(1.0, [1.0]) != of(None, [1.0]) and of(1.0, [1.0]) != of(1.0, [1.0, 2.0])
