"""`pushforward copy`: a recipe of one's own to begin with, from the installed one."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from pushforward.verbs import Verbs, add_recipe, add_verb

EXAMPLES = ("pushforward copy rings/gan", "pushforward copy rings/gan mine.yaml --force")
RELATIVE = re.compile(r"(?<![\w/])\.{1,2}/[\w./-]+")


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    parser = add_verb(verbs, "copy", "copy a recipe here, to change it", EXAMPLES, act)
    add_recipe(parser, overrides=False)
    parser.add_argument("file", metavar="FILE", nargs="?", type=Path, help="where to; by default, rings-gan.yaml here")
    parser.add_argument("--force", action="store_true", help="overwrite what is there")


def act(args: argparse.Namespace) -> None:
    """Copy the file, never over another unless told so."""
    from pushforward.problem import UserError
    from pushforward.recipe import find_recipe
    from pushforward.registry import Registry

    name, source = find_recipe(args.recipe, Registry(args.plugins).recipe_folders())
    file: Path = args.file or Path(f"{name.replace('/', '-')}.yaml")
    if file.is_dir():
        file = file / f"{name.replace('/', '-')}.yaml"
    text = source.read_bytes()
    try:
        with file.open("wb" if args.force else "xb") as stream:
            stream.write(text)
    except FileExistsError:
        raise UserError(f"{file} is there already: give another name, or --force to overwrite it") from None
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}") from None
    print(f"{file}: change it, then `pushforward run {file}`")
    for word in sorted(set(RELATIVE.findall(text.decode("utf-8", "replace")))):
        print(f"pushforward: note: it names {word}, which was meant from {source.parent}", file=sys.stderr)
