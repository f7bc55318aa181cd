"""Every recipe is run as it stands and held to its expected numbers, which its control must miss."""

import functools

import pytest
import torch
from PIL import Image

import pushforward
from pushforward import DataMissing
from pushforward.check import plan_recipe
from pushforward.expected import flat_numbers, read_expected
from pushforward.explain import resolved
from pushforward.folder import read_json
from pushforward.recipe import list_recipes
from pushforward.registry import load, own_recipes
from pushforward.runner import run_recipe

EVERY = read_expected([own_recipes()])
EXPECTED = {name: expected for name, expected in EVERY.items() if not expected.published}
PUBLISHED = {name: expected for name, expected in EVERY.items() if expected.published}
LONG = 2.5  # seconds of a run beyond which a recipe is only run with `-m slow` ...
ALWAYS = {"curves/infinity", "many-well/log-z", "rings/gan"}  # ... but one of each sort
TRAINS = {"ebm/log-z"}  # short itself, but two other recipes are trained for it


def by_length(name):
    """A recipe, marked slow where it is measured to be."""
    seconds = [numbers.get("seconds", 0.0) for numbers in EXPECTED[name].measured.get("seeds", {}).values()]
    slow = name in TRAINS or (name not in ALWAYS and sorted(seconds or [0.0])[len(seconds) // 2] > LONG)
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
    assert set(EVERY) == set(list_recipes([own_recipes()]))


@pytest.mark.parametrize("name", map(by_length, EXPECTED))
def test_a_recipe_reaches_its_numbers_and_its_control_does_not(name, numbers):
    expected = EXPECTED[name]
    try:
        reached = numbers(name)
    except DataMissing as missing:  # a table that the project does not carry
        pytest.skip(str(missing))
    assert expected.broken(reached) == []
    control = reached if expected.controls_itself else numbers(expected.control_recipe, *expected.control_overrides)
    assert expected.control_holds(control) == []
    assert expected.missed


@pytest.mark.parametrize("name", EXPECTED)
def test_the_measured_numbers_are_those_of_the_recipe_as_it_stands(name):
    measured = EXPECTED[name].measured
    assert measured.get("fingerprint") == plan_recipe(name).fingerprint(), f"run: make numbers RECIPES={name}"
    assert len(measured["seeds"]) >= EXPECTED[name].seeds
    for numbers in measured["seeds"].values():
        assert EXPECTED[name].broken(numbers) == []


@pytest.mark.parametrize("name", EVERY)
def test_a_recipe_is_short_enough_to_be_read(name):
    assert len(list_recipes([own_recipes()])[name].read_text().splitlines()) <= 20


CLASSES = {"cifar10/r3gan": 10, "imagenet64/r3gan": 1000}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_recipe_has_networks_of_the_published_size(name):
    plan = plan_recipe(name)
    target, model = (resolved(plan)[key] for key in ("target", "model"))
    side = target.get("resize", 32)
    for role, expected in PUBLISHED[name].published["parameters"].items():
        arguments = dict(model[role])
        make = load(plan.registry.find(role, arguments.pop("use")).component.at)
        with torch.device("meta"):
            network = make((3, side, side), CLASSES.get(name), **arguments)
        assert sum(p.numel() for p in network.parameters()) == expected


def folder_of_images(folder, side, classes):
    for i in range(2 * classes):
        kind = folder / f"class-{i % classes}"
        kind.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (side, side), (23 * i % 256, 5 * i % 256, 200)).save(kind / f"{i}.png")


@pytest.fixture
def two_threads():
    """A hundred million weights want both cores."""
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n != "cifar10/sngan")) for n in PUBLISHED]
)
def test_a_published_recipe_plays_at_full_shape(name, tmp_path, two_threads):
    side = resolved(plan_recipe(name))["target"].get("resize", 32)
    folder_of_images(tmp_path / "images", side, 10)
    images = f"target={{use: image-folder, path: {tmp_path / 'images'}, resize: {side}, validation: 0.2, test: 0.2}}"
    sizes = ["budget.rounds=1", "budget.report_every=1", "budget.batch=2", "measure=[]"]
    sizes += ["watch=[{use: sample-grid, rows: 1, columns: 2}]"]
    folder = run_recipe(name, [images, *sizes], out=tmp_path / "runs", quiet=True)
    results = read_json(folder / "results.json")
    assert results["status"] == "completed" and results["seconds"] < 120
    assert list((folder / "images").rglob("*.png"))


def test_a_recipe_runs_from_python_as_the_readme_says(tmp_path):
    run = pushforward.run("rings/gan", "budget.rounds=2", "budget.report_every=1", out=tmp_path, quiet=True)
    assert run.sample(4).shape == (4, 2)
    assert set(run.results["measures"]) == {"mode-coverage", "sliced-wasserstein"}
