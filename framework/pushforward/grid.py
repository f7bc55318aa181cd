"""A grid: which recipes come of one recipe and the axes of its `sweep`, and how each of them is called."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pushforward.axes import LARGEST_GRID, VARIANTS, Axis, Point, is_axis, read_axis, read_text
from pushforward.nodes import Node
from pushforward.problem import Problem, RecipeError
from pushforward.recipe import COMMAND_LINE, Recipe, set_value

SEED = "seed"  # cells that differ in nothing else are repeats of one another


@dataclass(frozen=True)
class Cell:
    """One point of each axis.

    Args:
        grid: what it belongs to.
        index: its number, from 0, in the order in which the axes are written; the last one moves fastest.
        points: one of each axis.
    """

    grid: Grid
    index: int
    points: tuple[Point, ...]

    @property
    def label(self) -> str:
        """Its name among all cells, such as `rule=extragradient, seed=0`."""
        return ", ".join(text for _, text in self._texts())

    @property
    def group(self) -> str:
        """The label without the seed: the same for all repeats."""
        return ", ".join(text for path, text in self._texts() if path != SEED)

    @property
    def values(self) -> dict[str, Any]:
        """The value of each axis by path; the label for variants."""
        pairs = zip(self.grid.axes, self.points, strict=True)
        return {a.path: p.label if a.path == VARIANTS else p.settings[0][1].plain() for a, p in pairs}

    @property
    def numbers(self) -> dict[str, float]:
        """The values of the numeric axes alone."""
        return {axis.path: self.values[axis.path] for axis in self.grid.axes if axis.is_numeric}

    @property
    def kind(self) -> tuple[str, ...]:
        """The labels of the other axes: cells of one kind differ in plain numbers only."""
        pairs = zip(self.grid.axes, self.points, strict=True)
        return tuple(point.label for axis, point in pairs if not axis.is_numeric)

    def recipe(self) -> Recipe:
        """The recipe of this cell alone.

        Raises:
            RecipeError: if a path leads nowhere.
        """
        whole = self.grid.recipe
        root = whole.root.copy()
        root.value.pop("sweep", None)
        root.keys.pop("sweep", None)
        settings = [setting for point in self.points for setting in point.settings]
        problems = [set_value(root, path, value.copy()) for path, value in settings]
        if found := [problem for problem in problems if problem is not None]:
            raise RecipeError(found)
        return Recipe(whole.name, root, whole.file)

    def _texts(self) -> Iterator[tuple[str, str]]:
        for axis, name, point in zip(self.grid.axes, self.grid.names, self.points, strict=True):
            yield axis.path, point.label if axis.path == VARIANTS else f"{name}={point.label}"


@dataclass(frozen=True)
class Grid:
    """The product of some axes over one recipe.

    Args:
        recipe: the recipe, its `sweep` included.
        axes: at least one.
    """

    recipe: Recipe
    axes: tuple[Axis, ...]

    def __len__(self) -> int:
        return math.prod(len(axis.points) for axis in self.axes)

    def __getitem__(self, index: int) -> Cell:
        if not 0 <= index < len(self):
            raise IndexError(f"cell {index} of a grid of {len(self)}")
        points, rest = [], index
        for axis in reversed(self.axes):
            rest, at = divmod(rest, len(axis.points))
            points.append(axis.points[at])
        return Cell(self, index, tuple(reversed(points)))

    def __iter__(self) -> Iterator[Cell]:
        return (self[index] for index in range(len(self)))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The axes' names in labels: as few last segments of each path as tell them apart."""
        paths = [axis.path.removesuffix(".use").split(".") for axis in self.axes]
        for length in range(1, max(map(len, paths)) + 1):
            names = [".".join(path[-_reach(path, length) :]) for path in paths]
            if len(set(names)) == len(names):
                return tuple(names)
        return tuple(axis.path for axis in self.axes)

    def probes(self) -> Iterator[tuple[Cell, Point | None]]:
        """The cells that try every value once: the first cell, then each other value beside the others' first ones.

        Of a range only the other end is tried: what lies between is of the same type.
        """
        yield self[0], None
        step = len(self)
        for axis in self.axes:
            step //= len(axis.points)
            last = len(axis.points) - 1
            for at in range(1, last + 1) if axis.spacing == "list" else [last] if last else []:
                yield self[at * step], axis.points[at]

    def ends(self) -> Grid:
        """The same grid with the ends of its ranges alone."""
        return Grid(self.recipe, tuple(_ends(axis) for axis in self.axes))

    def plain(self) -> list[Any]:
        """What decides which cells there are, as plain data."""
        return [[[(path, node.plain()) for path, node in p.settings] for p in axis.points] for axis in self.axes]


