"""`pushforward recipes`: what can be launched, read from the files alone."""

from __future__ import annotations

import argparse
from fnmatch import fnmatch
from pathlib import Path

from pushforward.printing import print_json, print_table
from pushforward.verbs import Verbs, add_json, add_plugin, add_verb

EXAMPLES = ("pushforward recipes", "pushforward recipes 'rings/*'")


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    parser = add_verb(verbs, "recipes", "list recipes, with what each one shows", EXAMPLES, act)
    text = "a part of a name, or one with * ? []"
    parser.add_argument("pattern", metavar="PATTERN", nargs="?", default="*", help=text)
    add_plugin(parser)
    add_json(parser)


def act(args: argparse.Namespace) -> None:
    """Print name and first sentence of each."""
    from pushforward.problem import UserError, did_you_mean
    from pushforward.recipe import list_recipes
    from pushforward.registry import Registry

    folders = Registry(args.plugins).recipe_folders()
    known = list_recipes(folders)
    found = {name: path for name, path in known.items() if matches(name, args.pattern)}
    if not found and args.pattern != "*":
        raise UserError(f"no recipe matches {args.pattern!r}{did_you_mean(args.pattern, known)}")
    rows = [(name, about(name, path, folders)) for name, path in found.items()]
    if args.json:
        files = [str(path) for path in found.values()]
        print_json([{"name": n, "about": a, "file": f} for (n, a), f in zip(rows, files, strict=True)])
    else:
        print_table(rows)


def matches(name: str, pattern: str) -> bool:
    """Whether a name fits a pattern; without wildcards, a part of the name is enough."""
    return fnmatch(name, pattern) if any(letter in pattern for letter in "*?[") else pattern in name


def about(name: str, path: Path, folders: list[Path]) -> str:
    """A recipe's sentence, or what keeps it from being read."""
    from pushforward.nodes import parse
    from pushforward.problem import UserError
    from pushforward.recipe import read_recipe

    try:
        lines = path.read_text("utf-8").splitlines()
        start = next((i for i, line in enumerate(lines) if line.startswith("about:")), None)
        if start is None:  # inherited, or not there
            found = read_recipe(name, folders).root.value.get("about")
        else:  # this key alone: the rest of the file is not worth its time here
            after = range(start + 1, len(lines))
            end = next((i for i in after if lines[i].strip() and not lines[i].startswith(" ")), len(lines))
            found = parse("\n".join(lines[start:end]), str(path)).value["about"]
        return "" if found is None else str(found.plain())
    except UserError as error:
        return f"(cannot be read: {error.problems[0]})"
    except (OSError, UnicodeDecodeError) as error:
        return f"(cannot be read: {error})"
