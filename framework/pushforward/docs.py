"""The tables of the documentation, made from what is registered: `python -m pushforward.docs` writes them."""

from __future__ import annotations

import inspect
import statistics
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from pushforward.check import BOUND
from pushforward.expected import read_expected
from pushforward.hooks import Hooks
from pushforward.nodes import parse
from pushforward.recipe import list_recipes
from pushforward.records import Kind
from pushforward.registry import Entry, Registry, own_recipes
from pushforward.signature import read_signature

OWN = "pushforward"  # the distribution whose components are listed; a stranger's plugin that is installed is not
END = "<!-- end -->"
ROOT = Path(__file__).resolve().parents[2]  # of the checkout


def main(words: list[str]) -> int:
    """Write every page that has changed; with `--check` only say which would."""
    made = pages(ROOT)
    changed = [path for path, text in made.items() if not path.is_file() or path.read_text("utf-8") != text]
    for path in changed:
        print(path.relative_to(ROOT))
        if "--check" not in words:
            path.write_text(made[path], encoding="utf-8")
    return 1 if changed and "--check" in words else 0


def pages(root: Path) -> dict[Path, str]:
    """Every page that holds a generated table, as it should be: `docs/components.md`, and those with markers."""
    registry = Registry()
    found = {
        root / "docs" / "components.md": components_page(registry),
        root / "docs" / "numbers.md": numbers_page(),
    }
    for path in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]:
        if path.is_file() and path not in found:
            text = path.read_text("utf-8")
            if any(f"<!-- {name} -->" in text for name in TABLES):
                found[path] = filled(text, registry, path.parent, root)
    return found


def filled(text: str, registry: Registry, folder: Path, root: Path) -> str:
    """The text with every table between its marker and the next end marker made anew."""
    for name, table in TABLES.items():
        before, marker, rest = text.partition(f"<!-- {name} -->")
        if marker:
            _, end, after = rest.partition(END)
            if not end:
                raise ValueError(f"<!-- {name} --> has no {END} behind it")
            way = "docs/" if folder == root else ""
            text = f"{before}{marker}\n{table(registry, way)}\n{end}{after}"
    return text


def numbers_page() -> str:
    """What every recipe reaches, beside what it is held to and what its control reaches."""
    lines = [
        "# Numbers of the recipes",
        "",
        "Measured on the test split by `make numbers`: means over seeds with the standard error of the mean, one thread"
        " each. A test holds every recipe to its bounds, its control to missing them, and these numbers to the recipe"
        " as it stands. The bounds are in `recipes/*/expected.yaml`, and so are the numbers of each seed.",
        "",
        "| recipe | number | held to | reached | control | seeds |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    every = read_expected([own_recipes()])
    for name, expected in every.items():
        if expected.published:
            continue
        runs = list(expected.measured.get("seeds", {}).values())
        controls = list(expected.measured.get("control", {}).values())
        for bound in expected.bounds:
            other = expected.counterpart(bound.name) if expected.controls_itself else ""
            control = _mean(
                [r[other] for r in runs if other in r] or [c[bound.name] for c in controls if bound.name in c]
            )
            reached = _mean([run[bound.name] for run in runs])
            lines.append(f"| `{name}` | {bound.name} | {bound} | {reached} | {control} | {len(runs)} |")
        seconds = _mean([run["seconds"] for run in runs])
        lines.append(f"| `{name}` | seconds | | {seconds} | control: {expected.control} | {len(runs)} |")
    lines += [
        "",
        "## Published, and not reproduced here",
        "",
        "These are set up as published and too large to be measured here. Tests hold them to the parameters of their"
        " networks and to a smoke run at full shape.",
        "",
        "| recipe | published | source | parameters |",
        "| --- | --- | --- | --- |",
    ]
    for name, expected in every.items():
        if known := expected.published:
            count = ", ".join(f"{player} {number:,}" for player, number in known["parameters"].items())
            lines.append(f"| `{name}` | {known['numbers']} | {known['source']} | {count} |")
    return "\n".join(lines) + "\n"


def _mean(values: list[float]) -> str:
    if not values:
        return ""
    mean = statistics.fmean(values)
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return f"{mean:.4g} ± {error:.2g}"


def components_page(registry: Registry) -> str:
    """All components by kind, with their arguments."""
    lines = [
        "# Components",
        "",
        "Everything that a recipe can name, by kind. `pushforward describe NAME` prints the manual of each; this page"
        " is written by `python -m pushforward.docs`.",
    ]
    for kind in registry.kinds.values():
        entries = _own(registry, kind.name)
        if entries:
            lines += ["", f"## {kind.name}", "", _about(kind), ""]
            rows = ((f"`{e.component.name}`", _summary(e), _arguments(e), e.component.paper) for e in entries)
            lines += [_table(("name", "what it is", "arguments", "reference"), rows)]
    return "\n".join(lines) + "\n"


def components_table(registry: Registry, way: str) -> str:
    """One row a kind, with the names of its components."""
    rows = (
        (f"[{kind.name}]({way}components.md#{kind.name})", kind.summary, ", ".join(f"`{n}`" for n in names))
        for kind in registry.kinds.values()
        if (names := [e.component.name for e in _own(registry, kind.name)])
    )
    return _table(("kind", "what it is", "names"), rows)


def hooks_table(registry: Registry, way: str) -> str:
    """One row a hook."""
    del registry
    rows = ((f"[`{name}`]({way}hooks/{name}.md)", _first_line(hook)) for name, hook in hooks().items())
    return _table(("hook", "what it is for"), rows)


def recipes_table(registry: Registry, way: str) -> str:
    """One row a recipe of the project."""
    del registry, way
    rows = []
    for name, path in list_recipes([own_recipes()]).items():
        about = parse(path.read_bytes(), str(path)).plain().get("about", "")
        rows.append((f"`{name}`", about))
    return _table(("recipe", "what it shows"), rows)


def hooks() -> dict[str, Callable[..., object]]:
    """Every hook, by name, in the order of its specification."""
    return {name: hook for name, hook in vars(Hooks).items() if inspect.isfunction(hook)}


TABLES: dict[str, Callable[[Registry, str], str]] = {
    "components": components_table,
    "hooks": hooks_table,
    "recipes": recipes_table,
}


def _own(registry: Registry, kind: str) -> list[Entry]:
    return [entry for entry in registry.entries(kind) if entry.plugin.distribution == OWN]


def _about(kind: Kind) -> str:
    adapted = "; any `network` fills its place, too" if kind.adapter else ""
    return f"{kind.summary[:1].upper()}{kind.summary[1:]}{adapted}."


def _summary(entry: Entry) -> str:
    gives = ", ".join(f"`{word}`" for word in entry.component.gives)
    return entry.component.summary + (f"; gives {gives}" if gives else "")


def _arguments(entry: Entry) -> str:
    parameters = read_signature(entry.component.at).parameters
    return ", ".join(
        f"`{name}`" if p.required else f"`{name}={p.default}`" for name, p in parameters.items() if name not in BOUND
    )


def _first_line(hook: Callable[..., object]) -> str:
    return (inspect.getdoc(hook) or "").partition("\n")[0]


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head), *(list(row) for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
