"""`pushforward show`: a recipe's text, as it is written."""

from __future__ import annotations

import argparse
import sys

from pushforward.verbs import Verbs, add_recipe, add_verb

EXAMPLES = ("pushforward show rings/gan", "pushforward show rings/gan > mine.yaml")


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    about = "`explain` shows it with every default and origin."
    add_recipe(add_verb(verbs, "show", "print a recipe as it is written", EXAMPLES, act, about), overrides=False)


def act(args: argparse.Namespace) -> None:
    """Print the file."""
    from pushforward.recipe import find_recipe
    from pushforward.registry import Registry

    _, path = find_recipe(args.recipe, Registry(args.plugins).recipe_folders())
    sys.stdout.write(path.read_text("utf-8", errors="replace"))
