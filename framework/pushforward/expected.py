"""What a recipe's numbers are expected to be, what a control must miss, and what was measured when it was last run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pushforward.recipe import EXPECTED, list_recipes


@dataclass(frozen=True)
class Bound:
    """What one number is held to.

    Args:
        name: the number, `measure` or `measure/further`.
        at_least: not below this.
        at_most: not above this.
        within: not farther than this from `of`.
        of: see `within`.
        times: multiply the bound by this other number of the same run.
        above: add this other number of the same run to the bound.
    """

    name: str
    at_least: float | None = None
    at_most: float | None = None
    within: float | None = None
    of: float = 0.0
    times: str | None = None
    above: str | None = None

    def holds(self, numbers: dict[str, float]) -> bool:
        """Whether it holds among the numbers of a run; a number that is missing or no number holds nothing."""
        value = numbers.get(self.name)
        scale = numbers.get(self.times, float("nan")) if self.times else 1.0
        shift = numbers.get(self.above, float("nan")) if self.above else 0.0
        if value is None:
            return False
        if self.within is not None:
            return abs(value - self.of) <= self.within
        low = True if self.at_least is None else value >= self.at_least * scale + shift
        high = True if self.at_most is None else value <= self.at_most * scale + shift
        return low and high

    def __str__(self) -> str:
        scale = f" times {self.times}" if self.times else ""
        shift = f" above {self.above}" if self.above else ""
        if self.within is not None:
            return f"within {self.within} of {self.of}"
        words = [f"at least {self.at_least}{scale}{shift}"] if self.at_least is not None else []
        words += [f"at most {self.at_most}{scale}{shift}"] if self.at_most is not None else []
        return " and ".join(words)


@dataclass(frozen=True)
class Expected:
    """The expectations of one recipe.

    Args:
        recipe: its name.
        bounds: all must hold.
        control: in words, what must miss.
        control_recipe: the recipe that the control runs.
        control_overrides: its overrides.
        control_measure: instead of a run of its own, another measure of the same run.
        control_cell: instead of a run of its own, the label of another cell of the same grid.
        missed: the numbers whose bounds the control must break.
        measured: what was seen: `fingerprint`, and numbers by seed for the recipe and its control.
        seeds: how many are measured at least.
        published: of a recipe that is too large to be measured here: `numbers` in words, their `source`, and the
            `parameters` of each player.
    """

    recipe: str
    bounds: tuple[Bound, ...]
    control: str
    control_recipe: str
    control_overrides: tuple[str, ...] = ()
    control_measure: str = ""
    control_cell: str = ""
    missed: tuple[str, ...] = ()
    measured: dict[str, Any] = field(default_factory=dict)
    seeds: int = 3
    published: dict[str, Any] = field(default_factory=dict)

    def broken(self, numbers: dict[str, float]) -> list[str]:
        """The bounds that do not hold, in words."""
        return [f"{b.name} is {numbers.get(b.name)}: expected {b}" for b in self.bounds if not b.holds(numbers)]

    @property
    def controls_itself(self) -> bool:
        """Whether the control's numbers stand among those of the same run."""
        return bool(self.control_measure or self.control_cell)

    def counterpart(self, name: str) -> str:
        """The number of the same run that stands for the control's `name`."""
        cell, colon, number = name.rpartition(": ")
        measure, slash, further = number.partition("/")
        cell = self.control_cell if self.control_cell and colon else cell
        return f"{cell}{colon}{self.control_measure or measure}{slash}{further}"

    def named(self) -> set[str]:
        """Every number that the bounds and the control speak of."""
        names = {name for b in self.bounds for name in (b.name, b.times, b.above) if name}
        return names | ({self.counterpart(b.name) for b in self.bounds} if self.controls_itself else set())

    def control_holds(self, numbers: dict[str, float]) -> list[str]:
        """The bounds that the control should miss and does not."""
        if self.controls_itself:
            own = {b.name: numbers.get(self.counterpart(b.name), float("nan")) for b in self.bounds}
            numbers = numbers | own
        return [b.name for b in self.bounds if b.name in self.missed and b.holds(numbers)]


def read_expected(folders: Sequence[Path]) -> dict[str, Expected]:
    """Every recipe's expectations, from the file `expected.yaml` beside it."""
    found: dict[str, Expected] = {}
    for name, path in list_recipes(folders).items():
        file = path.parent / EXPECTED
        entries = yaml.safe_load(file.read_text("utf-8")) if file.is_file() else {}
        if path.stem in entries:
            found[name] = _expected(name, entries[path.stem])
    return found


def flat_numbers(results: dict[str, Any]) -> dict[str, float]:
    """The measures of results.json by one name each; those of a grid's cells have the cell's label before them.

    A verdict is the number 1 under its own name: ``verdict/converging``.
    """
    found = _flat("", results["measures"]) | _judged("", results)
    for part in (*results.get("cells", ()), *results.get("groups", ())):
        if part["label"]:
            found |= _flat(f"{part['label']}: ", part["measures"]) | _judged(f"{part['label']}: ", part)
    return found


def _judged(label: str, results: dict[str, Any]) -> dict[str, float]:
    state = results.get("verdict", {}).get("state")
    return {f"{label}verdict/{state}": 1.0} if state else {}


def _flat(label: str, measures: dict[str, Any]) -> dict[str, float]:
    return {
        f"{label}{name}" if key == "value" else f"{label}{name}/{key}": float(value)
        for name, numbers in measures.items()
        for key, value in numbers.items()
        if not isinstance(value, str)  # a warning
    }


def _expected(name: str, entry: dict[str, Any]) -> Expected:
    if "published" in entry:
        return Expected(name, (), "", name, published=entry["published"])
    control = entry["control"]
    return Expected(
        recipe=name,
        bounds=tuple(Bound(number, **bound) for number, bound in entry["bounds"].items()),
        control=control["what"],
        control_recipe=control.get("recipe", name),
        control_overrides=tuple(control.get("overrides", ())),
        control_measure=control.get("measure", ""),
        control_cell=control.get("cell", ""),
        missed=tuple(control["misses"]),
        measured=entry.get("measured", {}),
        seeds=entry.get("seeds", 3),
    )
