"""A grid: how axes are written, which cells come of them, what they are called, and what is refused."""

import pytest

from pushforward.axes import is_axis, split_commas
from pushforward.check import plan_cell, plan_recipe
from pushforward.explain import explain, resolved
from pushforward.grid import read_grid, split_words
from pushforward.nodes import parse
from pushforward.problem import RecipeError, UserError
from pushforward.recipe import Recipe, read_recipe

SMALL = """\
about: A GAN of a few numbers.
target: rings
model:
  use: gan
  generator: {use: mlp, width: 8, depth: 1}
  discriminator: {use: mlp, width: 8, depth: 1}
  penalties: [{use: r1, weight: 0.1}]
budget: {rounds: 4, batch: 32, report_every: 2}
measure: [sliced-wasserstein]
"""


def grid_of(sweep, words=(), overrides=(), base="about: x\nmodel: {a: 1, b: {use: one, c: 2}, l: [{w: 1}]}\n"):
    root = parse(f"{base}sweep:\n{sweep}" if sweep else base, "r.yaml")
    return read_grid(Recipe("r", root, None), words, overrides)


def values_of(text):
    """The values of one axis that is written so."""
    return grid_of(f"  model.a: {text}\n").axes[0].values


def labels(grid):
    return [cell.label for cell in grid]


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """A recipe file with this under `sweep`."""
    monkeypatch.chdir(tmp_path)

    def write(sweep, text=SMALL):
        (tmp_path / "small.yaml").write_text(f"{text}sweep:\n{sweep}")
        return "small.yaml"

    return write


def test_a_grid_is_the_product_in_the_order_written_and_the_last_axis_moves_fastest():
    grid = grid_of("  model.a: [1, 2]\n  seed: [0, 1, 2]\n")
    assert len(grid) == 6
    assert labels(grid)[:4] == ["a=1, seed=0", "a=1, seed=1", "a=1, seed=2", "a=2, seed=0"]
    assert [cell.index for cell in grid] == list(range(6))
    assert grid[5].recipe().root.plain()["model"]["a"] == 2 and grid[5].recipe().root.plain()["seed"] == 2
    assert "sweep" not in grid[5].recipe().root.plain()
    assert grid.recipe.root.plain()["model"]["a"] == 1  # cells are copies


def test_ranges_hold_both_ends_but_the_integers_of_a_seed_do_not():
    assert values_of('"0:5"') == [0, 1, 2, 3, 4]
    assert values_of("{from: 0, to: 1, count: 5}") == [0, 0.25, 0.5, 0.75, 1]
    assert values_of("{from: 0, to: 8, count: 5}") == [0, 2, 4, 6, 8]
    assert all(isinstance(value, int) for value in values_of("{from: 0, to: 8, count: 5}"))
    assert values_of("{from: 8, to: 0, count: 3}") == [8, 4, 0]
    assert values_of("{from: 3, to: 4, count: 1}") == [3]
    assert values_of("{from: .01, to: 1, count: 3, spacing: log}") == pytest.approx([0.01, 0.1, 1], rel=1e-15)
    assert values_of('".01..1/3"') == values_of("{from: .01, to: 1.0, count: 3, spacing: log}")
    assert values_of("{from: .01, to: 10, count: 64, spacing: log}")[-1] == 10


@pytest.mark.parametrize(
    ("text", "several"),
    [
        ("1", False), ("1,2", True), ("[1,2]", False), ("[1,2],[3]", True), ("{use: r1, weight: 1}", False),
        ("{use: r1, weight: 1},{use: r2}", True), ("0:5", True), ("-2:3", True), (".01..1e1/8", True), ("..", False),
        ("'a,b'", False), ("{from: 0, to: 1, count: 3}", True), ("{use: cosine, from: 1, to: 0}", False), ("", False),
    ],
)  # fmt: skip
def test_a_word_of_the_command_line_is_an_axis_if_it_gives_several_values(text, several):
    assert bool(is_axis(text)) is several
    assert split_words([f"key={text}"]) == (([], [f"key={text}"]) if several else ([f"key={text}"], []))


def test_commas_inside_brackets_and_quotes_part_nothing():
    assert split_commas("[1,2],{a: 1, b: 2},'x,y',z") == ["[1,2]", "{a: 1, b: 2}", "'x,y'", "z"]


def test_an_axis_of_the_command_line_replaces_one_of_its_path_and_joins_the_others():
    grid = grid_of("  model.a: [1, 2]\n  seed: [7]\n", ["model.a=3,4,5", "model.b.c=1:3"])
    assert [(axis.path, axis.values) for axis in grid.axes] == [
        ("model.a", [3, 4, 5]), ("seed", [7]), ("model.b.c", [1, 2]),
    ]  # fmt: skip
    assert grid.recipe.root.plain()["sweep"] == {"model.a": [3, 4, 5], "seed": [7], "model.b.c": "1:3"}


