"""What every component of every kind keeps: a record, a signature and a manual that agree with the class."""

from __future__ import annotations

import ast
import inspect
import re
from typing import Any

from pushforward.check import BOUND
from pushforward.registry import load
from pushforward.schema import PLAIN, Plain
from pushforward.testing.subject import Subject, require

KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
CONTAINERS = {"Literal", "list", "tuple", "dict", "Optional"}


def is_registered_properly(subject: Subject) -> None:
    """A record has a name in kebab-case and a summary of one line"""
    record = subject.component
    require(KEBAB.fullmatch(record.name), f"the name is {record.name!r}")
    require(record.summary.strip() and "\n" not in record.summary, f"the summary is {record.summary!r}")


def has_its_role(subject: Subject) -> None:
    """A component is of the class that its kind asks for"""
    role = load(subject.registry.kinds[subject.kind].role)
    require(
        isinstance(subject.factory, type) and issubclass(subject.factory, role),
        f"{subject.factory!r} is no subclass of {role.__name__}",
    )


def reads_as_it_is(subject: Subject) -> None:
    """The signature read from the source is the one that Python sees"""
    seen = inspect.signature(subject.factory).parameters.values()
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    python = [(p.name, _hint(p.annotation), p.default) for p in seen if p.kind not in kinds]
    source = list(subject.signature.parameters.values())
    require(
        [p.keyword for p in source] == [name for name, _, _ in python],
        f"source {[p.keyword for p in source]}, Python {[name for name, _, _ in python]}",
    )
    for read, (name, hint, default) in zip(source, python, strict=True):
        require(_bare(read.hint) == hint, f"{name} is {read.hint!r} in the source and {hint!r} in Python")
        missing = default is inspect.Parameter.empty
        require(read.required == missing, f"{name} has a default in one of source and Python only")
        plain, value = read.literal()
        require(missing or (plain and value == default), f"the default of {name} is no plain value: {read.default}")


def has_plain_hints(subject: Subject) -> None:
    """Every argument of a recipe has a plain hint, or the name of a role"""
    known = {*PLAIN, *CONTAINERS, *subject.registry.role_kinds} - {"Any"}
    for name, parameter in subject.signature.parameters.items():
        if name in BOUND:
            continue
        require(parameter.hint, f"{name} has no type hint")
        tree = ast.parse(_bare(parameter.hint), mode="eval")
        words = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        strange = sorted(words - known)
        require(not strange, f"{name}: {parameter.hint} names {', '.join(strange)}, which no recipe can write")


def has_a_manual(subject: Subject) -> None:
    """The docstring says in one line what it does, and documents every argument and no other"""
    text, arguments = subject.signature.manual()
    require(subject.signature.docstring.strip(), "there is no docstring")
    first = text.strip().partition("\n")[0]
    require(first and len(first) <= 120, f"it does not begin with one line of text: {first!r}")
    missing = [name for name in subject.signature.parameters if not arguments.get(name) and name not in BOUND]
    require(not missing, f"nothing under Args: about {', '.join(missing)}")
    strange = sorted(set(arguments) - set(subject.signature.parameters))
    require(not strange, f"Args: describes {', '.join(strange)}, which the constructor does not take")


def keeps_its_numbers(subject: Subject) -> None:
    """Every float argument is kept under its own name, so that a schedule can move it"""
    made = subject.make()
    for name, parameter in subject.signature.parameters.items():
        hint = subject.shape_of(parameter)
        if name in BOUND or not (isinstance(hint, Plain) and hint.accepts(0.5)):
            continue
        require(hasattr(made, parameter.keyword), f"there is no attribute {parameter.keyword!r}")
        plain, value = parameter.literal()
        value = subject.examples.get(parameter.keyword, value)
        kept = getattr(made, parameter.keyword)
        require(not plain or kept == value, f"{parameter.keyword} is {kept!r} where {value!r} was given")


EVERY = (
    is_registered_properly,
    has_its_role,
    reads_as_it_is,
    has_plain_hints,
    has_a_manual,
    keeps_its_numbers,
)


class _Bare(ast.NodeTransformer):
    """`typing.Literal` and `Literal` are one hint."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        return ast.Name(node.attr)


def _bare(hint: str) -> str:
    return ast.unparse(_Bare().visit(ast.parse(hint, mode="eval"))) if hint else ""


def _hint(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return ""
    return _bare(annotation if isinstance(annotation, str) else inspect.formatannotation(annotation))
