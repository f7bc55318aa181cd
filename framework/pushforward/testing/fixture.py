"""A recipe given as text, run for a few rounds in a folder of the test's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from pushforward.explain import scalar
from pushforward.problem import RunFailed
from pushforward.public import OpenRun, open_run
from pushforward.registry import Registry
from pushforward.runner import run_recipe

SMALL_BATCH = 32


def run_recipe_text(text: str, tmp_path: Path, rounds: int = 3, plugins: Sequence[str] = ()) -> OpenRun:
    """Run a recipe in smoke length: a few rounds of at most 32 samples, everything else as the recipe says.

    Args:
        text: the recipe.
        tmp_path: an own folder; the recipe and `runs` are written there, and local plugins are relative to it.
        rounds: how many rounds.
        plugins: plugin files or folders beside those that the recipe names.

    Raises:
        UserError: with every mistake of the recipe, or with why the run failed.
    """
    recipe = Path(tmp_path) / "recipe.yaml"
    recipe.write_text(text, encoding="utf-8")
    overrides = [f"budget.rounds={rounds}", f"budget.batch={SMALL_BATCH}", f"budget.report_every={max(rounds, 1)}"]
    if plugins:
        overrides.append(f"plugins={scalar([str(Path(path).resolve()) for path in plugins])}")
    folder = run_recipe(str(recipe), overrides, plugins=plugins, out=Path(tmp_path) / "runs", quiet=True)
    run = open_run(folder)
    if run.results.get("status") != "completed":
        raise RunFailed(f"the run in {folder} ended as {run.results.get('status')}: {run.results.get('reason', '')}")
    return run


def local_plugins(module: ModuleType) -> tuple[str, ...]:
    """What to load beside the installed plugins so that this one is there: its file, or nothing if it is installed."""
    installed = any(plugin.module is module for plugin in Registry().plugins)
    return () if installed else (str(module.__file__),)
