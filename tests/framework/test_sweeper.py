"""A played grid: one folder, exact summaries over seeds, cells that fail alone, interrupts that lose nothing."""

import csv
import json
import math
import statistics
from pathlib import Path

import pytest
from PIL import Image

import pushforward.sweeper
from pushforward.axes import Axis, Point
from pushforward.expected import Bound, Expected, flat_numbers
from pushforward.folder import read_json
from pushforward.grid import Cell, Grid
from pushforward.nodes import Node
from pushforward.problem import Place, RunFailed, UserError
from pushforward.public import open_run, run
from pushforward.report.grids import contact_sheets, measure_figure
from pushforward.report.maps import edges
from pushforward.report.page import write_report
from pushforward.runner import Interrupted, Run, run_recipe
from pushforward.summary import grouped, overall, repeats, tally

SMALL = """\
about: A GAN of a few numbers.
target: rings
model:
  use: gan
  generator: {use: mlp, width: 4, depth: 1}
  discriminator: {use: mlp, width: 4, depth: 1}
  penalties: [{use: r1, weight: 0.1}]
budget: {rounds: 2, batch: 16, report_every: 1}
measure: [{use: sliced-wasserstein, samples: 50, projections: 8}]
watch: [{use: sample-scatter, samples: 10}]
"""
SWEEP = """\
sweep:
  variants:
  - {label: R1, set: {model.penalties.0.weight: 1}}
  - {label: wide, set: {model.generator.width: 8}}
  seed: "0:2"
"""


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A recipe's file; a grid where `sweep` is given."""
    monkeypatch.chdir(tmp_path)

    def write(sweep=""):
        (tmp_path / "small.yaml").write_text(SMALL + sweep)
        return "small.yaml"

    return write


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """The folder of a grid of two variants and two seeds."""
    root = tmp_path_factory.mktemp("grid")
    (root / "small.yaml").write_text(SMALL + SWEEP)
    return run_recipe(str(root / "small.yaml"), out=root / "runs", quiet=True)


def cell(seed, label="x", index=0):
    """A cell of a grid over labels and seeds, as the summaries want it."""
    place = Place("r.yaml")
    points = (
        Point(label, (("model.a", Node(label, place)),), place),
        Point(str(seed), (("seed", Node(seed, place)),), place),
    )
    axes = tuple(
        Axis(path, (point,), "list", Node([], place)) for path, point in zip(("model.a", "seed"), points, strict=True)
    )
    return Cell(Grid(None, axes), index, points)


def of(value, **further):
    return {"status": "completed", "measures": {"w": {"value": value, **further}}, "verdict": {"state": "cycling"}}


def test_a_grid_leaves_one_folder_with_a_run_for_each_cell(played):
    names = {path.name for path in played.iterdir()}
    assert {"recipe.yaml", "results.json", "cells.csv", "report.html", "images", "cells", "environment.json"} <= names
    assert sorted(path.name for path in (played / "cells").iterdir()) == ["0", "1", "2", "3"]
    results = read_json(played / "results.json")
    assert results["status"] == "completed" and results["rounds"] == 2
    assert [c["label"] for c in results["cells"]] == ["R1, seed=0", "R1, seed=1", "wide, seed=0", "wide, seed=1"]
    for c in results["cells"]:
        own = read_json(played / "cells" / str(c["cell"]) / "results.json")
        assert own["measures"] == c["measures"] and own["seed"] == c["values"]["seed"]


def test_a_cell_is_the_run_that_its_overrides_alone_would_be(played, small):
    alone = run_recipe(small(), ["model.generator.width=8", "seed=1"], quiet=True)
    assert (alone / "metrics.csv").read_bytes() == (played / "cells" / "3" / "metrics.csv").read_bytes()
    assert open_run(played / "cells" / "3").sample(3).shape == (3, 2)


def test_the_table_has_a_row_for_each_cell(played):
    rows = list(csv.DictReader((played / "cells.csv").open()))
    assert [(row["cell"], row["variants"], row["seed"], row["status"]) for row in rows][2] == (
        "2",
        "wide",
        "0",
        "completed",
    )
    results = read_json(played / "results.json")
    value = results["cells"][1]["measures"]["sliced-wasserstein"]["value"]
    assert float(rows[1]["sliced-wasserstein"]) == value and float(rows[1]["seconds"]) > 0


