"""`pushforward compare`: runs side by side, where their recipes differ and what came of it."""

from __future__ import annotations

import argparse

from pushforward.printing import print_json
from pushforward.verbs import Verbs, add_json, add_run, add_verb

EXAMPLES = ("pushforward compare runs/rings-gan-1 runs/rings-gan-2", "pushforward compare rings/gan rings/flow --json")


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    parser = add_verb(verbs, "compare", "show runs side by side", EXAMPLES, act)
    add_run(parser, several=True)
    add_json(parser)


def act(args: argparse.Namespace) -> None:
    """Print one column a run."""
    from pushforward.find_run import find_run
    from pushforward.report.compare import as_data, compare_table

    folders = [find_run(word, args.runs) for word in args.run]
    if args.json:
        print_json(as_data(folders))
    else:
        print(compare_table(folders))
