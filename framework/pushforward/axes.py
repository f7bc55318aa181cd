"""An axis of a grid: the ways in which its values can be written, and the labels under which they are told apart."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pushforward.nodes import Node, parse
from pushforward.problem import Place, Problem, RecipeError, did_you_mean
from pushforward.recipe import COMMAND_LINE, relocate

VARIANTS = "variants"  # the axis whose points set several paths at once
LARGEST_GRID = 10_000  # cells
FIXED = ("about", "extends", "plugins", "sweep")  # top-level keys that no cell can have for itself
RANGE = ("from", "to", "count", "spacing")

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_INTEGERS = re.compile(r"([-+]?\d+):([-+]?\d+)")
_LOGARITHMIC = re.compile(rf"({_NUMBER})\.\.({_NUMBER})/(\d+)")


@dataclass(frozen=True)
class Point:
    """One value of an axis.

    Args:
        label: how it is told from the others.
        settings: the values it sets, by dotted path.
        place: where it is written.
    """

    label: str
    settings: tuple[tuple[str, Node], ...]
    place: Place


@dataclass(frozen=True)
class Axis:
    """The values of one path, or variants that set several.

    Args:
        path: dotted, or `variants`.
        points: at least one.
        spacing: `list`, or how a range is spaced: `linear` or `log`.
        written: the node that it was read from, as the grid's own recipe keeps it.
    """

    path: str
    points: tuple[Point, ...]
    spacing: str
    written: Node

    @property
    def is_numeric(self) -> bool:
        """Whether its values are numbers, so that they have an order and a distance."""
        return self.path != VARIANTS and all(_is_number(value) for value in self.values)

    @property
    def values(self) -> list[Any]:
        """The plain values; labels for variants."""
        if self.path == VARIANTS:
            return [point.label for point in self.points]
        return [point.settings[0][1].plain() for point in self.points]


def is_axis(text: str) -> bool:
    """Whether the right side of a `key=...` on the command line gives several values."""
    if len(split_commas(text)) > 1 or _INTEGERS.fullmatch(text.strip()) or _LOGARITHMIC.fullmatch(text.strip()):
        return True
    return text.strip().startswith("{") and "count" in text and "use:" not in text


def split_commas(text: str) -> list[str]:
    """The parts between commas that stand in no bracket and no quotes."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in "[{":
            depth += 1
        elif letter in "]}":
            depth -= 1
        if letter == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def read_text(path: str, text: str, place: Place) -> Node:
    """Values in one word, as a node: `a:b` and `a..b/n` stay ranges, commas make a list.

    Raises:
        RecipeError: if a part is no YAML, or empty.
    """
    if _INTEGERS.fullmatch(text.strip()) or _LOGARITHMIC.fullmatch(text.strip()):
        return Node(text.strip(), place)
    items = []
    for part in split_commas(text):
        if not part.strip():
            raise RecipeError([Problem(f"{text!r} has an empty value between its commas", path, place)])
        try:
            item = parse(part, "")
        except RecipeError as error:
            raise RecipeError([Problem(f"{part!r}: {error.problems[0].what}", path, place)]) from None
        relocate(item, place)
        items.append(item)
    if len(items) == 1 and items[0].is_mapping and "count" in items[0].value:
        return items[0]
    return Node(items, place)


def read_axis(path: str, node: Node, key: Place) -> Axis:
    """An axis as it is written: a list, a range, or text such as ``0:5``.

    Raises:
        RecipeError: with everything that is wrong with it.
    """
    _refuse_path(path, key)
    if isinstance(node.value, str):
        node = read_text(path, node.value, node.place)
    if path == VARIANTS:
        points = [_variant(item, f"{path}.{i}") for i, item in enumerate(_listed(path, node))]
        return Axis(path, _distinct(path, points), "list", node)
    if node.is_mapping or isinstance(node.value, str):
        values, spacing = _range(path, node) if node.is_mapping else _text_range(path, node)
        nodes = [Node(value, node.place) for value in values]
    else:
        nodes, spacing = _listed(path, node), "list"
    texts = [_label(item.plain()) for item in nodes]
    if len(set(texts)) < len(texts):
        texts = [_label(item.plain(), whole=True) for item in nodes]
    points = [Point(text, ((path, item),), item.place) for text, item in zip(texts, nodes, strict=True)]
    return Axis(path, _distinct(path, points), spacing, node)


def _refuse_path(path: str, place: Place) -> None:
    if not all(path.split(".")):
        raise RecipeError([Problem("expected a dotted path, such as model.optimizer.lr", path, place)])
    if path.partition(".")[0] in FIXED:
        raise RecipeError([Problem(f"all cells of a grid share {path!r}: it cannot be swept", path, place)])


def _listed(path: str, node: Node) -> list[Node]:
    if not node.is_list:
        what = "a list of {label: NAME, set: {path: value}}" if path == VARIANTS else "a list of values, or a range"
        raise RecipeError([Problem(f"expected {what}, got {node.plain()!r}", path, node.place)])
    if not node.value:
        raise RecipeError([Problem("the list is empty: expected at least one value", path, node.place)])
    return list(node.value)


def _variant(node: Node, path: str) -> Point:
    keys = set(node.value) if node.is_mapping else set()
    settings = node.value["set"] if "set" in keys else None
    if keys != {"label", "set"} or settings is None or not settings.is_mapping or not settings.value:
        what = f"expected {{label: NAME, set: {{path: value, ...}}}}, got {node.plain()!r}"
        raise RecipeError([Problem(what, path, node.place)])
    for key in settings.value:
        _refuse_path(key, settings.keys.get(key, settings.place))
    return Point(str(node.value["label"].plain()), tuple(settings.value.items()), node.place)


def _distinct(path: str, points: list[Point]) -> tuple[Point, ...]:
    problems = [
        Problem(f"{point.label!r} is given twice", path, point.place)
        for i, point in enumerate(points)
        if point.label in {earlier.label for earlier in points[:i]}
    ]
    if problems:
        raise RecipeError(problems)
    return tuple(points)


def _text_range(path: str, node: Node) -> tuple[list[float], str]:
    """`a:b`, the whole numbers from a up to b without b; `a..b/n`, n numbers in equal ratios."""
    if match := _INTEGERS.fullmatch(node.value):
        low, high = int(match[1]), int(match[2])
        _refuse_count(path, high - low, f"{node.value!r} holds {max(high - low, 0)} numbers", node.place)
        return list(range(low, high)), "linear"
    match = _LOGARITHMIC.fullmatch(node.value)
    assert match is not None  # read_text lets nothing else stay text
    return _spaced(path, float(match[1]), float(match[2]), int(match[3]), "log", node.place), "log"


def _range(path: str, node: Node) -> tuple[list[float], str]:
    """`{from, to, count, spacing}`."""
    for key in node.value:
        if key not in RANGE:
            what = f"unknown key of a range{did_you_mean(key, RANGE)}: it takes {', '.join(RANGE)}"
            raise RecipeError([Problem(what, f"{path}.{key}", node.keys.get(key, node.place))])
    given = {key: item.value for key, item in node.value.items()}
    spacing = given.get("spacing", "linear")
    wrong = next((key for key in ("from", "to", "count") if not _is_number(given.get(key))), None)
    if wrong is not None or not isinstance(given["count"], int):
        key = wrong or "count"
        what = f"a range needs {key}: expected a {'whole ' if key == 'count' else ''}number, got {given.get(key)!r}"
        raise RecipeError([Problem(what, path, node.place)])
    if spacing not in ("linear", "log"):
        raise RecipeError([Problem(f"expected linear or log, got {spacing!r}", f"{path}.spacing", node.place)])
    return _spaced(path, given["from"], given["to"], given["count"], spacing, node.place), spacing


def _spaced(path: str, low: float, high: float, count: int, spacing: str, place: Place) -> list[float]:
    _refuse_count(path, count, f"a range of {count} numbers", place)
    if not (math.isfinite(low) and math.isfinite(high)) or (low == high and count > 1):
        raise RecipeError([Problem(f"a range goes from one number to another, got {low} to {high}", path, place)])
    if spacing == "log" and not (low > 0 and high > 0):
        equal = f"{{from: {low:g}, to: {high:g}, count: {count}}}"
        what = f"logarithmic spacing needs ends above zero, got {low:g} to {high:g}: {equal} makes equal steps"
        raise RecipeError([Problem(what, path, place)])
    if count == 1:
        return [low]
    if spacing == "log":
        inner = [low * (high / low) ** (i / (count - 1)) for i in range(1, count - 1)]
    elif isinstance(low, int) and isinstance(high, int) and (high - low) % (count - 1) == 0:
        inner = [low + i * ((high - low) // (count - 1)) for i in range(1, count - 1)]
    else:
        inner = [low + i * (high - low) / (count - 1) for i in range(1, count - 1)]
    return [low, *inner, high]


def _refuse_count(path: str, count: int, what: str, place: Place) -> None:
    if not 1 <= count <= LARGEST_GRID:
        raise RecipeError([Problem(f"{what}: expected 1 to {LARGEST_GRID}", path, place)])


def _label(value: Any, whole: bool = False) -> str:
    """A value in few letters; `whole` leaves nothing out."""
    if isinstance(value, dict):
        name, arguments = str(value.get("use", "")), {key: v for key, v in value.items() if key != "use"}
        if name and not (whole and arguments):
            return name
        return f"{name}({', '.join(_arguments(arguments, whole))})"
    if isinstance(value, list):
        return f"[{', '.join(_label(item, whole) for item in value)}]"
    if isinstance(value, float) and not whole:
        return f"{value:.4g}"
    return {True: "true", False: "false", None: "null"}.get(value, str(value)) if not _is_number(value) else str(value)


def _arguments(arguments: dict[str, Any], whole: bool) -> Iterator[str]:
    for key, value in arguments.items():
        yield f"{key}={_label(value, whole)}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


__all__ = ["COMMAND_LINE", "LARGEST_GRID", "VARIANTS", "Axis", "Point", "is_axis", "read_axis", "read_text"]
