"""A generated plugin installs and passes its own tests as it is written; a wrong name is said in one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from pushforward.problem import UserError
from pushforward.scaffold import TEMPLATES, new_plugin


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    return new_plugin("my-losses", tmp_path)


def python(*words: str, folder: Path, path: list[Path]) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, path), *sys.path])}
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, cwd=folder, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def installed(plugin: Path, where: Path) -> Path:
    """What pip leaves behind: the package's metadata with its entry point, beside the package."""
    project = tomllib.loads((plugin / "pyproject.toml").read_text("utf-8"))["project"]
    info = where / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = project["entry-points"]["pushforward"]
    (info / "entry_points.txt").write_text("[pushforward]\n" + "".join(f"{n} = {at}\n" for n, at in points.items()))
    return where


def test_its_own_tests_pass_as_generated_and_not_yet_installed(plugin: Path) -> None:
    out = python("-m", "pytest", "-p", "no:cacheprovider", folder=plugin, path=[])
    assert "3 passed" in out


def test_its_own_tests_pass_once_it_is_installed(plugin: Path, tmp_path: Path) -> None:
    site = installed(plugin, tmp_path / "site")
    out = python("-m", "pytest", "-p", "no:cacheprovider", folder=plugin, path=[site, plugin])
    assert "3 passed" in out


def test_installed_it_is_listed_and_its_recipe_checked_without_importing_torch(plugin: Path, tmp_path: Path) -> None:
    code = """
import sys
from pushforward.check import plan_recipe
from pushforward.registry import Registry
plugin = next(p for p in Registry().plugins if p.name == "my-losses")
plan = plan_recipe("my-losses/first")
print(plugin.state, plugin.distribution, plugin.version, plan.model.argument("objective").component.name)
print("torch" in sys.modules)
"""
    site = installed(plugin, tmp_path / "site")
    out = python("-c", code, folder=tmp_path, path=[site, plugin])
    assert out.split() == ["loaded", "my-losses", "0.1.0", "soft-margin", "False"]


def test_nothing_of_the_template_is_left_in_names_or_texts(plugin: Path) -> None:
    files = [path for path in plugin.rglob("*") if path.is_file()]
    assert len(files) == len(list(TEMPLATES.rglob("*.template"))) >= 8
    for path in files:
        text = str(path.relative_to(plugin)) + path.read_text("utf-8")
        assert not any(word in text for word in ("PACKAGE", "NAME", ".template", "$"))


@pytest.mark.parametrize("name", ["", "1st", "My-Losses", "my losses", "a--b", "../up", "class", "é", "my_losses"])
def test_a_name_that_makes_no_package_is_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no name for a plugin") as found:
        new_plugin(name, tmp_path)
    assert len(found.value.problems) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_would_hide_a_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="would hide the package 'torch'"):
        new_plugin("torch", tmp_path)


def test_a_folder_that_is_there_is_left_alone(plugin: Path) -> None:
    (plugin / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="is there already"):
        new_plugin("my-losses", plugin.parent)
    assert (plugin / "mine.txt").read_text() == "mine"


def test_the_scaffold_imports_no_torch() -> None:
    code = "import sys, pushforward.scaffold; print('torch' in sys.modules)"
    assert python("-c", code, folder=Path.cwd(), path=[]).strip() == "False"
