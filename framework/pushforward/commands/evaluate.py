"""`pushforward evaluate`: the measures of a run again, from its checkpoint."""

from __future__ import annotations

import argparse

from pushforward.printing import print_json
from pushforward.verbs import Verbs, add_json, add_run, add_verb

EXAMPLES = ("pushforward evaluate rings/gan", "pushforward evaluate runs/rings-gan-1 --split validation --json")


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    about = "Nothing is written: results.json keeps what the run itself measured."
    parser = add_verb(verbs, "evaluate", "measure a run again from its checkpoint", EXAMPLES, act, about)
    add_run(parser)
    parser.add_argument("--split", choices=("test", "validation"), default="test", help="held-out data (test)")
    add_json(parser)


def act(args: argparse.Namespace) -> None:
    """Measure and print."""
    from pushforward.find_run import find_run

    folder = find_run(args.run, args.runs)
    from pushforward.commands.run import print_measures
    from pushforward.public import open_run
    from pushforward.report.folder import read_folder

    run = open_run(folder)
    measures = run.measure(args.split)
    played = run.built.play.played
    if args.json:
        print_json({"folder": str(folder), "split": args.split, "rounds": played, "measures": measures})
        return
    print(f"{folder}: {args.split} data, round {played}" + ("" if measures else "; the recipe has no measures"))
    print_measures({name: dict(numbers) for name, numbers in measures.items()}, read_folder(folder).recipe)
