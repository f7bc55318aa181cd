"""Every recipe is run as it stands and held to its expected numbers, which its control must miss."""

import functools

import pytest

import pushforward
from pushforward.check import plan_recipe
from pushforward.expected import flat_numbers, read_expected
from pushforward.folder import read_json
from pushforward.recipe import list_recipes
from pushforward.registry import own_recipes
from pushforward.runner import run_recipe

EXPECTED = read_expected([own_recipes()])
LONG = 8.0  # seconds of a run beyond which a recipe is only run with `-m slow` ...
ALWAYS = {"digits/gan", "rings/flow", "rings/gan", "rings/gebm", "rings/team-gan", "two-modes/neis"}  # ... but these


def by_length(name):
    """A recipe, marked slow where it is measured to be."""
    seconds = [numbers.get("seconds", 0.0) for numbers in EXPECTED[name].measured.get("seeds", {}).values()]
    slow = name not in ALWAYS and sorted(seconds or [0.0])[len(seconds) // 2] > LONG
    return pytest.param(name, marks=[pytest.mark.slow] if slow else [])


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    """The numbers of a recipe's run; each is made once."""
    out = tmp_path_factory.mktemp("runs")

    @functools.cache
    def run(recipe, *overrides):
        folder = run_recipe(recipe, overrides, out=out, quiet=True)
        return flat_numbers(read_json(folder / "results.json"))

    return run


def test_every_recipe_states_what_it_is_expected_to_reach():
    assert set(EXPECTED) == set(list_recipes([own_recipes()]))


@pytest.mark.parametrize("name", map(by_length, EXPECTED))
def test_a_recipe_reaches_its_numbers_and_its_control_does_not(name, numbers):
    expected = EXPECTED[name]
    reached = numbers(name)
    assert expected.broken(reached) == []
    control = reached if expected.controls_itself else numbers(expected.control_recipe, *expected.control_overrides)
    assert expected.control_holds(control) == []
    assert expected.missed


@pytest.mark.parametrize("name", EXPECTED)
def test_the_measured_numbers_are_those_of_the_recipe_as_it_stands(name):
    measured = EXPECTED[name].measured
    assert measured.get("fingerprint") == plan_recipe(name).fingerprint(), f"run: make numbers RECIPES={name}"
    assert len(measured["seeds"]) >= 3
    for numbers in measured["seeds"].values():
        assert EXPECTED[name].broken(numbers) == []


@pytest.mark.parametrize("name", EXPECTED)
def test_a_recipe_is_short_enough_to_be_read(name):
    assert len(list_recipes([own_recipes()])[name].read_text().splitlines()) <= 20


def test_a_recipe_runs_from_python_as_the_readme_says(tmp_path):
    run = pushforward.run("rings/gan", "budget.rounds=2", "budget.report_every=1", out=tmp_path, quiet=True)
    assert run.sample(4).shape == (4, 2)
    assert set(run.results["measures"]) == {"mode-coverage", "sliced-wasserstein"}
