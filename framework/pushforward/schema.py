"""Type hints as a schema: the source of a hint becomes a shape that recipe values are checked against."""

from __future__ import annotations

import ast
import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Union

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, TypeAdapter, ValidationError

PLAIN: dict[str, Any] = {
    "bool": bool, "int": int, "float": float, "str": str, "Path": Path, "None": None, "Any": Any,
    "NonNegativeFloat": NonNegativeFloat, "NonNegativeInt": NonNegativeInt,
    "PositiveFloat": PositiveFloat, "PositiveInt": PositiveInt,
}  # fmt: skip
WORDS = {
    "NonNegativeFloat": "float >= 0",
    "NonNegativeInt": "int >= 0",
    "PositiveFloat": "float > 0",
    "PositiveInt": "int > 0",
}
_CHOICE = re.compile(r"Literal\[(.*?)\]")
_BOUNDED = re.compile("|".join(sorted(WORDS, key=len, reverse=True)))


@dataclass(frozen=True)
class Plain:
    """A plain type, checked by pydantic in strict mode: no string is a number, no number a string."""

    hint: Any
    text: str

    def accepts(self, value: Any) -> bool:
        """Whether a value read from YAML fits."""
        try:
            _adapter(self.hint).validate_json(json.dumps(value), strict=True)
        except (ValidationError, TypeError, ValueError):
            return False
        return True

    def convert(self, value: Any) -> Any:
        """The value as the constructor gets it: paths are paths, tuples are tuples."""
        return _adapter(self.hint).validate_json(json.dumps(value), strict=True)


@dataclass(frozen=True)
class Slot:
    """A component of a kind."""

    kind: str
    text: str


@dataclass(frozen=True)
class ListOf:
    """A list or tuple whose elements are, or hold, components."""

    element: Shape
    text: str


@dataclass(frozen=True)
class DictOf:
    """A mapping from strings to what are, or hold, components."""

    element: Shape
    text: str


@dataclass(frozen=True)
class OneOf:
    """Any of several shapes."""

    options: tuple[Shape, ...]
    text: str


Shape = Plain | Slot | ListOf | DictOf | OneOf


def read_hint(source: str, kinds: dict[str, str]) -> Shape:
    """The shape of a hint; `kinds` maps the class names of roles to kinds. What is not known is taken as anything."""
    if not source:
        return Plain(Any, "anything")
    try:
        tree = ast.parse(source, mode="eval").body
    except SyntaxError:
        return Plain(Any, "anything")
    return _shape(tree, kinds)


def _shape(tree: ast.expr, kinds: dict[str, str]) -> Shape:
    text = in_words(ast.unparse(tree))
    if isinstance(tree, ast.Constant) and isinstance(tree.value, str):
        return read_hint(tree.value, kinds)
    if not any(_name(part) in kinds for part in ast.walk(tree)):
        return Plain(_plain(tree), text)
    if _name(tree) in kinds:
        return Slot(kinds[_name(tree)], text)
    if isinstance(tree, ast.BinOp):
        return OneOf((*_options(_shape(tree.left, kinds)), *_options(_shape(tree.right, kinds))), text)
    if isinstance(tree, ast.Subscript):
        outer, inner = _name(tree.value), tree.slice
        first = inner.elts[0] if isinstance(inner, ast.Tuple) else inner
        if outer in ("list", "List", "tuple", "Tuple", "Sequence", "Iterable"):
            return ListOf(_shape(first, kinds), text)
        if outer in ("dict", "Dict", "Mapping") and isinstance(inner, ast.Tuple):
            return DictOf(_shape(inner.elts[1], kinds), text)
        if outer == "Optional":
            return OneOf((*_options(_shape(first, kinds)), Plain(None, "None")), text)
    return Plain(Any, text)


def _options(shape: Shape) -> tuple[Shape, ...]:
    return shape.options if isinstance(shape, OneOf) else (shape,)


def _name(tree: ast.AST) -> str:
    return tree.id if isinstance(tree, ast.Name) else tree.attr if isinstance(tree, ast.Attribute) else ""


def _plain(tree: ast.expr) -> Any:
    """The Python type of a hint that names no role; what is not plain is anything."""
    if isinstance(tree, ast.Constant) and tree.value is None:
        return None
    if isinstance(tree, ast.BinOp):
        return Union[_plain(tree.left), _plain(tree.right)]  # noqa: UP007
    if isinstance(tree, ast.Subscript):
        outer, inner = _name(tree.value), tree.slice
        parts = list(inner.elts) if isinstance(inner, ast.Tuple) else [inner]
        if outer == "Literal":
            return Literal[tuple(ast.literal_eval(part) for part in parts)]
        if outer in ("list", "List", "Sequence"):
            return list[_plain(parts[0])]  # type: ignore[misc]
        if outer in ("dict", "Dict", "Mapping") and len(parts) == 2:
            return dict[str, _plain(parts[1])]  # type: ignore[misc]
        if outer in ("tuple", "Tuple"):
            types = tuple(... if _is_dots(part) else _plain(part) for part in parts)
            return tuple[types]  # type: ignore[valid-type]
        if outer == "Optional":
            return Union[_plain(parts[0]), None]  # noqa: UP007
        return Any
    return PLAIN.get(_name(tree), {"list": list, "dict": dict, "tuple": tuple}.get(_name(tree), Any))


def _is_dots(tree: ast.expr) -> bool:
    return isinstance(tree, ast.Constant) and tree.value is ...


def in_words(hint: str) -> str:
    """The source of a hint as people write it: `float >= 0`, and `one of auto, exact` for a choice of words."""
    return _CHOICE.sub(_choice, _BOUNDED.sub(lambda found: WORDS[found[0]], hint))


def _choice(found: re.Match[str]) -> str:
    options = [str(option) for option in ast.literal_eval(f"({found[1]},)")]
    return options[0] if len(options) == 1 else f"one of {', '.join(options)}"


@functools.cache
def _adapter(hint: Any) -> TypeAdapter[Any]:
    return TypeAdapter(hint)