def test_an_override_takes_its_path_off_the_grid():
    assert [axis.path for axis in grid_of("  model.a: [1, 2]\n  seed: [7]\n", (), ["seed=3"]).axes] == ["model.a"]
    assert grid_of("  seed: [7]\n", (), ["seed=3"]) is None
    assert grid_of("") is None


def test_a_variant_sets_several_paths_under_its_label():
    grid = grid_of(
        "  variants:\n  - {label: R1, set: {model.a: 5, model.b.c: 6}}\n  - {label: none, set: {model.a: 0}}\n"
    )
    assert labels(grid) == ["R1", "none"]
    assert [cell.recipe().root.plain()["model"]["b"]["c"] for cell in grid] == [6, 2]
    assert grid[0].values == {"variants": "R1"} and grid[0].numbers == {}


def test_names_in_labels_are_as_short_as_they_can_be():
    assert grid_of("  model.b.c: [1]\n  model.b.use: [one]\n").names == ("c", "b")
    assert grid_of("  model.g.width: [1]\n  model.d.width: [1]\n").names == ("g.width", "d.width")
    assert grid_of("  model.widths.0: [1]\n  model.a: [1]\n").names == ("widths.0", "a")


def test_values_are_labelled_in_few_letters_and_in_more_where_these_are_the_same():
    assert labels(grid_of("  model.b: [{use: x, c: 1}, {use: y}, null, [1, 2]]\n")) == [
        "b=x",
        "b=y",
        "b=null",
        "b=[1, 2]",
    ]
    assert labels(grid_of("  model.b: [{use: x, c: 1}, {use: x, c: 2}]\n")) == ["b=x(c=1)", "b=x(c=2)"]
    assert labels(grid_of("  model.a: [0.333333333, true]\n")) == ["a=0.3333", "a=true"]
    assert labels(grid_of("  model.a: [0.33331, 0.33332]\n")) == ["a=0.33331", "a=0.33332"]


def test_repeats_are_cells_that_differ_in_the_seed_alone():
    grid = grid_of("  seed: [0, 1]\n  model.b.use: [one, two]\n  model.a: [1, 2]\n")
    assert [cell.group for cell in grid][:2] == ["b=one, a=1", "b=one, a=2"]
    assert grid[0].group == grid[4].group
    assert grid[3].numbers == {"seed": 0, "model.a": 2} and grid[3].kind == ("two",)


def test_every_value_is_probed_once_and_of_a_range_its_ends():
    grid = grid_of('  seed: "0:50"\n  model.b.use: [one, two, three]\n')
    assert [(cell.label, point and point.label) for cell, point in grid.probes()] == [
        ("seed=0, b=one", None), ("seed=49, b=one", "49"), ("seed=0, b=two", "two"), ("seed=0, b=three", "three"),
    ]  # fmt: skip
    assert len(grid.ends()) == 6 and grid.ends()[3].label == "seed=49, b=one"


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ("  model.a: []\n", "r.yaml:4:12: model.a: the list is empty"),
        ("  model.a: 3\n", "expected a list of values, or a range, got 3"),
        ("  model.a: [1, 2, 1]\n", "r.yaml:4:19: model.a: '1' is given twice"),
        ("  model.a: {from: 0, to: 1}\n", "a range needs count: expected a whole number, got None"),
        ("  model.a: {from: 0, to: 1, count: 2.5}\n", "expected a whole number, got 2.5"),
        ("  model.a: {from: 0, to: 1, cuont: 3}\n", "unknown key of a range; did you mean 'count'?"),
        ("  model.a: {from: 0, to: 1, count: 3, spacing: log}\n", "needs ends above zero, got 0 to 1"),
        ("  model.a: {from: 0, to: 1, count: 3, spacing: cubic}\n", "expected linear or log, got 'cubic'"),
        ("  model.a: {from: 1, to: 1, count: 3}\n", "from one number to another, got 1 to 1"),
        ("  model.a: {from: 0, to: 1, count: 0}\n", "a range of 0 numbers: expected 1 to 10000"),
        ('  seed: "5:5"\n', "'5:5' holds 0 numbers"),
        ('  seed: "0:99999999999"\n', "expected 1 to 10000"),
        ('  seed: "1,,2"\n', "has an empty value between its commas"),
        ('  seed: "0:200"\n  model.a: "0:200"\n', "200 times 200 makes 40000 cells: a grid has at most 10000"),
        ("  about: [x, y]\n", "all cells of a grid share 'about'"),
        ("  variants: [{label: x}]\n", "expected {label: NAME, set: {path: value, ...}}, got {'label': 'x'}"),
        ("  variants: 3\n", "expected a list of {label: NAME, set: {path: value}}, got 3"),
        ("  variants: [{label: x, set: {a: 1}}, {label: x, set: {a: 2}}]\n", "variants: 'x' is given twice"),
        ("  model.a: [1]\n  variants: [{label: x, set: {model.a: 1}}]\n", "the variant 'x' cannot set it"),
        ("  model..a: [1]\n", "expected a dotted path"),
        ("  [1]\n", "expected a mapping from dotted paths to lists of values"),
    ],
)
def test_what_is_no_grid_gets_a_sentence(sweep, message):
    with pytest.raises(RecipeError) as caught:
        grid_of(sweep)
    assert message in str(caught.value)