def read_grid(recipe: Recipe, words: Sequence[str] = (), overrides: Sequence[str] = ()) -> Grid | None:
    """The grid of a recipe, or None where nothing is swept; the recipe's `sweep` is made to say the same.

    Args:
        recipe: the recipe, with `extends` and overrides applied.
        words: axes of the command line, such as ``seed=0:5``: each replaces the recipe's axis of that path.
        overrides: words that were applied to the recipe: what they set is no longer swept.

    Raises:
        RecipeError: with every mistake of the axes.
    """
    written = _written(recipe)
    for override in overrides:
        path = override.partition("=")[0].strip()
        written.value.pop(path, None)
        written.keys.pop(path, None)
    problems: list[Problem] = []
    for word in words:
        path, _, text = word.partition("=")
        try:
            written.value[path.strip()] = read_text(path.strip(), text, COMMAND_LINE)
            written.keys[path.strip()] = COMMAND_LINE
        except RecipeError as error:
            problems += error.problems
    axes = []
    for path, node in written.value.items():
        try:
            axes.append(read_axis(path, node, written.keys.get(path, node.place)))
        except RecipeError as error:
            problems += error.problems
    problems = problems or _conflicts(axes)
    if problems:
        raise RecipeError(problems)
    recipe.root.value.pop("sweep", None)
    if not axes:
        recipe.root.keys.pop("sweep", None)
        return None
    recipe.root.value["sweep"] = Node({axis.path: axis.written for axis in axes}, written.place, written.keys)
    recipe.root.keys.setdefault("sweep", written.place)
    return Grid(recipe, tuple(axes))


def split_words(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Words of the command line as overrides, which give one value, and axes, which give several."""
    axes = [word for word in words if is_axis(word.partition("=")[2])]
    return [word for word in words if word not in axes], axes


def _written(recipe: Recipe) -> Node:
    """The mapping under `sweep`, free to be changed; empty where there is none."""
    node = recipe.root.value.get("sweep")
    if node is None or node.value is None:
        return Node({}, COMMAND_LINE)
    if not node.is_mapping or not node.value:
        what = f"expected a mapping from dotted paths to lists of values, got {node.plain()!r}"
        raise RecipeError([Problem(what, "sweep", node.place)])
    return Node(dict(node.value), node.place, dict(node.keys))


def _conflicts(axes: list[Axis]) -> list[Problem]:
    size = math.prod(len(axis.points) for axis in axes)
    if size > LARGEST_GRID:
        counts = " times ".join(str(len(axis.points)) for axis in axes)
        what = f"{counts} makes {size} cells: a grid has at most {LARGEST_GRID}"
        return [Problem(what, "sweep", axes[0].written.place)]
    swept = {axis.path for axis in axes} - {VARIANTS}
    return [
        Problem(f"{path!r} is an axis of its own, so the variant {point.label!r} cannot set it", VARIANTS, point.place)
        for axis in axes
        if axis.path == VARIANTS
        for point in axis.points
        for path, _ in point.settings
        if path in swept
    ]


def _reach(path: list[str], length: int) -> int:
    """How many last segments make a name of at least `length` that does not begin with a list's index."""
    while length < len(path) and path[-length].isdigit():
        length += 1
    return min(length, len(path))


def _ends(axis: Axis) -> Axis:
    if axis.spacing == "list" or len(axis.points) < 3:
        return axis
    return Axis(axis.path, (axis.points[0], axis.points[-1]), axis.spacing, axis.written)
