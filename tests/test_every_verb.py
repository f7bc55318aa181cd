"""For each recipe every verb works, and a run that was cut short goes on to the bits of one that was not.

A recipe that extends another is its parent but for a few values: it is run here with `-m slow` only, as is a table that
is like another one.
"""

import functools
import json
from pathlib import Path

import pytest
import torch
from tables import write_classified, write_voices, write_wines

import pushforward.diagnosis
from pushforward.check import plan_recipe
from pushforward.checkpoint import read_checkpoint
from pushforward.cli import main
from pushforward.expected import read_expected
from pushforward.folder import read_json
from pushforward.problem import UserError
from pushforward.recipe import list_recipes
from pushforward.registry import own_recipes
from pushforward.runner import Run, run_recipe

PUBLISHED = {name for name, expected in read_expected([own_recipes()]).items() if expected.published}  # need data
PLANS = {name: plan_recipe(name) for name in list_recipes([own_recipes()]) if name not in PUBLISHED}
ALONE = [name for name, plan in PLANS.items() if plan.grid is None]
PLAYED = [name for name in ALONE if "unplayed" not in PLANS[name].model.component.traits]
RECIPES = [*PLAYED, *(name for name in ALONE if name not in PLAYED)]  # in the order of PLAYED: two tests share a run
GRIDS = [name for name, plan in PLANS.items() if plan.grid is not None]
DIAGNOSED = ("rings/gan", "dirac/r1")  # of the larger games one: the others only take longer
ALIKE = {
    "curves/half-circle",
    "isolated-points/collapse",
    "parkinsons/gebm",
    "parkinsons/maf",
    "white-wine/gebm",
    "white-wine/maf",
    "white-wine/nsf",
}
SHORT = ["budget.report_every=4", "budget.batch=32", "budget.evaluations=50000"]
FEWER = {  # of a grid: few cells, and measures that play less
    "games/rules": "measure: [{use: spectrum, rounds: 8}]\nsweep: {model.rule: [alternating, {use: kpv, k: -1}]}",
    "torus/fourier": "sweep: {model.modes: [1, 2]}",
    "torus/critical-slope": "sweep: {model.slope: [0.9, 2.1]}",
    "gaussian-process/nonexistence": "measure: [{use: nonexistence, datasets: 10}]\nsweep: {model.samples: [2, 100]}",
    "gaussian-process/moments": "measure: [{use: spectrum, rounds: 8}]\nsweep: {model.kappa: [0, 3]}",
    "gaussian-process/rules": "sweep: {model.rule: [alternating, optimistic]}",
    "isolated-points/runaway": "sweep: {model.damping: [0.3, 1.3]}",
    "matching-pennies/kpv": "sweep: {model.optimizer.lr: [0.1], seed: [0, 1]}",
    "matching-pennies/radii": "sweep: {model.optimizer.lr: [0.1]}",
}


def unlike(names):
    """The recipes, those that are like another marked slow."""
    texts = {name: path.read_text() for name, path in list_recipes([own_recipes()]).items()}
    like = {name for name in names if "\nextends:" in texts[name]} | ALIKE
    return [pytest.param(name, marks=[pytest.mark.slow] * (name in like)) for name in names]


@pytest.fixture(autouse=True, scope="module")
def data(tmp_path_factory):
    """Small tables in place of those that recipes find in $PUSHFORWARD_DATA."""
    folder = tmp_path_factory.mktemp("data")
    write_wines(folder)
    write_voices(folder)
    write_classified(folder)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PUSHFORWARD_DATA", str(folder))
        yield


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """Overrides that keep a recipe small, and all else of it as it is."""
    tmp_path = tmp_path_factory.mktemp("short")
    flow = tmp_path / "flow.yaml"
    flow.write_text("about: A small flow.\nextends: rings/flow\nbudget: {rounds: 4, batch: 32}\nmeasure: []\n")
    gan = tmp_path / "gan.yaml"
    gan.write_text("about: A small GAN.\nextends: mnist/dcgan-r1\nbudget: {rounds: 2, batch: 8}\nmeasure: []\n")
    energy = tmp_path / "energy.yaml"
    base = f"{{base: {{use: trained, recipe: {flow}}}}}"
    energy.write_text(
        f"about: A small energy.\nextends: rings/gebm\nmodel: {base}\nbudget: {{rounds: 4, batch: 32}}\nmeasure: []\n"
    )
    tables = ("red-wine", "white-wine", "parkinsons")
    for name in tables:
        small = f"about: A small flow.\nextends: {name}/maf\nbudget: {{rounds: 4, batch: 32, report_every: 2}}\n"
        (tmp_path / f"{name}.yaml").write_text(small)
    massed = "measure=[log-density, {use: mass, points: 20}, sliced-wasserstein]"
    shorter = {f"{name}/gebm": [f"model.base.recipe={tmp_path / f'{name}.yaml'}"] for name in tables} | {
        "rings/gebm": [f"model.base.recipe={flow}", massed],
        "mnist/gebm": [
            f"model.base.recipe={gan}",
            "measure=[{use: quality-over-base, measure: {use: frechet, samples: 64}, blocks: 3}]",
            "watch=[{use: base-and-model, picture: {use: sample-grid, rows: 2}}]",
        ],
        # play that comes to rest needs no remedies, which take longer
        "dirac/r1": ["budget.rounds=100", "budget.report_every=50"],
        "eight-gaussians/flow-matching": ["model.solver=rk4", "model.steps=2"],
        "mnist/glow": [
            "model.flow.steps=1",
            "model.flow.width=8",
            "measure=[{use: bits-per-dimension, samples: 32, train_rows: 200}]",
        ],
        "curves/infinity": ["model.points=64", "model.flow.layers=3"],
        "curves/circle": ["model.points=64"],
        "curves/half-circle": ["model.points=64"],
        "surfaces/paraboloid": ["model.points=6", "model.flow.layers=2", "model.flow.width=2"],
        "eight-gaussians/ntk-width": ["measure=[{use: width-error, widths: [8, 16], seeds: 2}]", "watch=[]"],
    }
    shorter |= {name: [massed] for name in ("checkerboard/nsf", "moons/nsf", "rings/flow")}
    estimates = ["measure=[log-z]", "model.estimator.pilot=32", "model.estimator.ess=0.5", "budget.evaluations=20000"]
    particles = [name for name, plan in PLANS.items() if _estimates_by(plan) == "sequential-monte-carlo"]
    shorter |= dict.fromkeys(particles, estimates) | {"square/poisson": ["budget.evaluations=300000"]}
    few = ["measure=[log-z, {use: relative-variance, samples: 200, forward: 200, final: 300}, training-evaluations]"]
    few += ["model.steps=6", "budget.evaluations=5000", "watch=[trajectories]"]
    shorter |= dict.fromkeys([name for name in PLANS if name.startswith(("two-modes/", "four-modes/", "funnel/"))], few)
    flows = [f"{place}.recipe={flow}" for place in ("target.base", "model.estimator.proposal")]
    shorter["ebm/log-z"] = [f"target.energy.recipe={energy}", *flows, "measure=[log-z]", "budget.evaluations=2000"]
    return lambda recipe: [f"budget.rounds={8 * (recipe in PLAYED)}", *SHORT, *shorter.get(recipe, [])]


