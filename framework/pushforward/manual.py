"""The manual of a component or kind as data: its text, arguments, slots and an example, read from source alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from pushforward.check import BOUND
from pushforward.explain import scalar
from pushforward.problem import PluginError
from pushforward.records import Kind
from pushforward.registry import Entry, Registry
from pushforward.schema import DictOf, ListOf, OneOf, Plain, Shape, Slot, in_words, read_hint
from pushforward.signature import Parameter, Signature, read_signature

TOP = {
    "target": "target",
    "model": "model",
    "budget": "budget",
    "measure": "measure",
    "watcher": "watch",
    "tracker": "track",
}
LISTS = ("measure", "watcher", "tracker")
SHOWN = 2  # arguments with defaults that an example shows


def component_manual(entry: Entry, registry: Registry) -> dict[str, Any]:
    """All that is known of a component without importing it.

    Raises:
        PluginError: if its source is not there.
    """
    component, kind = entry.component, registry.kinds[entry.component.kind]
    signature = read_signature(component.at)
    beside = {}
    if kind.wrapper:
        beside["of every " + kind.name] = read_arguments(read_signature(kind.wrapper), inner=True)
    if kind.name == "network":
        for other in registry.kinds.values():
            if other.adapter:
                beside["as " + other.name] = read_arguments(read_signature(other.adapter), inner=True)
    return {
        "kind": component.kind,
        "name": component.name,
        "plugin": entry.plugin.name,
        "distribution": entry.plugin.distribution,
        "version": entry.plugin.version,
        "at": component.at,
        "summary": component.summary,
        "text": signature.manual()[0],
        "arguments": read_arguments(signature),
        "bound": [name for name in signature.parameters if name in BOUND],
        "beside": beside,
        "paper": component.paper,
        "gives": sorted({*component.gives, *kind.gives}),
        "needs": {argument: list(words) for argument, words in component.needs.items()},
        "holds": list(component.holds),
        "example": example(entry, registry),
    }


def kind_manual(kind: Kind, registry: Registry) -> dict[str, Any]:
    """What a kind is, where it may stand, and what can fill it."""
    fill = registry.entries(kind.name) + (registry.entries("network") if kind.adapter else [])
    return {
        "kind": kind.name,
        "summary": kind.summary,
        "role": kind.role,
        "text": _text(kind.role),
        "default": kind.default,
        "gives": list(kind.gives),
        "slots": [f"{owner}: {name} ({hint})" for owner, name, hint in slots(kind.name, registry)],
        "beside": {
            heading: read_arguments(read_signature(at), inner=True)
            for heading, at in ((f"of every {kind.name}", kind.wrapper), ("beside a network in it", kind.adapter))
            if at
        },
        "components": [
            {"kind": c.kind, "name": c.name, "plugin": entry.plugin.name, "summary": c.summary}
            for entry in fill
            for c in (entry.component,)
        ],
    }


def read_arguments(signature: Signature, inner: bool = False) -> list[dict[str, Any]]:
    """Arguments that a recipe may give, in the constructor's order.

    Args:
        signature: of a constructor.
        inner: whether its first argument is the component that it is put around.
    """
    _, described = signature.manual()
    names = [name for i, name in enumerate(signature.parameters) if name not in BOUND and not (inner and i == 0)]
    return [
        {
            "name": name,
            "hint": in_words(signature.parameters[name].hint),
            "default": signature.parameters[name].default,
            "required": signature.parameters[name].required,
            "description": described.get(name, ""),
        }
        for name in names
    ]


def slots(kind: str, registry: Registry) -> Iterator[tuple[str, str, str]]:
    """Where a kind may stand: (owner, argument, hint); the owner of a recipe's own keys is `recipe`."""
    if kind in TOP:
        yield "recipe", TOP[kind], f"list of {kind}s" if kind in LISTS else kind
    if kind == "schedule":
        yield "anything", "any argument that is a float", "float"
    sources = {k.wrapper: f"every {k.name}" for k in registry.kinds.values() if k.wrapper}
    sources |= {k.adapter: f"a network as {k.name}" for k in registry.kinds.values() if k.adapter}
    for entry in registry.entries():
        sources.setdefault(entry.component.at, f"{entry.component.kind} {entry.component.name}")
    words = {word for word, named in registry.role_kinds.items() if named == kind}
    if kind == "network":
        words = {k.role_name for k in registry.kinds.values() if k.adapter}
    for at, owner in sources.items():
        try:
            parameters = read_signature(at).parameters.items()
        except PluginError:
            continue
        for i, (name, parameter) in enumerate(parameters):
            inner = i == 0 and not owner.startswith(tuple(registry.kinds))
            if name not in BOUND and not inner and words & _words(parameter.hint):
                yield owner, name, parameter.hint


def example(entry: Entry, registry: Registry) -> str:
    """A recipe's line with this component; words in capitals are to be filled in."""
    component = entry.component
    parts = [f"use: {component.name}"]
    for name, parameter in read_signature(component.at).parameters.items():
        if name in BOUND:
            continue
        shown = len(parts) - 1
        if parameter.required:
            parts.append(f"{name}: {_placeholder(parameter, registry)}")
        elif parameter.literal()[0] and parameter.literal()[1] not in (None, "", [], {}) and shown < SHOWN:
            parts.append(f"{name}: {scalar(parameter.literal()[1])}")
    value = component.name if len(parts) == 1 else "{" + ", ".join(parts) + "}"
    if component.kind == "schedule":
        return f"lr: {value}"
    _, key, hint = next(slots(component.kind, registry), ("", component.kind, ""))
    several = component.kind in LISTS or _is_list(read_hint(hint, registry.role_kinds))
    return f"{key}: [{value}]" if several else f"{key}: {value}"


def _placeholder(parameter: Parameter, registry: Registry) -> str:
    shape = read_hint(parameter.hint, registry.role_kinds)
    several = _is_list(shape)
    while isinstance(shape, OneOf | ListOf | DictOf):
        shape = shape.options[0] if isinstance(shape, OneOf) else shape.element
    if isinstance(shape, Slot):
        kind = registry.kinds[shape.kind]
        names = registry.names(shape.kind) + (registry.names("network") if kind.adapter else [])
        if names:
            best = kind.default or ("mlp" if "mlp" in names else names[0])
            return f"[{best}]" if several else best
    return parameter.name.upper()


def _is_list(shape: Shape) -> bool:
    options = shape.options if isinstance(shape, OneOf) else (shape,)
    slotted = [option for option in options if not isinstance(option, Plain)]
    return bool(slotted) and all(isinstance(option, ListOf) for option in slotted)


def _words(hint: str) -> set[str]:
    try:
        tree = ast.parse(hint, mode="eval")
    except SyntaxError:
        return set()
    nodes = list(ast.walk(tree))
    return {n.id for n in nodes if isinstance(n, ast.Name)} | {n.attr for n in nodes if isinstance(n, ast.Attribute)}


def _text(at: str) -> str:
    try:
        return read_signature(at).manual()[0]
    except PluginError:
        return ""
