"""What the plugin registers is there, is what its metadata say, and costs no import of torch."""

from __future__ import annotations

import importlib
import inspect
import os
import subprocess
import sys
from typing import Any

import pytest

from pushforward import Component, DataMissing, Draw
from pushforward_targets import plugin

COMPONENTS = {component.name: component for component in plugin.components() if component.metadata}
ARGUMENTS: dict[str, dict[str, Any]] = {name: {} for name in COMPONENTS} | {
    "table": {"path": "data.csv"},
    "image-folder": {"path": "images"},
    "python-density": {"path": "density.py", "dimension": 2},
}
ABROAD = ("mnist", "cifar10", "red-wine", "white-wine", "parkinsons", "ionosphere", "sonar")  # found in folders
every = pytest.mark.parametrize("component", COMPONENTS.values(), ids=COMPONENTS)


def located(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


@every
def test_metadata_takes_the_same_arguments_as_the_target(component: Component) -> None:
    target = dict(inspect.signature(located(component.at)).parameters)
    known = inspect.signature(located(component.metadata)).parameters
    assert {n: (p.default, p.annotation) for n, p in target.items()} == {
        n: (p.default, p.annotation) for n, p in known.items()
    }


@every
def test_every_argument_is_documented(component: Component) -> None:
    target = located(component.at)
    for name in inspect.signature(target).parameters:
        assert f"\n        {name}: " in (target.__doc__ or ""), name


@pytest.fixture
def data(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small data for the targets that read a path."""
    from PIL import Image

    monkeypatch.setenv("PUSHFORWARD_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text("x,y\n" + "".join(f"{i},{i * i}\n" for i in range(30)))
    (tmp_path / "density.py").write_text("def log_density(x):\n    return -x.square().sum(1)\n")
    for name in ("a", "b"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for i in range(5):
            Image.new("RGB", (4, 4), (i, 0, 0)).save(tmp_path / "images" / name / f"{i}.png")


@every
def test_a_target_is_what_its_record_and_metadata_say(component: Component, data: None) -> None:
    arguments = ARGUMENTS[component.name]
    try:
        known = located(component.metadata)(**arguments)
    except DataMissing:
        with pytest.raises(DataMissing):
            located(component.at)(**arguments)
        assert component.name in ABROAD
        return
    target = located(component.at)(**arguments)
    assert (target.shape, target.classes) == (known.shape, known.classes)
    sizes = {split: target.size(split) for split in ("train", "validation", "test")}
    assert known.sizes == {split: size for split, size in sizes.items() if size is not None}
    for name, value in arguments.items():
        assert getattr(target, name) == value
    for name, parameter in inspect.signature(type(target)).parameters.items():
        assert name in arguments or getattr(target, name) == parameter.default
    _holds_what_it_gives(target, component.gives)


def _holds_what_it_gives(target: Any, gives: tuple[str, ...]) -> None:
    if "sample" in gives:
        x, labels = target.batch(Draw(0, ("batch",), 5))
        assert x.shape == (5, *target.shape)
        assert (labels is not None) == ("labels" in gives)
        assert target.held_out("test", 3).x.shape == (3, *target.shape) or target.size("test") < 3
        assert target.sample(4, Draw(0, ("sample",), 4)).x.shape == (4, *target.shape)
        if "log_density" in gives:
            assert target.log_density(x).shape == (5,)
    assert (target.log_z is not None) == ("log_z" in gives)
    assert (target.mode_scale is not None) == ("modes" in gives)
    assert target.modes is None or "modes" in gives


def test_neither_listing_nor_metadata_imports_torch(data: None) -> None:
    code = """
import sys
import importlib
from pushforward import DataMissing
from pushforward_targets import plugin
names = [component for component in plugin.components() if component.metadata]
given = {"table": {"path": "data.csv"}, "image-folder": {"path": "images"},
         "python-density": {"path": "density.py", "dimension": 2}}
for component in names:
    module, _, function = component.metadata.partition(":")
    try:
        getattr(importlib.import_module(module), function)(**given.get(component.name, {}))
    except DataMissing:
        pass
heavy = [name for name in ("torch", "sklearn", "torchvision", "lightning", "numpy") if name in sys.modules]
print(len(names), heavy)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split(maxsplit=1) == [str(len(COMPONENTS)), "[]\n"]
