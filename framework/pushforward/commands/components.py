"""`pushforward components`: everything that a recipe can name, and who offers it."""

from __future__ import annotations

import argparse

from pushforward.printing import print_json, print_table
from pushforward.verbs import Verbs, add_json, add_plugin, add_verb

EXAMPLES = ("pushforward components penalty", "pushforward components 'wasserstein*' --json")


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    parser = add_verb(verbs, "components", "list what recipes can name", EXAMPLES, act)
    parser.add_argument("kind", metavar="KIND", nargs="?", help="a kind, such as penalty; or a pattern, for all kinds")
    parser.add_argument("pattern", metavar="PATTERN", nargs="?", help="a part of a name, or one with * ? []")
    add_plugin(parser)
    add_json(parser)


def act(args: argparse.Namespace) -> None:
    """Print kind, name, plugin and summary of each."""
    from pushforward.commands.recipes import matches
    from pushforward.problem import UserError, did_you_mean
    from pushforward.registry import Registry

    registry = Registry(args.plugins)
    kind, pattern = args.kind, args.pattern
    if pattern is None and kind is not None and kind not in registry.kinds:
        kind, pattern = None, kind
    if kind is not None and kind not in registry.kinds:
        raise UserError(f"there is no kind {kind!r}{did_you_mean(kind, registry.kinds)}")
    found = [e for e in registry.entries(kind) if matches(e.component.name, pattern or "*")]
    if not found and pattern is not None:
        known = {e.component.name for e in registry.entries(kind)} | (set() if kind else set(registry.kinds))
        raise UserError(f"no {kind or 'component'} matches {pattern!r}{did_you_mean(pattern, known)}")
    rows = [(e.component.kind, e.component.name, e.plugin.name, e.component.summary) for e in found]
    if args.json:
        fields = ("kind", "name", "plugin", "summary", "paper")
        print_json([dict(zip(fields, (*r, e.component.paper), strict=True)) for r, e in zip(rows, found, strict=True)])
    else:
        print_table(rows, ("kind", "name", "plugin", "summary"))
