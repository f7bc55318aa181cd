"""From a plan to objects: the only room in which components are imported and made."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from pushforward.plan import Part, Plan, Planned
from pushforward.play import Play
from pushforward.problem import Problem, UserError
from pushforward.randomness import derive
from pushforward.registry import load
from pushforward.roles.measure import Measure
from pushforward.roles.target import Target
from pushforward.roles.tracker import Tracker
from pushforward.roles.watcher import Watcher
from pushforward.schedules import Schedule


@dataclass
class Built:
    """A recipe as objects.

    Args:
        plan: what it was built from.
        target: the target.
        play: the Lightning module; `play.game` is the model.
        measures: by the name under which each reports.
        watchers: by name.
        trackers: beside CSV and PNG.
        made: every component by its path; a path of two (a game and its play) holds both, the inner one first.
    """

    plan: Plan
    target: Target
    play: Play
    measures: dict[str, Measure]
    watchers: dict[str, Watcher]
    trackers: dict[str, Tracker]
    made: dict[str, list[Any]] = field(default_factory=dict)


def build(recipe: Plan | str, modules: Mapping[str, nn.Module] | None = None, *, train: bool = True) -> Built:
    """Make everything a recipe names.

    Args:
        recipe: a plan, or a recipe's name or path.
        modules: your own modules by slot, such as ``{"model.generator": my_module}``; a bare network is adapted.
        train: whether a `trained` part of the model may be trained now; if not, its weights are left as they begin.

    Raises:
        UserError: if a component refuses its arguments, or its data are not there.
    """
    if isinstance(recipe, str):
        from pushforward.check import plan_recipe

        recipe = plan_recipe(recipe)
    if recipe.missing is not None:
        raise recipe.missing
    return Builder(recipe, dict(modules or {}), train).build()


class Builder:
    """Makes components from the inside out; each one's weights depend on the seed and on its path alone."""

    def __init__(self, plan: Plan, modules: dict[str, nn.Module], train: bool = True) -> None:
        self.plan, self.modules, self.train = plan, modules, train
        self.bound: dict[str, Any] = {}
        self.schedules: list[tuple[Any, str, Schedule]] = []
        self.made: dict[str, list[Any]] = {}
        self._used: set[str] = set()

    def build(self) -> Built:
        """Everything."""
        plan = self.plan
        state = torch.get_rng_state()
        try:
            target = self.component(plan.target)
            if plan.metadata is not None and tuple(plan.metadata.shape) != tuple(target.shape):
                what = f"its metadata say shape {tuple(plan.metadata.shape)}, the target itself {tuple(target.shape)}"
                raise UserError([Problem(what, "target", plan.target.place)])
            self.bound = {"shape": tuple(target.shape), "classes": target.classes, "target": target}
            play = self.component(plan.model)
            measures = self._named([(p, self.component(p)) for p in plan.measures])
            watchers = self._named([(p, self.component(p)) for p in plan.watchers])
            trackers = self._named([(p, self.component(p)) for p in plan.trackers])
        finally:
            torch.set_rng_state(state)
        unused = sorted(set(self.modules) - self._used)
        if unused:
            slots = sorted(p.path for p in plan.model.below())
            raise UserError(f"there is no slot {unused[0]!r} in this recipe: there are {', '.join(slots)}")
        built = Built(plan, target, play, measures, watchers, trackers, self.made)
        if plan.value("best") is not None:
            from pushforward.reporter import measure_of

            measure_of(built, plan.value("best"))
        for name, parameter in play.game.named_parameters():
            if not bool(torch.isfinite(parameter).all()):
                raise UserError([Problem(f"it begins where {name} is not finite", "model", plan.model.place)])
        play.prepare(
            plan.value("rounds"), plan.seed, plan.value("accumulate"), self.schedules, plan.value("batch") or 1
        )
        return built

    def component(self, planned: Planned) -> Any:
        """One component with all that is in its arguments."""
        replacement = self.modules.get(planned.path)
        if replacement is not None:
            self._used.add(planned.path)
        if planned.component.name == "trained":
            return self._trained(planned)
        if replacement is not None and planned.around is not None and planned.component.kind == "network":
            return self._adapted(planned, replacement)
        if planned.component.kind == "network" and replacement is not None:
            return lambda inputs, outputs: replacement
        if planned.component.kind == "network":
            made = self._factory(planned)
            return self._make(planned, planned.around, made) if planned.around else made
        if replacement is not None:
            made = self._adapted(planned, replacement)
        else:
            made = self._make(planned, planned.own)
        return self._make(planned, planned.around, made) if planned.around else made

    def _factory(self, planned: Planned) -> Any:
        """Networks are made late, by whoever knows their shapes."""
        arguments = self._arguments(planned.own)
        network = load(planned.own.at)

        def make(inputs: tuple[int, ...], outputs: tuple[int, ...]) -> nn.Module:
            return self._call(planned, planned.own, network, {"inputs": inputs, "outputs": outputs, **arguments})

        return make

    def _make(self, planned: Planned, part: Part, inner: Any = None) -> Any:
        arguments = self._arguments(part)
        if inner is not None:
            arguments[next(iter(part.signature.parameters.values())).keyword] = inner
        for keyword in part.bound:
            arguments.setdefault(keyword, self.bound.get(keyword))
        return self._call(planned, part, load(part.at), arguments)

    def _call(self, planned: Planned, part: Part, factory: Any, arguments: dict[str, Any]) -> Any:
        moving = {k: v for k, v in arguments.items() if isinstance(v, Schedule)}
        fixed = {k: v(0.0) if k in moving else v for k, v in arguments.items()}
        seed_weights(derive(self.plan.seed, "weights", planned.path))
        try:
            made = factory(**fixed)
        except UserError as error:
            problems = [Problem(p.what, p.path or planned.path, p.place or planned.place) for p in error.problems]
            raise type(error)(problems, error.status) from error
        except (ValueError, TypeError) as error:
            what = f"{planned.component.name!r} refused its arguments: {error}"
            raise UserError([Problem(what, planned.path, planned.place)]) from error
        self.made.setdefault(planned.path, []).append(made)
        for keyword, schedule in moving.items():
            if not hasattr(made, keyword):
                what = f"{planned.component.name!r} does not keep {keyword!r}, so no schedule can move it"
                raise UserError([Problem(what, f"{planned.path}.{keyword}", planned.place)])
            self.schedules.append((made, keyword, schedule))
        return made

    def _arguments(self, part: Part) -> dict[str, Any]:
        return {keyword: self._value(value) for keyword, value in part.arguments.items()}

    def _value(self, value: Any) -> Any:
        if isinstance(value, Planned):
            return self.component(value)
        if isinstance(value, list):
            return [self._value(item) for item in value]
        if isinstance(value, dict):
            return {key: self._value(item) for key, item in value.items()}
        return value

    def _adapted(self, planned: Planned, module: nn.Module) -> Any:
        """A user's own module in a slot: as it is where it has the role, through the adapter where it is bare."""
        kind = self.plan.registry.kinds[planned.slot]
        if isinstance(module, load(kind.role)) or not kind.adapter:
            return module
        if planned.around is not None:
            return self._make(planned, planned.around, lambda inputs, outputs: module)
        adapter = load(kind.adapter)
        taken = inspect.signature(adapter).parameters
        bare = {key: self.bound.get(key) for key in ("shape", "classes") if key in taken}
        return adapter(lambda inputs, outputs: module, **bare)

    def _trained(self, planned: Planned) -> Any:
        from pushforward.public import trained_module

        arguments = planned.own.arguments
        train = self.train or not planned.path.startswith("model")  # only the model's weights are in a checkpoint
        return trained_module(planned, arguments.get("recipe"), arguments.get("run"), train)

    def _named(self, made: list[tuple[Planned, Any]]) -> dict[str, Any]:
        named: dict[str, Any] = {}
        for planned, component in made:
            name = planned.component.name
            name = component.label(name) if isinstance(component, Measure) else name
            if name in named:
                name = f"{name}-{sum(key.startswith(name) for key in named) + 1}"
            named[name] = component
        return named


def seed_weights(seed: int) -> None:
    """Seed what new weights are drawn from; on a machine without accelerators that is one generator.

    There torch.manual_seed would note a traceback for every kind of accelerator that might still come, which takes
    longer than to make a small game.
    """
    if _accelerated():
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


@functools.cache
def _accelerated() -> bool:
    return torch.accelerator.is_available()
