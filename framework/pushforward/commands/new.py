"""`pushforward new`: a plugin to begin with, which installs and passes its own tests."""

from __future__ import annotations

import argparse
from pathlib import Path

from pushforward.verbs import Verbs, add_verb

EXAMPLES = ("pushforward new plugin my-losses", "pushforward new plugin my-losses --folder ../plugins")


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    about = "It is a package with one component, a recipe and tests that pass."
    parser = add_verb(verbs, "new", "write a plugin to begin with", EXAMPLES, act, about)
    parser.add_argument("what", choices=("plugin",), help="what to write")
    parser.add_argument("name", metavar="NAME", help="its name, such as my-losses")
    parser.add_argument("--folder", type=Path, default=Path(), help="where its folder is made (here)")


def act(args: argparse.Namespace) -> None:
    """Write it and say what to do next."""
    from pushforward.scaffold import new_plugin

    folder = new_plugin(args.name, args.folder)
    print(f"{folder}: `pip install -e {folder}`, then `pushforward plugins` lists it")