def test_a_recipe_that_extends_a_grid_merges_its_axes(tmp_path):
    (tmp_path / "base.yaml").write_text("about: b\nsweep: {seed: [0, 1], model.a: {from: 0, to: 1, count: 3}}\n")
    (tmp_path / "top.yaml").write_text("about: t\nextends: ./base.yaml\nsweep: {seed: [5], model.a: {count: 5}}\n")
    grid = read_grid(read_recipe(str(tmp_path / "top.yaml"), []))
    assert [axis.values for axis in grid.axes] == [[5], [0, 0.25, 0.5, 0.75, 1]]
    (tmp_path / "none.yaml").write_text("about: n\nextends: ./base.yaml\nsweep: null\n")
    assert read_grid(read_recipe(str(tmp_path / "none.yaml"), [])) is None


def test_check_tells_every_wrong_value_at_its_own_place(recipe):
    name = recipe("  model.generator.widht: [1, 2]\n  model.objective: [hinge, hinje]\n  budget.batch: [32, fast, 0]\n")
    with pytest.raises(UserError) as caught:
        plan_recipe(name)
    said = [str(problem) for problem in caught.value.problems]
    assert said[0].startswith(
        "small.yaml:11:27: model.generator.widht: unknown argument of 'mlp'; did you mean 'width'?"
    )
    assert any(
        line.startswith("small.yaml:12:28: model.objective: unknown objective 'hinje'; did you") for line in said
    )
    assert any(line.startswith("small.yaml:13:22: budget.batch: expected int") for line in said)
    assert any(line.startswith("small.yaml:13:28: budget.batch: expected at least 1, got 0") for line in said)


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ("  modle.objective: [hinge]\n", "small.yaml:11:21: modle: unknown key; did you mean 'model'?"),
        ("  model.penalties.3.weight: [1]\n", "'3' is no element of a list of 1: expected 0 to 0"),
        ("  model.penalties.0.weight.x: [1]\n", "there is nothing below 0.1"),
        ("  seed: [a]\n", "small.yaml:11:10: seed: expected int, got 'a'"),
    ],
)
def test_a_path_that_leads_nowhere_is_told_at_the_value(recipe, sweep, message):
    with pytest.raises(UserError) as caught:
        plan_recipe(recipe(sweep))
    assert message in str(caught.value)


def test_the_plan_of_a_grid_is_that_of_its_first_cell_and_its_fingerprint_knows_the_others(recipe):
    name = recipe("  model.penalties.0.weight: [1, 2]\n  seed: [3, 4]\n")
    plan = plan_recipe(name)
    assert plan.seed == 3 and len(plan.grid) == 4
    assert plan.model.argument("penalties")[0].argument("weight") == 1
    assert (
        plan_cell(plan.registry, plan.grid[3]).fingerprint()
        == plan_recipe(name, ["sweep=null", "seed=4", "model.penalties.0.weight=2"]).fingerprint()
    )
    assert plan.fingerprint() != plan_recipe(name, axes=["seed=3,5"]).fingerprint()
    assert plan_recipe(name, ["seed=0", "model.penalties.0.weight=1"]).grid is None


def test_an_explained_grid_is_itself_the_same_grid(recipe, tmp_path):
    plan = plan_recipe(
        recipe("  variants: [{label: A b, set: {seed: 3}}]\n"), ["budget.batch=16"], axes=["model.clip=.1..10/3"]
    )
    (tmp_path / "again.yaml").write_text(explain(plan))
    again = plan_recipe("again.yaml")
    assert again.fingerprint() == plan.fingerprint() and labels(again.grid) == labels(plan.grid)
    assert resolved(plan)["sweep"] == {"variants": [{"label": "A b", "set": {"seed": 3}}], "model.clip": ".1..10/3"}
    assert "# small.yaml:11" in explain(plan) and "# command line" in explain(plan)


def test_a_grid_cannot_be_trained_as_one_model(recipe, tmp_path):
    recipe("  seed: [0, 1]\n")
    (tmp_path / "top.yaml").write_text(
        SMALL.replace("{use: mlp, width: 8, depth: 1}", "{use: trained, recipe: ./small.yaml}", 1)
    )
    with pytest.raises(UserError, match="is a grid: name one that trains a single model"):
        plan_recipe("top.yaml")
