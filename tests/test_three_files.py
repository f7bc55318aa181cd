"""A plugin of three files outside the project adds an objective, a target and a measure, without a change to it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pushforward.check import plan_recipe
from pushforward.cli import main
from pushforward.public import open_run
from pushforward.registry import Registry
from pushforward.runner import run_recipe
from pushforward.testing import check_component

OBJECTIVE = '''
"""An objective of one's own."""
from pushforward import Component, Objective, hook


class Quartic(Objective):
    """Fourth powers of the distance from labels.

    Args:
        label: the label of real data; that of generated data is its negative.
    """

    def __init__(self, label: float = 1.0) -> None:
        self.label = label

    def discriminator(self, real, fake):
        return ((real - self.label) ** 4).mean() + ((fake + self.label) ** 4).mean()

    def generator(self, fake, real=None):
        return ((fake - self.label) ** 4).mean()


@hook
def components():
    return [Component("objective", "quartic", ":Quartic", "fourth powers of the distance from labels")]
'''

TARGET = '''
"""A target of one's own, with what is known of it before it is read."""
import math

import torch

from pushforward import Batch, Component, Metadata, Target, hook


def known(turns: float = 2.0) -> Metadata:
    return Metadata((2,))


class Spiral(Target):
    """A spiral from the origin to the unit circle.

    Args:
        turns: how often it goes round.
    """

    def __init__(self, turns: float = 2.0) -> None:
        self.turns, self.shape = turns, (2,)

    def sample(self, n, draw):
        radius = draw.uniform("radius")
        angle = 2 * math.pi * self.turns * radius
        return Batch(torch.stack([radius * angle.cos(), radius * angle.sin()], 1))


@hook
def components():
    record = Component("target", "spiral", ":Spiral", "a spiral", gives=("sample",), metadata=f"{__name__}:known")
    return [record]
'''

MEASURE = '''
"""A measure of one's own."""
from pushforward import Component, Measure, hook


class Extent(Measure):
    """How far from the origin samples go, on average.

    Args:
        power: of the distance that is averaged.
    """

    better = None

    def __init__(self, power: float = 1.0) -> None:
        super().__init__()
        self.power = power

    def measure(self, look):
        reach = look.fake(self.samples).flatten(1).norm(dim=1) ** self.power
        return {"value": float(reach.mean()), "standard_error": float(reach.std() / len(reach) ** 0.5), "n": len(reach)}

    def compute(self):
        return {}


@hook
def components():
    return [Component("measure", "extent", ":Extent", "mean distance from the origin", needs={"model": ("sample",)})]
'''

RECIPE = """
about: Three files of one's own.
plugins: [./objective.py, ./target.py, ./measure.py]
target: {use: spiral, turns: 1.5}
model:
  use: gan
  generator: {use: mlp, width: 8, depth: 1}
  discriminator: {use: mlp, width: 8, depth: 1}
  objective: {use: quartic, label: 0.5}
budget: {rounds: 3, batch: 16, report_every: 3}
measure: [extent, {use: extent, power: 2.0}]
"""

OFFERED = [("objective", "quartic"), ("target", "spiral"), ("measure", "extent")]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    texts = {"objective.py": OBJECTIVE, "target.py": TARGET, "measure.py": MEASURE, "recipe.yaml": RECIPE}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return ["objective.py", "target.py", "measure.py"]


def test_they_are_registered_and_keep_the_contracts_of_their_kinds(files: list[str]) -> None:
    registry = Registry(files)
    assert [plugin.state for plugin in registry.plugins[-3:]] == ["loaded"] * 3
    for kind, name in OFFERED:
        check_component(kind, name, registry)


def test_the_command_line_lists_describes_and_checks_them(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    plugins = [word for file in files for word in ("--plugin", file)]
    assert main(["components", *plugins, "--json"]) == 0
    listed = {(record["kind"], record["name"]) for record in json.loads(capsys.readouterr().out)}
    assert set(OFFERED) <= listed
    for kind, name in OFFERED:
        assert main(["describe", kind, name, *plugins]) == 0
    described = capsys.readouterr().out
    assert "the label of real data" in described and "how often it goes round" in described
    assert "of the distance that is averaged" in described
    assert main(["check", "recipe.yaml"]) == 0
    assert main(["check", "./recipe.yaml", "target.turn=2", "model.objective.label=high"]) == 2
    complaints = capsys.readouterr().err.splitlines()
    assert any("target.turn" in line and "did you mean 'turns'" in line for line in complaints)
    assert any("model.objective.label" in line and "expected float" in line for line in complaints)


def test_a_recipe_that_names_them_knows_their_metadata_and_runs(files: list[str], tmp_path: Path) -> None:
    plan = plan_recipe("recipe.yaml")
    assert plan.metadata is not None and plan.metadata.shape == (2,)
    run = open_run(run_recipe("recipe.yaml", out=tmp_path / "runs", quiet=True))
    assert run.results["status"] == "completed" and run.results["rounds"] == 3
    assert run.built.target.turns == 1.5 and run.game.objective.label == 0.5  # type: ignore[attr-defined]
    first, second = run.results["measures"].values()
    assert first["n"] == second["n"] == 2000 and first["value"] > 0
    assert second["value"] >= first["value"] ** 2  # Jensen
    assert run.sample(5).shape == (5, 2)


def test_an_opened_run_finds_them_from_another_folder(
    files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run_recipe("recipe.yaml", out=tmp_path / "runs", quiet=True)
    monkeypatch.chdir("/")
    assert set(open_run(folder).measure()) == set(open_run(folder).results["measures"])
