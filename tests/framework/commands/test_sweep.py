"""A grid from the command line: words with several values are its axes, and every verb says what it does with it."""

import json

import pytest


@pytest.fixture
def small(say, tmp_path):
    """small.yaml with few rounds, and the same with a sweep."""
    text = (tmp_path / "small.yaml").read_text().replace("rounds: 4", "rounds: 2")
    (tmp_path / "small.yaml").write_text(text)
    (tmp_path / "grid.yaml").write_text(text + 'sweep: {seed: "0:2"}\n')
    return "small.yaml"


def test_words_with_several_values_are_axes_and_the_others_overrides(say, small, tmp_path):
    said = say("sweep", small, "model.generator.width=2,4", "seed=0:2", "budget.batch=16")
    assert said.status == 0, said.err
    report, verdict, measure, head, first, second = said.out.splitlines()
    assert report == "runs/small-1/report.html" and verdict == "verdict: undecided: of 4 cells 4 undecided"
    assert measure.split()[0] == "sliced-wasserstein" and " ± " in measure and "worst " in measure
    assert head.split() == ["cell", "sliced-wasserstein"]
    assert first.split()[0] == "width=2" and second.split()[0] == "width=4" and " ± " in second
    assert [line.split("  ")[0] for line in said.err.splitlines()] == [f"cell {i}/4" for i in (1, 2, 3, 4)]
    assert "batch: 16" in (tmp_path / "runs" / "small-1" / "cells" / "3" / "recipe.yaml").read_text()


def test_run_plays_a_recipe_that_sweeps_and_prints_json(say, small):
    said = say("run", "grid.yaml", "--quiet", "--json")
    assert said.status == 0 and said.err == ""
    data = json.loads(said.out)
    assert data["folder"] == "runs/grid-1" and [cell["label"] for cell in data["cells"]] == ["seed=0", "seed=1"]


def test_a_single_value_takes_its_path_off_the_grid(say, small):
    assert say("sweep", "grid.yaml", "seed=3").status == 2
    said = say("run", "grid.yaml", "seed=3", "--quiet", "--json")
    assert said.status == 0 and "cells" not in json.loads(said.out)


def test_a_sweep_of_nothing_is_a_mistake_of_usage(say, small):
    said = say("sweep", small, "seed=1")
    assert said.status == 2 and "sweeps nothing: give several values to a path, such as seed=0:5" in said.err


def test_mistakes_of_axes_are_told_before_anything_is_played(say, small, tmp_path):
    said = say("sweep", small, "model.generater.width=1,2", "model.objective=hinge,hinje")
    assert said.status == 2 and not (tmp_path / "runs").exists()
    assert "model.generater: unknown argument of 'gan'; did you mean 'generator'?" in said.err
    assert "model.objective: unknown objective 'hinje'; did you mean 'hinge'?" in said.err


def test_check_counts_cells_and_explain_prints_the_grid(say, small, tmp_path):
    assert "the first of 2 cells, over seed (2)" in say("check", "grid.yaml").out
    assert json.loads(say("check", "grid.yaml", "--json").out)["cells"] == 2
    (tmp_path / "again.yaml").write_text(say("explain", "grid.yaml").out)
    assert json.loads(say("check", "again.yaml", "--json").out)["cells"] == 2
    assert json.loads(say("explain", "grid.yaml", "--json").out)["sweep"] == {"seed": "0:2"}


def test_what_looks_at_runs_takes_a_grid_or_says_what_it_wants_instead(say, small):
    assert say("run", "grid.yaml", "--quiet").status == 0
    assert say("report", "grid").out == "runs/grid-1/report.html\n"
    assert "sweep.seed" in say("compare", "grid", "runs/grid-1/cells/0").out
    for verb in ("sample", "evaluate"):
        said = say(verb, "grid")
        assert (
            said.status == 2 and "holds a grid of 2 models: take one of them, such as runs/grid-1/cells/0" in said.err
        )
    assert say("evaluate", "runs/grid-1/cells/1").status == 0


def test_all_cells_failing_is_status_1_and_says_where_the_report_is(say, small):
    said = say("sweep", small, "model.optimizer.lr=1e30,1e35", "--quiet")
    assert said.status == 1
    see, why = said.err.splitlines()
    assert see == "pushforward: see runs/small-1/report.html" and why.startswith("pushforward: 2 of 2 cells failed")