def test_numbers_over_seeds_are_their_mean_and_its_standard_error(played):
    numbers = flat_numbers(read_json(played / "results.json"))
    a, b = (numbers[f"R1, seed={seed}: sliced-wasserstein"] for seed in (0, 1))
    assert numbers["R1: sliced-wasserstein"] == pytest.approx((a + b) / 2, rel=1e-15)
    assert numbers["R1: sliced-wasserstein/standard_error"] == pytest.approx(abs(a - b) / 2, rel=1e-12)
    assert numbers["R1: sliced-wasserstein/worst"] == max(a, b)  # lower is better
    assert numbers["R1: sliced-wasserstein/n"] == 2
    c, d = (numbers[f"wide, seed={seed}: sliced-wasserstein"] for seed in (0, 1))
    assert numbers["sliced-wasserstein"] == pytest.approx((a + b + c + d) / 4, rel=1e-15)
    assert numbers["sliced-wasserstein/standard_error"] == pytest.approx(abs(a + c - b - d) / 4, rel=1e-12)
    assert numbers["sliced-wasserstein/best"] == min(a, b, c, d)


def test_the_worst_of_repeats_is_what_the_measure_calls_worse():
    values = [{"value": 1.0, "quality": 0.2}, {"value": 3.0, "quality": 0.4}, {"value": 2.0, "quality": 0.6}]
    lower, higher, neither = (repeats(values, better) for better in ("lower", "higher", None))
    assert (lower["worst"], lower["best"]) == (3, 1) and (higher["worst"], higher["best"]) == (1, 3)
    assert "worst" not in neither
    assert lower["value"] == 2 and lower["standard_error"] == pytest.approx(1 / math.sqrt(3)) and lower["n"] == 3
    assert lower["quality"] == pytest.approx(0.4)


def test_a_value_that_is_no_number_is_the_worst_and_hides_nothing():
    summary = repeats([{"value": 1.0}, {"value": "nan"}], "lower")
    assert math.isnan(summary["value"]) and math.isnan(summary["worst"]) and math.isnan(summary["standard_error"])
    assert summary["best"] == 1


def test_the_error_of_a_grids_mean_is_that_of_its_seeds_which_cells_share():
    runs = [
        (cell(s, a, i), of(v)) for i, (s, a, v) in enumerate([(0, "x", 1), (1, "x", 2), (0, "y", 11), (1, "y", 10)])
    ]
    groups = grouped(runs, {"w": "lower"})
    assert [g["measures"]["w"]["standard_error"] for g in groups] == [0.5, 0.5]
    whole = overall(runs, groups, {"w": "lower"})["w"]
    assert whole == {"value": 6, "standard_error": 0, "n": 2, "worst": 11, "best": 1}  # 6 with either seed


def test_a_failed_cell_is_in_no_mean_and_in_the_count_of_failures():
    runs = [(cell(0), of(1.0)), (cell(1, index=1), {"status": "failed", "measures": {}, "verdict": {}})]
    (group,) = grouped(runs, {"w": "lower"})
    assert group["failed"] == 1 and group["measures"]["w"] == {"value": 1, "n": 1, "worst": 1, "best": 1}
    assert "standard_error" not in overall(runs, [group], {"w": "lower"})["w"]
    assert tally(runs) == {
        "state": "mixed", "why": "of 2 cells 1 cycling, 1 failed", "evidence": {"cycling": 1, "failed": 1},
    }  # fmt: skip
    assert tally(runs[:1])["state"] == "cycling"


def test_a_cell_that_fails_stops_no_other(small, capsys):
    name = small("sweep: {model.optimizer: [{use: sgd, lr: 1e30}, {use: sgd, lr: 1e-3}]}\n")
    folder = run_recipe(name)
    results = read_json(folder / "results.json")
    assert results["status"] == "completed" and results["reason"].startswith("1 of 2 cells failed; the first, ")
    assert [c["status"] for c in results["cells"]] == ["failed", "completed"]
    assert "is nan" in results["cells"][0]["reason"]
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and lines[0].startswith("cell 1/2  optimizer=sgd(lr=1e+30)  failed  ")
    assert lines[1].startswith("cell 2/2  optimizer=sgd(lr=0.001)  completed  ")


def test_a_grid_fails_where_all_cells_do_and_says_why(small):
    name = small("sweep: {watch.0.samples: [0, -1]}\n")  # refused by its constructor, so that no run begins
    with pytest.raises(RunFailed, match=r"2 of 2 cells failed; the first, samples=0: .*at least 1"):
        run_recipe(name, quiet=True)
    results = read_json(Path("runs/small-1/results.json"))
    assert results["status"] == "failed" and results["measures"] == {}