def _estimates_by(plan):
    estimator = plan.model.argument("estimator")
    return estimator.component.name if estimator is not None else None


@pytest.fixture(scope="module")
def whole(short, tmp_path_factory):
    """The folder of a short run of a recipe; each is played once, and looked at by several tests."""
    out = tmp_path_factory.mktemp("whole")

    @functools.cache
    def run(recipe):
        assert main(["run", recipe, "--quiet", "--out", str(out), *short(recipe)]) == 0
        return out / f"{recipe.replace('/', '-')}-1"

    return run


@pytest.mark.parametrize("recipe", unlike(PLAYED), scope="module")
def test_a_run_cut_short_goes_on_to_the_same_weights_and_numbers(recipe, short, whole, tmp_path, monkeypatch):
    whole = whole(recipe)
    after = Run._after_round

    def stopping(self, played):
        self.stop_asked = played == 6
        after(self, played)

    monkeypatch.setattr(pushforward.diagnosis, "remedies", lambda prospect: [])  # no part of what is compared
    with monkeypatch.context() as patched, pytest.raises(UserError, match="interrupted after round 6"):
        patched.setattr(Run, "_after_round", stopping)
        run_recipe(recipe, short(recipe), out=tmp_path / "cut", quiet=True)
    cut = run_recipe(recipe, short(recipe), out=tmp_path / "cut", quiet=True, resume=True)
    assert (whole / "metrics.csv").read_bytes() == (cut / "metrics.csv").read_bytes()
    assert read_json(whole / "results.json")["measures"] == read_json(cut / "results.json")["measures"]
    a, b = (read_checkpoint(folder / "checkpoints" / "last.ckpt") for folder in (whole, cut))
    for part in ("game", "average"):
        assert all(torch.equal(a[part][key], b[part][key]) for key in a[part])


@pytest.mark.parametrize("recipe", unlike(RECIPES), scope="module")
def test_every_verb_works_on_it(recipe, short, whole, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    overrides = short(recipe)
    folder, smoke = str(whole(recipe)), f"runs/{recipe.replace('/', '-')}-smoke-1"
    assert main(["check", recipe]) == 0
    assert main(["explain", recipe, *overrides]) == 0
    assert main(["run", recipe, "--smoke", "--quiet", *overrides]) == 0
    capsys.readouterr()
    sampled = main(["sample", folder, "-n", "10", "--out", "x.npy"])
    assert sampled == (0 if "sample" in PLANS[recipe].model.gives else 2)
    capsys.readouterr()
    assert main(["evaluate", folder, "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)
    kept = read_json(Path(folder) / "results.json")["measures"]
    assert set(measured.get("measures", measured)) == set(kept)
    assert main(["report", folder]) == 0
    assert recipe not in DIAGNOSED or main(["diagnose", folder]) == 0
    assert main(["compare", folder, smoke]) == 0
    assert "rounds" in capsys.readouterr().out


@pytest.mark.parametrize("recipe", unlike(GRIDS))
def test_every_verb_works_on_a_grid_or_on_its_cells(recipe, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["check", recipe]) == 0
    assert main(["explain", recipe]) == 0
    (tmp_path / "fewer.yaml").write_text(f"about: Fewer cells.\nextends: {recipe}\n{FEWER.get(recipe, '')}\n")
    name = "fewer-smoke-1"
    assert main(["run", "fewer.yaml", "--smoke", "--quiet"]) == 0
    assert main(["report", f"runs/{name}"]) == 0
    assert main(["compare", f"runs/{name}", f"runs/{name}"]) == 0
    capsys.readouterr()
    assert main(["evaluate", f"runs/{name}"]) == 2
    assert "cells/0" in capsys.readouterr().err
