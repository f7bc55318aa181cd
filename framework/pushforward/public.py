"""The Python surface: what the command line does, as functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pushforward.builder import Built, build
from pushforward.check import plan_recipe
from pushforward.checkpoint import read_checkpoint
from pushforward.folder import cache_folder, read_json
from pushforward.plan import Plan, Planned
from pushforward.problem import Problem, UserError, did_you_mean
from pushforward.randomness import Draw
from pushforward.registry import Registry, load
from pushforward.reporter import looking, measure_on
from pushforward.roles.target import Split


def load_recipe(name: str, overrides: Sequence[str] = (), plugins: Sequence[str] = ()) -> Plan:
    """A recipe, read and checked.

    Raises:
        UserError: with every mistake in it.
    """
    return plan_recipe(name, overrides, plugins)


def component(kind: str, name: str) -> Any:
    """The class behind a registered name, such as ``component("penalty", "r1")``.

    Raises:
        UserError: if there is no such kind or name.
    """
    registry = Registry()
    if kind not in registry.kinds:
        raise UserError(f"there is no kind {kind!r}{did_you_mean(kind, registry.kinds)}")
    entry = registry.find(kind, name)
    if entry is None:
        raise UserError(f"there is no {kind} {name!r}{did_you_mean(name, registry.names(kind))}")
    return load(entry.component.at)


def run(
    recipe: str,
    *overrides: str,
    out: Path | str = "runs",
    modules: Mapping[str, nn.Module] | None = None,
    **options: Any,
) -> OpenRun:
    """Play a recipe; `options` are those of `pushforward run`: resume, smoke, quiet, plugins."""
    from pushforward.runner import run_recipe

    if (grid := plan_recipe(recipe, overrides, options.get("plugins", ())).grid) is not None:
        raise UserError(f"recipe {recipe!r} is a grid of {len(grid)} models: `pushforward sweep` plays it")
    return open_run(run_recipe(recipe, overrides, out=Path(out), modules=modules, **options), modules=modules)


def open_run(folder: Path | str, weights: str | None = None, modules: Mapping[str, nn.Module] | None = None) -> OpenRun:
    """A finished or stopped run, ready to sample.

    Args:
        folder: the run's folder.
        weights: `best` or `last`; None takes the best where the recipe asked for one.
        modules: the same modules as were put into slots when it was run.

    Raises:
        UserError: if the folder is no run, or its checkpoint cannot be read.
    """
    folder = Path(folder)
    if not (folder / "recipe.yaml").is_file():
        raise UserError(f"{folder} is no run folder: there is no recipe.yaml in it")
    plan = plan_recipe(str(folder / "recipe.yaml"))
    if plan.grid is not None:
        raise UserError(f"{folder} holds a grid of {len(plan.grid)} models: take one of them, such as {folder}/cells/0")
    plan.recipe.name = read_json(folder / "environment.json").get("recipe", folder.name)
    built = build(plan, modules, train=False)
    if weights is None:
        weights = "best" if plan.value("best") is not None else "last"
    saved = read_checkpoint(folder / "checkpoints" / f"{weights}.ckpt", plan.fingerprint())
    built.play.restore(saved)
    return OpenRun(folder, built)


class OpenRun:
    """A run's model and results.

    Attributes:
        folder: where it is.
        built: its objects.
        results: what stands in results.json.
    """

    def __init__(self, folder: Path, built: Built) -> None:
        self.folder, self.built = folder, built
        self.results = read_json(folder / "results.json")

    @property
    def game(self) -> Any:
        """The model."""
        return self.built.play.game

    def sample(self, n: int, condition: Tensor | int | None = None, seed: int = 0) -> Tensor:
        """n samples with the averaged weights, (n, *shape): the same for a seed.

        Args:
            n: how many.
            condition: a class for all of them, or one for each, (n,).
            seed: which samples.
        """
        if isinstance(condition, int):
            condition = torch.full((n,), condition)
        with looking(self.built, "test"):
            samples: Tensor = self.game.sample(n, Draw.fresh(n, seed), condition)
        return samples

    def log_density(self, x: Tensor) -> Tensor:
        """Log-density of the model at x, (n,), where it has one."""
        with looking(self.built, "test"):
            density: Tensor = self.game.log_density(x)
        return density

    def measure(self, split: Split = "test") -> dict[str, dict[str, float]]:
        """The recipe's measures on a split."""
        return measure_on(self.built, split)


def trained_module(planned: Planned, recipe: str | None, folder: Path | None, train: bool) -> Any:
    """The trained part that a `trained` component stands for.

    Raises:
        UserError: unless exactly one of recipe and run is given, or if that model has no such part.
    """
    if (recipe is None) == (folder is None):
        raise UserError([Problem("give either `recipe` or `run`", planned.path, planned.place)])
    if folder is not None:
        opened = open_run(folder)
        plan, built = opened.built.plan, opened.built
    else:
        plan = plan_recipe(str(recipe))
        _must_hold(plan, planned)
        built = _kept(plan).built if train else build(plan, train=False)
    _must_hold(plan, planned)
    if built.play.average is not None:
        built.play.average.settle()
    return built.play.game.held(planned.slot)


def _must_hold(plan: Plan, planned: Planned) -> None:
    holds = plan.model.component.holds
    if planned.slot not in holds:
        has = ", ".join(holds) or "nothing"
        what = f"model {plan.model.component.name!r} of recipe {plan.name!r} holds {has}, and no {planned.slot}"
        raise UserError([Problem(what, planned.path, planned.place)])


def _kept(plan: Plan) -> OpenRun:
    """The run of a recipe in the cache, made if it is not there, not finished, or fits no more."""
    from pushforward.runner import run_recipe

    root = cache_folder() / "trained" / f"{plan.fingerprint()}-{plan.value('rounds')}"
    for folder in sorted(root.glob("*")):
        if read_json(folder / "results.json").get("status") == "completed":
            try:
                return open_run(folder)
            except RuntimeError:  # made by an earlier version of its components, whose weights have other names
                continue
    return open_run(run_recipe(str(plan.recipe.file), out=root, quiet=True))