def test_an_interrupt_keeps_finished_cells_and_resume_goes_on_with_the_others(small, monkeypatch, tmp_path):
    name = small(SWEEP)
    after, cells = Run._after_round, []

    def stopping(self, played):
        cells.append(self.folder.name)
        self.stop_asked = self.folder.name == "2" and played == 1
        after(self, played)

    with monkeypatch.context() as patched:
        patched.setattr(Run, "_after_round", stopping)
        with pytest.raises(Interrupted, match="2 of 4 cells left; `--resume`"):
            run_recipe(name, quiet=True)
    folder = tmp_path / "runs" / "small-1"
    assert read_json(folder / "results.json")["status"] == "stopped"
    assert len(read_json(folder / "results.json")["cells"]) == 2
    before = (folder / "cells" / "0" / "results.json").stat().st_mtime_ns
    assert run_recipe(name, quiet=True, resume=True) == folder.relative_to(tmp_path)
    results = read_json(folder / "results.json")
    assert results["status"] == "completed" and len(results["cells"]) == 4
    assert (folder / "cells" / "0" / "results.json").stat().st_mtime_ns == before
    whole = run_recipe(name, quiet=True)
    strip = [c["measures"] for c in read_json(whole / "results.json")["cells"]]
    assert [c["measures"] for c in results["cells"]] == strip
    with pytest.raises(UserError, match="there is no unfinished run"):
        run_recipe(name, quiet=True, resume=True)


def test_an_interrupt_in_the_last_round_of_a_cell_stops_the_grid_too(small, monkeypatch):
    after = Run._after_round

    def stopping(self, played):
        self.stop_asked = played == 2
        after(self, played)

    monkeypatch.setattr(Run, "_after_round", stopping)
    with pytest.raises(Interrupted, match="1 of 2 cells left"):
        run_recipe(small("sweep: {seed: [0, 1]}\n"), quiet=True)


def test_resume_plays_more_rounds_of_every_cell(small):
    name = small("sweep: {seed: [0, 1]}\n")
    folder = run_recipe(name, quiet=True)
    assert run_recipe(name, ["budget.rounds=3"], quiet=True, resume=True) == folder
    assert [c["rounds"] for c in read_json(folder / "results.json")["cells"]] == [3, 3]


def test_a_smoke_run_plays_the_ends_of_ranges_alone(small):
    name = small('sweep: {seed: "0:9", model.generator.width: [2, 3]}\n')
    folder = run_recipe(name, ["budget.rounds=50"], smoke=True, quiet=True)
    results = read_json(folder / "results.json")
    assert folder.name == "small-smoke-1" and results["rounds"] == 3
    assert [c["values"]["seed"] for c in results["cells"]] == [0, 0, 8, 8]


def test_cells_that_differ_in_numbers_alone_are_offered_to_be_played_together(small, monkeypatch):
    offered = []

    def together(plan, cells):
        offered.append([(plan.model.argument("objective").component.name, c.numbers) for c in cells])
        return [{"status": "completed", "rounds": 2, "measures": {"w": {"value": c.numbers["seed"]}}} for c in cells]

    monkeypatch.setattr(pushforward.sweeper, "play_together", together)
    folder = run_recipe(small("sweep: {model.objective: [hinge, wasserstein], seed: [1, 3]}\n"), quiet=True)
    assert offered == [[(name, {"seed": 1}), (name, {"seed": 3})] for name in ("hinge", "wasserstein")]
    numbers = flat_numbers(read_json(folder / "results.json"))
    assert numbers["w"] == 2 and numbers["objective=hinge: w/standard_error"] == 1
    assert not (folder / "cells").exists()


def test_several_processes_and_single_models_are_refused_in_one_sentence(small, played):
    name = small(SWEEP)
    with pytest.raises(UserError, match="a grid plays its cells in one process"):
        run_recipe(name, ["trainer.devices=2"], quiet=True)
    with pytest.raises(UserError, match="holds a grid of 4 models: take one of them, such as .*cells/0"):
        open_run(played)
    with pytest.raises(UserError, match="is a grid of 4 models"):
        run(name)


def test_the_report_has_a_row_for_each_group_linked_to_its_cells_and_the_pictures(played):
    page = write_report(played).read_text("utf-8")
    assert '<a class="pair" href="cells/3/report.html">seed 1</a>' in page
    assert '<th scope="row">wide</th>' in page and page.count("data:image/png") == 2
    assert (played / "images" / "measure-sliced-wasserstein.png").is_file()
    with Image.open(played / "images" / "cells-sample-scatter.png") as sheet:
        assert sheet.size[0] > 480


