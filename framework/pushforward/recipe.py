"""A recipe: from its name to one tree of located values, with `extends` and overrides applied."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pushforward.folder import read_json
from pushforward.nodes import Node, parse
from pushforward.problem import Place, Problem, RecipeError, did_you_mean

COMMAND_LINE = Place("command line")
EXPECTED = "expected.yaml"  # beside recipes: their numbers, and no recipe itself


@dataclass
class Recipe:
    """A recipe as written, before anything in it is checked.

    Args:
        name: `target/idea`, or the stem of its file.
        root: its values, with `extends` and overrides applied.
        file: where it was read.
    """

    name: str
    root: Node
    file: Path


def find_recipe(name: str, folders: Sequence[Path], beside: Path | None = None) -> tuple[str, Path]:
    """The name and file of a recipe, by name or by path; `beside` is the file that a path is relative to.

    Raises:
        RecipeError: if there is none, with the nearest name.
    """
    if len(name) > 250:
        raise RecipeError(f"there is no recipe {name[:40] + '...'!r}: the name is {len(name)} characters long")
    looks_like_path = name.endswith((".yaml", ".yml")) or name.startswith((".", "/", "~")) or os.sep * 2 in name
    path = Path(name).expanduser()
    if beside is not None and not path.is_absolute():
        path = beside.parent / path
    if looks_like_path or (path.is_file() and path.suffix in (".yaml", ".yml")):
        if path.is_dir():
            raise RecipeError(f"{name} is a folder: expected a recipe file")
        if not path.is_file():
            raise RecipeError(f"there is no recipe file {path}")
        return _own_name(path), path
    for folder in folders:
        candidate = folder / f"{name}.yaml"
        if candidate.is_file() and candidate.name != EXPECTED:
            return name, candidate
    known = list_recipes(folders)
    raise RecipeError(f"there is no recipe {name!r}{did_you_mean(name, known)} (`pushforward recipes` lists them)")


def _own_name(path: Path) -> str:
    """The stem of a recipe's file; of the one that a run has kept, what that run was made of."""
    beside = path.parent / "environment.json"
    if path.name == "recipe.yaml" and beside.is_file():
        return str(read_json(beside).get("recipe", path.stem))
    return path.stem


def list_recipes(folders: Iterable[Path]) -> dict[str, Path]:
    """Every recipe by name; an earlier folder's goes before a later one's."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.glob("*/*.yaml")):
            if path.name != EXPECTED:
                found.setdefault(path.relative_to(folder).with_suffix("").as_posix(), path)
    return dict(sorted(found.items()))


def read_recipe(name: str, folders: Sequence[Path], overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe with all that it extends, then apply overrides such as ``model.optimizer.lr=1e-3``.

    Raises:
        RecipeError: with all mistakes that the text itself shows.
    """
    name, path = find_recipe(name, folders)
    root = _read_file(path, folders, [])
    problems: list[Problem] = []
    for override in overrides:
        problem = apply_override(root, override)
        if problem is not None:
            problems.append(problem)
    if problems:
        raise RecipeError(problems)
    _absolute_plugins(root, Path.cwd() / "command line")
    return Recipe(name, root, path)


def _read_file(path: Path, folders: Sequence[Path], above: list[Path]) -> Node:
    shown = _shown(path)
    if path.resolve() in above:
        circle = " -> ".join(_shown(p) for p in [*above[above.index(path.resolve()) :], path])
        raise RecipeError(f"recipes extend each other in a circle: {circle}")
    try:
        with path.open("rb") as stream:
            text = stream.read(1 << 20)
    except OSError as error:
        raise RecipeError(f"{shown}: cannot be read: {error.strerror}") from None
    root = parse(text, shown)
    if not root.is_mapping:
        raise RecipeError([Problem("a recipe is a mapping of keys to values", place=root.place)])
    if not root.value:
        raise RecipeError([Problem("the recipe is empty", place=Place(shown))])
    _absolute_plugins(root, path)
    extends = root.value.pop("extends", None)
    if extends is None:
        return root
    if not isinstance(extends.value, str):
        raise RecipeError([Problem("expected the name of one recipe", "extends", extends.place)])
    try:
        _, base_path = find_recipe(extends.value, folders, beside=path)
    except RecipeError as error:
        raise RecipeError([Problem(error.problems[0].what, "extends", extends.place)]) from None
    return merge(_read_file(base_path, folders, [*above, path.resolve()]), root)


