"""What a component's constructor takes and says, read from its source: nothing is imported."""

from __future__ import annotations

import ast
import functools
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import griffe

from pushforward.problem import PluginError

FOREIGN = {"abc", "torch", "torchmetrics", "pytorch_lightning", "typing", "builtins"}  # bases without recipe arguments


@dataclass(frozen=True)
class Parameter:
    """One constructor argument.

    Args:
        name: as a recipe writes it: a trailing underscore (`from_`) is dropped.
        keyword: as Python writes it.
        hint: the source of its type hint; empty where there is none.
        default: the source of its default; None where it is required.
    """

    name: str
    keyword: str
    hint: str
    default: str | None

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is None

    def literal(self) -> tuple[bool, Any]:
        """Whether the default is a plain value, and which."""
        try:
            return True, ast.literal_eval(self.default or "")
        except (ValueError, SyntaxError):
            return False, None


@dataclass(frozen=True)
class Signature:
    """A constructor and its manual.

    Args:
        parameters: by name.
        docstring: the class's docstring, dedented.
        file: where it stands.
    """

    parameters: dict[str, Parameter]
    docstring: str
    file: Path

    def manual(self) -> tuple[str, dict[str, str]]:
        """The text before the arguments, and each argument's description."""
        text, arguments = "", {}
        for section in griffe.Docstring(self.docstring).parse("google", warnings=False):
            if section.kind is griffe.DocstringSectionKind.text and not text:
                text = str(section.value)
            elif section.kind is griffe.DocstringSectionKind.parameters:
                arguments = {item.name.rstrip("_"): item.description for item in section.value}
        return text, arguments


def read_signature(at: str) -> Signature:
    """The signature of ``"module:attribute"``, or of ``"/path/file.py:attribute"``.

    Raises:
        PluginError: if the module or the attribute is not there, or the file is not Python.
    """
    module, _, attribute = at.rpartition(":")
    return _read(module, attribute)


@functools.cache
def _read(module: str, attribute: str) -> Signature:
    member = _find(module, attribute)
    found = member.module
    docstring = member.docstring.value if member.docstring else ""
    owner = _constructor(member) if member.is_class else member
    parameters = {}
    for p in owner.parameters if owner is not None else ():
        if p.name in ("self", "cls") or p.kind in (
            griffe.ParameterKind.var_positional,
            griffe.ParameterKind.var_keyword,
        ):
            continue
        name = p.name.rstrip("_")
        hint = "" if p.annotation is None else str(p.annotation)
        parameters[name] = Parameter(name, p.name, hint, None if p.default is None else str(p.default))
    return Signature(parameters, docstring, Path(str(found.filepath)))


def _find(module: str, attribute: str) -> Any:
    """A member of a module, through re-exports."""
    found = _visit(module)
    if attribute not in found.members:
        raise PluginError(f"there is no {attribute!r} in {found.filepath}")
    member: Any = found.members[attribute]
    if not member.is_alias:
        return member
    target, _, name = str(member.target_path).rpartition(".")
    return _find(target, name)


def _constructor(member: Any) -> Any:
    """The `__init__` of a class or of the nearest base whose source is at hand."""
    if "__init__" in member.members:
        return member.members["__init__"]
    for base in member.bases:
        name = str(base).partition("[")[0]
        beside = member.module.members.get(name)
        if (
            beside is not None and not beside.is_alias and beside.is_class
        ):  # in the same file, which need be no module that can be imported
            if (found := _constructor(beside)) is not None:
                return found
            continue
        try:
            path = member.module.resolve(name)
        except griffe.NameResolutionError:
            continue
        if path.partition(".")[0] in FOREIGN:
            continue
        module, _, attribute = path.rpartition(".")
        try:
            parent = _find(module, attribute)
        except PluginError:
            continue
        if parent.is_class and (found := _constructor(parent)) is not None:
            return found
    return None


@functools.cache
def _visit(module: str) -> griffe.Module:
    path = source_of(module)
    try:
        return griffe.visit(Path(module).stem if module.endswith(".py") else module, path, path.read_text("utf-8"))
    except (SyntaxError, UnicodeDecodeError) as error:
        raise PluginError(f"{path}: not Python: {error}") from None


def source_of(module: str) -> Path:
    """The file of a module, found without importing its package.

    Raises:
        PluginError: if there is none.
    """
    if module.endswith(".py"):
        return Path(module)
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        raise PluginError(f"there is no module {top!r}")
    if not rest:
        return Path(str(spec.origin))
    for root in spec.submodule_search_locations or ():
        stem = Path(root, *rest)
        for path in (stem.with_suffix(".py"), stem / "__init__.py"):
            if path.is_file():
                return path
    raise PluginError(f"there is no module {module!r}")
