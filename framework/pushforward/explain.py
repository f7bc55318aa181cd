"""The resolved recipe as text: every value with its origin, and itself a valid recipe."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pushforward.nodes import Node, is_plain_string
from pushforward.plan import Plan, Planned, is_inner, plain
from pushforward.problem import Place

WIDTH = 58  # where origins begin


def explain(plan: Plan) -> str:
    """The resolved recipe: defaults filled in, `extends` and overrides applied, origins as comments.

    A grid stays as it is written, since cells may replace what the defaults belong to.
    """
    root = plan.recipe.root
    if plan.grid is not None:
        root = plan.grid.recipe.root
        ordered = sorted(root.value.items(), key=lambda item: item[0] == "sweep")
        return "\n".join(line for key, node in ordered for line in _written(key, node, 0)) + "\n"
    lines = [*_top(root, "about", plan.about), *_top(root, "plugins", None), *_top(root, "seed", plan.seed)]
    for key, planned in (("target", plan.target), ("model", plan.model), ("budget", plan.budget)):
        lines += _entry(key, planned, planned.place, 0)
    for key, several in (("measure", plan.measures), ("watch", plan.watchers), ("track", plan.trackers)):
        if several:
            lines += _entry(key, several, None, 0)
    lines += [*_top(root, "trainer", None), *_top(root, "sweep", None)]
    return "\n".join(lines) + "\n"


def resolved(plan: Plan) -> dict[str, Any]:
    """The same as plain data."""
    if plan.grid is not None:
        return dict(plan.grid.recipe.root.plain())
    root = plan.recipe.root.plain()
    data: dict[str, Any] = {"about": plan.about, "seed": plan.seed}
    data |= {key: root[key] for key in ("plugins", "trainer", "sweep") if root.get(key)}
    data |= {"target": plain(plan.target), "model": plain(plan.model), "budget": plain(plan.budget)}
    several = (("measure", plan.measures), ("watch", plan.watchers), ("track", plan.trackers))
    return data | {key: plain(items) for key, items in several if items}


def _top(root: Node, key: str, default: Any) -> Iterator[str]:
    node = root.value.get(key)
    value = node.plain() if node is not None else default
    if value is not None:
        yield _line(f"{key}: {scalar(value)}", _origin(node.place) if node is not None else "default")


def _entry(key: str, value: Any, place: Place | None, depth: int) -> Iterator[str]:
    """`key: value`, over as many lines as it takes."""
    pad = "  " * depth
    if isinstance(value, Planned):
        yield f"{pad}{key}:"
        yield from _component(value, depth + 1)
    elif isinstance(value, list) and any(isinstance(item, Planned) for item in value):
        yield f"{pad}{key}:"
        for item in value:
            first, *rest = _component(item, depth + 2)
            yield (
                f"{pad}  - {first.strip()}"
                if "#" not in first
                else _line(f"{pad}  - {first.partition('#')[0].strip()}", first.partition("# ")[2])
            )
            yield from rest
    elif isinstance(value, dict) and any(isinstance(item, Planned) for item in value.values()):
        yield f"{pad}{key}:"
        for name, item in value.items():
            yield from _entry(name, item, place, depth + 1)
    else:
        yield _line(f"{pad}{key}: {scalar(value)}", _origin(place) if place else "default")


def _written(key: str, node: Node, depth: int) -> Iterator[str]:
    """A value as it stands, with its origin; mappings over several lines down to the second level."""
    pad = "  " * depth
    if node.is_mapping and node.value and depth < 2:
        yield f"{pad}{scalar(key)}:"
        for name, item in node.value.items():
            yield from _written(name, item, depth + 1)
    else:
        yield _line(f"{pad}{scalar(key)}: {scalar(node.plain())}", _origin(node.place))


def _component(planned: Planned, depth: int) -> Iterator[str]:
    pad = "  " * depth
    yield _line(f"{pad}use: {scalar(planned.component.name)}", _origin(planned.place))
    for part in planned.parts:
        for name, parameter in part.signature.parameters.items():
            if parameter.keyword in part.bound or is_inner(part, planned, name):
                continue
            if parameter.keyword in part.arguments:
                value = part.arguments[parameter.keyword]
                yield from _entry(name, value, part.origins.get(parameter.keyword), depth)
            elif (default := parameter.literal())[0]:
                yield from _entry(name, default[1], None, depth)


def scalar(value: Any, flow: bool = False) -> str:
    """A plain value as YAML reads it back; `flow` where it stands between brackets."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(str(k), True)}: {scalar(v, True)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(scalar(item, True) for item in value) + "]"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(repr(value), repr(value))
    if isinstance(value, int):
        return repr(value)
    text = str(value) if not isinstance(value, Path) else value.as_posix()
    return text if is_plain_string(text, flow) else json.dumps(text, ensure_ascii=False)


def _line(text: str, origin: str) -> str:
    return f"{text:<{WIDTH}} # {origin}"


def _origin(place: Place) -> str:
    return f"{place.file}:{place.line}" if place.line else place.file