def test_a_contact_sheet_shows_the_last_picture_of_every_cell_and_of_many_the_first_seeds(played):
    results = read_json(played / "results.json")
    (panels,) = contact_sheets(played, results).values()
    assert [label for label, _ in panels] == ["R1, seed=0", "R1, seed=1", "wide, seed=0", "wide, seed=1"]
    assert all(path.name == "sample-scatter-00000002.png" for _, path in panels)
    many = results | {"cells": results["cells"] + results["cells"][1:2] * 40}
    (panels,) = contact_sheets(played, many).values()
    assert [label for label, _ in panels] == ["R1, seed=0", "wide, seed=0"]


def results_over(*axes):
    """Results of a grid over numeric axes, whose measure is the product of the values."""
    groups = [{"label": "", "values": {}, "cells": [0], "failed": 0, "measures": {}}]
    for name, values, _ in axes:
        groups = [g | {"values": g["values"] | {name: v}} for g in groups for v in values]
    for group in groups:
        product = math.prod(v for v in group["values"].values() if not isinstance(v, str))
        group |= {"label": str(group["values"]), "measures": {"w": {"value": product, "standard_error": 0.1}}}
    described = [
        {
            "path": n,
            "name": n,
            "values": v,
            "labels": list(map(str, v)),
            "spacing": s,
            "numeric": not isinstance(v[0], str),
        }
        for n, v, s in axes
    ]
    return {"axes": described, "groups": groups, "measures": {"w": {}}, "cells": []}


def test_one_numeric_axis_is_drawn_as_lines_with_errors_one_for_each_other_value():
    figure = measure_figure(results_over(("a", [1.0, 10.0, 100.0], "log"), ("b", ["x", "y"], "list")), "w")
    (axes,) = figure.axes
    assert axes.get_xscale() == "log" and axes.get_xlabel() == "a" and axes.get_ylabel() == "w"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["b=x", "b=y"]
    assert list(axes.containers[0].lines[0].get_ydata()) == [1, 10, 100]


def test_two_numeric_axes_are_drawn_as_a_map_with_each_value_in_its_square():
    figure = measure_figure(results_over(("a", [3, 1, 2], "list"), ("b", [10, 20], "linear")), "w")
    axes, bar = figure.axes
    (mesh,) = axes.collections
    assert mesh.get_array().tolist() == [[10, 20, 30], [20, 40, 60]]
    assert (axes.get_xlabel(), axes.get_ylabel(), bar.get_ylabel()) == ("a", "b", "w")


def test_other_grids_are_drawn_as_bars_and_a_failed_cell_says_so():
    results = results_over(("b", ["x", "y", "z"], "list"))
    results["groups"][1] |= {"measures": {}, "failed": 1}
    (axes,) = measure_figure(results, "w").axes
    assert [patch.get_width() for patch in axes.patches] == [1, 0, 1]
    assert [text.get_text() for text in axes.texts] == [" failed"]


def test_squares_of_a_logarithmic_map_end_at_geometric_means():
    assert edges([1, 100], True) == pytest.approx([0.1, 10, 1000])
    assert edges([1, 2, 4], False) == [0.5, 1.5, 3, 5]


def test_bounds_hold_cells_by_their_labels_and_a_control_may_be_another_cell():
    results = {
        "measures": {"w": {"value": 2.0}},
        "cells": [{"label": f"rule={r}", "measures": {"w": {"value": v, "n": 5}}} for r, v in (("a", 1.0), ("b", 3.0))],
    }
    numbers = flat_numbers(json.loads(json.dumps(results)))
    assert numbers["rule=b: w"] == 3 and numbers["rule=a: w/n"] == 5 and numbers["w"] == statistics.fmean([1, 3])
    held = Expected("r", (Bound("rule=a: w", at_most=2),), "", "r", control_cell="rule=b", missed=("rule=a: w",))
    assert held.broken(numbers) == [] and held.control_holds(numbers) == []
    assert held.named() == {"rule=a: w", "rule=b: w"} and held.counterpart("rule=a: w/n") == "rule=b: w/n"
    same = Expected("r", held.bounds, "", "r", control_cell="rule=a", missed=held.missed)
    assert same.control_holds(numbers) == ["rule=a: w"]
