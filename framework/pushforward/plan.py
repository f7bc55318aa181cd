"""A plan: a recipe whose every value has been checked and every name found, before anything is imported or read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pushforward.grid import Grid
from pushforward.problem import Place, Problem, UserError
from pushforward.recipe import Recipe
from pushforward.records import Component, Metadata
from pushforward.registry import Registry
from pushforward.signature import Signature


@dataclass
class Part:
    """The arguments that go to one constructor.

    Args:
        at: where the constructor is.
        signature: what it takes.
        arguments: checked values by Python keyword: plain ones, [`Planned`] ones, lists and dicts of these.
        bound: keywords that are filled from the data.
        origins: where each given argument is written, by keyword.
    """

    at: str
    signature: Signature
    arguments: dict[str, Any] = field(default_factory=dict)
    bound: tuple[str, ...] = ()
    origins: dict[str, Place] = field(default_factory=dict)


@dataclass
class Planned:
    """A component with its arguments.

    Args:
        slot: the kind that was asked for.
        component: the record, of that kind or a network that will be adapted to it.
        own: the component's own constructor.
        around: the adapter or wrapper that it is put into, if any.
        path: where in the recipe it is, dotted.
        place: where it is written.
        gives: its capabilities.
    """

    slot: str
    component: Component
    own: Part
    around: Part | None
    path: str
    place: Place
    gives: frozenset[str] = frozenset()

    @property
    def parts(self) -> list[Part]:
        """Its constructors, the component's own first."""
        return [self.own] + ([self.around] if self.around else [])

    def ambiguous(self) -> list[str]:
        """Arguments that stand in both of its constructors, so that a recipe could not tell them apart."""
        if self.around is None:
            return []
        _, *others = self.around.signature.parameters
        return [name for name in others if name in self.own.signature.parameters and name not in self.own.bound]

    def below(self) -> Iterator[Planned]:
        """Itself and every component in its arguments."""
        yield self
        for part in self.parts:
            for value in part.arguments.values():
                yield from _components(value)

    def argument(self, keyword: str) -> Any:
        """The value of an argument, or None where it is left out."""
        for part in self.parts:
            if keyword in part.arguments:
                return part.arguments[keyword]
        return None


@dataclass
class Plan:
    """A checked recipe.

    Args:
        recipe: where it comes from.
        registry: what was registered when it was checked.
        target: what is learned.
        model: the game.
        budget: how long.
        measures: by the path-independent order of the recipe.
        watchers: pictures.
        trackers: beside CSV and PNG.
        trainer: arguments of Lightning's Trainer.
        seed: the run's seed.
        about: one sentence.
        metadata: what is known of the target; None where its data are absent.
        warnings: what does not stop a check: data that are not there.
        plain: the recipe as plain data with every default filled in.
        grid: the grid whose first cell this is; None where nothing is swept.
    """

    recipe: Recipe
    registry: Registry
    target: Planned
    model: Planned
    budget: Planned
    measures: list[Planned]
    watchers: list[Planned]
    trackers: list[Planned]
    trainer: dict[str, Any]
    seed: int
    about: str
    metadata: Metadata | None = None
    missing: UserError | None = None
    problems: list[Problem] = field(default_factory=list)
    grid: Grid | None = None

    @property
    def name(self) -> str:
        """The recipe's name."""
        return self.recipe.name

    def components(self) -> Iterator[Planned]:
        """Every component of the recipe, outer ones first."""
        for top in (self.target, self.model, self.budget, *self.measures, *self.watchers, *self.trackers):
            if top is not None:  # a part that could not be planned has its own problem
                yield from top.below()

    def value(self, keyword: str) -> Any:
        """A number of the budget, its default where the recipe is silent."""
        given = self.budget.own.arguments.get(keyword)
        if given is not None or keyword in self.budget.own.arguments:
            return given
        return self.budget.own.signature.parameters[keyword].literal()[1]

    def fingerprint(self) -> str:
        """A hash of what decides the trajectory: not of rounds, nor of what only looks.

        What has its default value is left out, so that a new argument of a component leaves earlier runs readable.
        """
        data = {"target": plain(self.target, False), "model": plain(self.model, False), "seed": self.seed}
        data["batch"] = self.value("batch")
        data["accumulate"] = self.value("accumulate")
        if self.grid is not None:
            data["sweep"] = self.grid.plain()
        return hashlib.blake2b(json.dumps(data, sort_keys=True, default=str).encode(), digest_size=8).hexdigest()


def plain(value: Any, defaults: bool = True) -> Any:
    """A planned value as plain recipe data, with or without what has its default value."""
    if isinstance(value, Planned):
        data: dict[str, Any] = {"use": value.component.name}
        for part in value.parts:
            for name, parameter in part.signature.parameters.items():
                if parameter.keyword in part.bound or is_inner(part, value, name):
                    continue
                known, default = parameter.literal()
                if parameter.keyword in part.arguments:
                    given = plain(part.arguments[parameter.keyword], defaults)
                    if defaults or not known or given != plain(default, defaults):
                        data[name] = given
                elif known and defaults:
                    data[name] = plain(default)
        return data
    if isinstance(value, list | tuple):
        return [plain(item, defaults) for item in value]
    if isinstance(value, dict):
        return {key: plain(item, defaults) for key, item in value.items()}
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def is_inner(part: Part, owner: Planned, name: str) -> bool:
    """Whether a parameter of an adapter or wrapper is the component that it is put around: always its first."""
    return part is owner.around and name == next(iter(part.signature.parameters))


def _components(value: Any) -> Iterator[Planned]:
    if isinstance(value, Planned):
        yield from value.below()
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _components(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _components(item)
