"""YAML text as nodes that know where they stand; the traps of YAML are closed here."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from pushforward.problem import Place, Problem, RecipeError

LARGEST = 256 * 1024  # bytes; a recipe is about twenty lines
DEEPEST = 40


@dataclass
class Node:
    """A value of a recipe with its place.

    Args:
        value: a scalar, a mapping of nodes, or a list of nodes.
        place: where it is written.
        keys: where each key of a mapping is written.
    """

    value: Any
    place: Place
    keys: dict[str, Place] = field(default_factory=dict)

    @property
    def is_mapping(self) -> bool:
        """Whether it has keys."""
        return isinstance(self.value, dict)

    @property
    def is_list(self) -> bool:
        """Whether it has elements."""
        return isinstance(self.value, list)

    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def copy(self) -> Node:
        """A copy that may be changed."""
        if isinstance(self.value, dict):
            return Node({key: node.copy() for key, node in self.value.items()}, self.place, dict(self.keys))
        if isinstance(self.value, list):
            return Node([node.copy() for node in self.value], self.place)
        return Node(self.value, self.place)


class _Loader(yaml.SafeLoader):
    """YAML 1.2's idea of a scalar: 2e-4 is a number; yes, no, on, off and dates are strings."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


for _tag, _pattern, _first in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?[0-9][0-9_]*$", list("-+0123456789")),
    (
        "float",
        r"^(?:[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        list("-+.0123456789"),
    ),
    ("merge", r"^(?:<<)$", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def is_plain_string(text: str, flow: bool = False) -> bool:
    """Whether YAML reads this text, unquoted, as the same string; in flow style, between brackets, a comma ends it."""
    if flow and "," in text:
        return False
    if not re.fullmatch(r"[A-Za-z_./][\w./*-]*(?: [\w./*(-][\w./*,;()'-]*)*\.?", text):
        return False
    tag = _Loader("").resolve(yaml.ScalarNode, text, (True, False))
    return bool(tag == "tag:yaml.org,2002:str")


def parse(text: str | bytes, file: str) -> Node:
    """Nodes of a YAML text.

    Raises:
        RecipeError: with every duplicate key, or the place where the text stops being YAML.
    """
    if len(text) > LARGEST:
        raise RecipeError([Problem(f"too large for a recipe: {len(text)} bytes, at most {LARGEST}", place=Place(file))])
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            message = f"not a text file: byte {error.start} is not UTF-8"
            raise RecipeError([Problem(message, place=Place(file))]) from None
    if text.strip() and _brackets(text) > DEEPEST:
        raise RecipeError([Problem(f"nested deeper than {DEEPEST} levels", place=Place(file))])
    try:
        documents = list(yaml.compose_all(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        raise RecipeError([Problem(f"not YAML: {error.problem or error.context}", place=place)]) from None
    except (yaml.YAMLError, ValueError) as error:
        raise RecipeError([Problem(f"not YAML: {_first_line(error)}", place=Place(file))]) from None
    except RecursionError:
        raise RecipeError([Problem(f"nested deeper than {DEEPEST} levels", place=Place(file))]) from None
    if len(documents) > 1:
        raise RecipeError([Problem("holds several YAML documents: expected one", place=Place(file))])
    if not documents or documents[0] is None:
        return Node({}, Place(file, 1, 1))
    reader = _Reader(file)
    node = reader.read(documents[0], "", 0)
    if reader.problems:
        raise RecipeError(reader.problems)
    return node


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.count = 0
        self._scalars = _Loader("")

    def read(self, node: yaml.Node, path: str, depth: int) -> Node:
        place = Place(self.file, node.start_mark.line + 1, node.start_mark.column + 1)
        self.count += 1
        if depth > DEEPEST or self.count > 20_000:  # aliases can make a small text a huge tree
            raise RecipeError([Problem("too deeply nested, or too large once its aliases are followed", path, place)])
        if not isinstance(node, yaml.ScalarNode) and node.tag.rpartition(":")[2] not in ("map", "seq"):
            self.problems.append(Problem(f"the tag {node.tag!r} is not taken here", path, place))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, place, depth)
        if isinstance(node, yaml.SequenceNode):
            items = [self.read(item, f"{path}.{i}".lstrip("."), depth + 1) for i, item in enumerate(node.value)]
            return Node(items, place)
        return Node(self._scalar(node, path, place), place)

    def _mapping(self, node: yaml.MappingNode, path: str, place: Place, depth: int) -> Node:
        values: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        for key_node, value_node in node.value:
            where = Place(self.file, key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append(Problem("a key is a word, not a list or mapping", path, where))
                continue
            key = str(key_node.value)
            below = f"{path}.{key}".lstrip(".")
            if key in values:
                first = keys[key]
                self.problems.append(Problem(f"duplicate key, first given on line {first.line}", below, where))
                continue
            keys[key] = where
            values[key] = self.read(value_node, below, depth + 1)
        return Node(values, place, keys)

    def _scalar(self, node: yaml.Node, path: str, place: Place) -> Any:
        tag = node.tag.rpartition(":")[2]
        if tag not in ("str", "int", "float", "bool", "null"):
            self.problems.append(Problem(f"the tag {node.tag!r} is not taken here", path, place))
            return None
        try:
            return _convert(tag, node.value)
        except ValueError:
            self.problems.append(Problem(f"{node.value!r} is no {tag}", path, place))
            return None


def _convert(tag: str, text: str) -> Any:
    if tag == "null":
        return None
    if tag == "bool":
        return text.lower() == "true"
    if tag == "int":
        return int(text.replace("_", ""))
    if tag == "float":
        text = text.replace("_", "").lower()
        return float(text.replace(".inf", "inf").replace(".nan", "nan"))
    return text


def _brackets(text: str) -> int:
    """How deep flow brackets nest, counted before the parser recurses."""
    deepest = depth = 0
    for character in text:
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
