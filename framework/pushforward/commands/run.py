"""`pushforward run`: play a recipe, then say where the report is and what it says."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from pushforward.find_run import newest_since
from pushforward.printing import print_json, print_table
from pushforward.problem import FAILED, INTERRUPTED
from pushforward.verbs import Verbs, add_json, add_recipe, add_verb

EXAMPLES = ("pushforward run rings/gan budget.rounds=1000 seed=1", "pushforward run rings/gan --resume")


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    about = "The first interrupt finishes the round and saves; --resume goes on from there as if nothing had been."
    parser = add_verb(verbs, "run", "play a recipe and write its report", EXAMPLES, act, about)
    add_recipe(parser)
    parser.add_argument("--resume", action="store_true", help="go on with the newest unfinished run of this recipe")
    parser.add_argument("--smoke", action="store_true", help="three rounds, everything else real")
    parser.add_argument("--quiet", action="store_true", help="no progress line")
    parser.add_argument("--out", metavar="FOLDER", type=Path, default=Path("runs"), help="where runs are made (runs)")
    add_json(parser)


def act(args: argparse.Namespace) -> None:
    """Run, and print the end of it."""
    from pushforward.check import plan_recipe

    plan = plan_recipe(args.recipe, args.overrides, args.plugins)  # mistakes are told before torch is waited for
    if plan.missing is not None:
        raise plan.missing
    from pushforward.runner import is_first_process, run_recipe

    began = time.time()
    try:
        folder = run_recipe(
            args.recipe,
            args.overrides,
            plugins=args.plugins,
            out=args.out,
            resume=args.resume,
            smoke=args.smoke,
            quiet=args.quiet,
        )
    except Exception as error:
        told = getattr(error, "status", FAILED) in (FAILED, INTERRUPTED) and is_first_process()
        left = newest_since(args.out, began) if told else None
        if left is not None:
            print(f"pushforward: see {left / 'report.html'}", file=sys.stderr)
        raise
    if is_first_process():
        print_end(folder, args.json)


def print_end(folder: Path, json: bool = False) -> None:
    """Where the report is, the verdict, and the measures on test data."""
    from pushforward.report.folder import read_folder

    run = read_folder(folder)
    if json:
        print_json({"folder": str(folder), "report": str(folder / "report.html"), **run.results})
        return
    print(folder / "report.html")
    if run.verdict:
        print(f"verdict: {run.verdict.get('state', '?')}: {run.verdict.get('why', '')}")
        if run.verdict.get("remedy"):
            print(f"remedy: {run.verdict['remedy']}")
    print_measures(run.measures)


def print_measures(measures: dict[str, dict[str, object]]) -> None:
    """A line each: the value with its standard error, then the numbers that belong to it."""
    from pushforward.report.rounding import short, with_error

    own = ("value", "standard_error")
    print_table(
        [
            (
                name,
                with_error(numbers.get("value"), numbers.get("standard_error")),
                ", ".join(f"{key} {short(value)}" for key, value in numbers.items() if key not in own),
            )
            for name, numbers in measures.items()
        ],
        indent="  ",
    )
