"""`pushforward describe`: the manual of a component or a kind, from its own docstring and signature."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any

from pushforward.printing import print_json, print_table
from pushforward.verbs import Verbs, add_json, add_plugin, add_verb

if TYPE_CHECKING:
    from pushforward.registry import Entry, Registry

EXAMPLES = ("pushforward describe r1", "pushforward describe measure wasserstein")


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    about = "Of a kind, it says where it may stand in a recipe and what can fill it."
    parser = add_verb(verbs, "describe", "explain a component or a kind", EXAMPLES, act, about)
    parser.add_argument("words", metavar="NAME", nargs="+", help="a component's name, KIND NAME, or a kind")
    parser.set_defaults(rest="words")
    add_plugin(parser)
    add_json(parser)


def act(args: argparse.Namespace) -> None:
    """Print every manual that is meant."""
    from pushforward.manual import component_manual, kind_manual
    from pushforward.problem import UserError
    from pushforward.registry import Registry

    registry = Registry(args.plugins)
    if len(args.words) > 2:
        raise UserError(f"describe: expected NAME, KIND or KIND NAME, got {' '.join(args.words)!r}")
    kind = registry.kinds.get(args.words[0]) if len(args.words) == 1 else None
    if kind is not None:
        manual = kind_manual(kind, registry)
        if args.json:
            print_json(manual)
            return
        print_kind(manual)
        for other in registry.elsewhere(kind.name):
            print(f"\nthere is a {other} of that name, too: `pushforward describe {other} {kind.name}`")
        return
    manuals = [component_manual(entry, registry) for entry in find(args.words, registry)]
    if args.json:
        print_json(manuals[0] if len(manuals) == 1 else manuals)
        return
    for i, manual in enumerate(manuals):
        if i:
            print()
        print_component(manual)


def find(words: list[str], registry: Registry) -> list[Entry]:
    """The components that are meant by NAME or KIND NAME.

    Raises:
        UserError: if there is none, with the nearest one.
    """
    from pushforward.problem import PluginError, UserError, did_you_mean

    *kinds, name = words
    for kind in kinds:
        if kind not in registry.kinds:
            raise UserError(f"there is no kind {kind!r}{did_you_mean(kind, registry.kinds)}")
    bare = name.rpartition("/")[2]
    found = [registry.find(kind, name) for kind in (kinds or registry.elsewhere(bare))]
    entries = [entry for entry in found if entry is not None]
    if entries:
        return entries
    for plugin in registry.plugins:
        if plugin.state != "loaded" and bare in plugin.offers:
            raise PluginError(f"{name!r} comes from plugin {plugin.name!r}, which is {plugin.state}: {plugin.reason}")
    if kinds:
        known = registry.names(kinds[0])
        elsewhere = registry.elsewhere(bare)
        hint = f"; there is a {elsewhere[0]} of that name" if elsewhere else did_you_mean(name, known)
        raise UserError(f"there is no {kinds[0]} {name!r}{hint or ': there are ' + (', '.join(known) or 'none')}")
    known = [*registry.kinds, *(entry.component.name for entry in registry.entries())]
    raise UserError(f"there is no component or kind {name!r}{did_you_mean(name, known)}")


def print_component(manual: dict[str, Any]) -> None:
    """A component's manual as text."""
    print(f"{manual['kind']} {manual['name']}: {manual['summary']}")
    print(f"from plugin {manual['plugin']} ({manual['distribution']} {manual['version']}".rstrip() + ")")
    _print_text(manual["text"])
    _print_arguments("arguments", manual["arguments"])
    for heading, arguments in manual["beside"].items():
        _print_arguments(f"arguments {heading}, given beside", arguments)
    print(f"\nin a recipe\n  {manual['example']}")
    facts = [
        ("follows from the data", ", ".join(manual["bound"])),
        ("paper", manual["paper"]),
        ("gives", ", ".join(manual["gives"])),
        ("needs", "; ".join(f"{owner} with {' and '.join(words)}" for owner, words in manual["needs"].items())),
        ("holds", ", ".join(manual["holds"])),
        ("source", manual["at"]),
    ]
    print()
    print_table([fact for fact in facts if fact[1]])


def print_kind(manual: dict[str, Any]) -> None:
    """A kind's manual as text."""
    print(f"kind {manual['kind']}: {manual['summary']}")
    _print_text(manual["text"])
    if manual["slots"]:
        print("\nwhere it may stand")
        for slot in manual["slots"]:
            print(f"  {slot}")
    if manual["default"]:
        print(f"\nwithout `use` it is {manual['default']}")
    for heading, arguments in manual["beside"].items():
        _print_arguments(f"arguments {heading}", arguments)
    print("\nwhat can fill it")
    print_table([(c["name"], c["kind"], c["plugin"], c["summary"]) for c in manual["components"]], indent="  ")


def _print_arguments(heading: str, arguments: list[dict[str, Any]]) -> None:
    print(f"\n{heading}" if arguments else f"\n{heading}: none")
    rows = [(a["name"], a["hint"] or "anything", _default(a), a["description"]) for a in arguments]
    print_table(rows, indent="  ")


def _print_text(text: str) -> None:
    if text:
        print("\n" + re.sub(r"^\.\. math:: ?", "    ", text, flags=re.MULTILINE))


def _default(argument: dict[str, Any]) -> str:
    return "required" if argument["required"] else f"= {argument['default']}"
