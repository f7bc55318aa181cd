"""`pushforward plugins`: what is installed, and what would not load and why."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pushforward.printing import print_json, print_table
from pushforward.verbs import Parser, Verbs, add_json, add_plugin, add_verb

if TYPE_CHECKING:
    from pushforward.registry import Registry

EXAMPLES = ("pushforward plugins", "pushforward plugins --plugin my_loss.py --json")


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    about = "The exit status is 3 if one is broken or refused; the others work nevertheless."
    parser = add_verb(verbs, "plugins", "list plugins and how they fared", EXAMPLES, act, about)
    add_plugin(parser)
    add_json(parser)


def act(args: argparse.Namespace) -> int:
    """Print name, version, distribution, state and reason of each, and names that several offer."""
    from pushforward.problem import DONE, PLUGIN
    from pushforward.registry import Registry

    registry = Registry(args.plugins)
    try_hooks(registry)
    conflicts = registry.conflicts()
    fields = ("name", "version", "distribution", "state", "reason")
    rows = [tuple(str(getattr(plugin, field)) for field in fields) for plugin in registry.plugins]
    if args.json:
        print_json({"plugins": [dict(zip(fields, row, strict=True)) for row in rows], "conflicts": conflicts})
    else:
        print_table(rows, fields)
        for conflict in conflicts:
            print(f"conflict: {conflict}; say which in recipes, as plugin/name")
    return DONE if all(plugin.state == "loaded" for plugin in registry.plugins) else PLUGIN


def try_hooks(registry: Registry) -> None:
    """Ask the hooks that need no run, so that one that raises is noticed."""
    registry.recipe_folders()
    verbs = Parser(prog="pushforward").add_subparsers()
    for _ in registry.ask("commands", verbs=verbs):
        pass