def _absolute_plugins(root: Node, path: Path) -> None:
    """Local plugins are named relative to the recipe; the resolved recipe must work from anywhere."""
    plugins = root.value.get("plugins")
    if plugins is None:
        return
    for item in plugins.value if plugins.is_list else [plugins]:
        if isinstance(item.value, str) and item.value.startswith(("./", "../")):
            item.value = str((path.parent / item.value).resolve())


def merge(base: Node, top: Node) -> Node:
    """`top` over `base`: mappings merge, lists are replaced, and another `use` replaces the whole component."""
    if top.is_mapping and isinstance(base.value, str) and "use" not in top.value:
        base = Node({"use": Node(base.value, base.place)}, base.place, {"use": base.place})
    if not (base.is_mapping and top.is_mapping):
        return top
    if "use" in top.value and top.value["use"].value is None:  # nothing of the base is kept
        kept = {key: node for key, node in top.value.items() if key != "use"}
        return Node(kept, top.place, {key: top.keys.get(key, top.place) for key in kept})
    if "use" in top.value and top.value["use"].plain() != base.plain().get("use"):
        return top
    merged = Node(dict(base.value), base.place, dict(base.keys))
    for key, node in top.value.items():
        merged.value[key] = merge(base.value[key], node) if key in base.value else node
        merged.keys[key] = top.keys.get(key, node.place)
    return merged


def apply_override(root: Node, override: str) -> Problem | None:
    """Set one value in place; what is wrong with the override is given back."""
    path, equals, text = override.partition("=")
    path = path.strip()
    if not equals or not all(path.split(".")):
        return Problem(f"override {override!r}: expected key=value, such as model.optimizer.lr=1e-3", "", COMMAND_LINE)
    try:
        value = parse(text, "command line") if text.strip() else Node(None, COMMAND_LINE)
    except RecipeError as error:
        return Problem(f"override {override!r}: {error.problems[0].what}", path, COMMAND_LINE)
    relocate(value, COMMAND_LINE)
    return set_value(root, path, value)


def set_value(root: Node, path: str, value: Node) -> Problem | None:
    """Put a value at a dotted path, where mappings merge; keys that it makes stand where the value is written."""
    keys = path.split(".")
    node = root
    for depth, key in enumerate(keys[:-1]):
        node, problem = _step(node, key, ".".join(keys[: depth + 1]), value.place)
        if problem is not None:
            return problem
    return _set(node, keys[-1], value, path)


def relocate(node: Node, place: Place) -> None:
    """Let a value and all in it be written at one place."""
    node.place = place
    node.keys = dict.fromkeys(node.keys, place)
    for below in node.value.values() if node.is_mapping else node.value if node.is_list else ():
        relocate(below, place)


def _step(node: Node, key: str, path: str, place: Place) -> tuple[Node, Problem | None]:
    """One level down, making what is not there."""
    if node.is_list:
        index, problem = _index(node, key, path, place)
        return (node.value[index], None) if problem is None else (node, problem)
    _as_mapping(node)
    if not node.is_mapping:
        return node, Problem(f"there is nothing below {node.value!r}", path, place)
    if key not in node.value or node.value[key].value is None:
        node.value[key] = Node({}, place)
        node.keys.setdefault(key, place)
    return node.value[key], None


def _set(node: Node, key: str, value: Node, path: str) -> Problem | None:
    if node.is_list:
        index, problem = _index(node, key, path, value.place)
        if problem is None:
            node.value[index] = merge(node.value[index], value)
        return problem
    _as_mapping(node)
    if not node.is_mapping:
        return Problem(f"there is nothing below {node.value!r}", path, value.place)
    if key == "use" and "use" in node.value and node.value["use"].plain() != value.plain():
        node.value.clear()
        node.keys.clear()
    node.value[key] = merge(node.value[key], value) if key in node.value and value.is_mapping else value
    node.keys[key] = value.place
    return None


def _as_mapping(node: Node) -> None:
    """A bare name stands for `{use: name}`."""
    if isinstance(node.value, str):
        node.value = {"use": Node(node.value, node.place)}
        node.keys = {"use": node.place}


def _index(node: Node, key: str, path: str, place: Place) -> tuple[int, Problem | None]:
    if key.isdigit() and int(key) < len(node.value):
        return int(key), None
    return 0, Problem(
        f"{key!r} is no element of a list of {len(node.value)}: expected 0 to {len(node.value) - 1}"
        if node.value
        else f"{key!r} is no element of an empty list",
        path,
        place,
    )


def _shown(path: Path) -> str:
    """The path as a user would write it from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
