"""`pushforward run`: play a recipe, then say where the report is and what it says."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pushforward.find_run import newest_since
from pushforward.printing import print_json, print_table
from pushforward.problem import FAILED, INTERRUPTED
from pushforward.verbs import Parser, Verbs, add_json, add_recipe, add_verb

if TYPE_CHECKING:
    from pushforward.plan import Plan

EXAMPLES = ("pushforward run rings/gan budget.rounds=1000 seed=1", "pushforward run rings/gan --resume")


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    about = "The first interrupt finishes the round and saves; --resume goes on from there as if nothing had been."
    parser = add_verb(verbs, "run", "play a recipe and write its report", EXAMPLES, act, about)
    add_recipe(parser)
    add_options(parser)


def add_options(parser: Parser) -> None:
    """How something is played, whatever it is."""
    parser.add_argument("--resume", action="store_true", help="go on with the newest unfinished run of this recipe")
    parser.add_argument("--smoke", action="store_true", help="three rounds, everything else real")
    parser.add_argument("--quiet", action="store_true", help="no progress line")
    parser.add_argument("--out", metavar="FOLDER", type=Path, default=Path("runs"), help="where runs are made (runs)")
    add_json(parser)


def act(args: argparse.Namespace) -> None:
    """Run, and print the end of it."""
    from pushforward.check import plan_recipe

    plan = plan_recipe(args.recipe, args.overrides, args.plugins)  # mistakes are told before torch is waited for
    play(args, args.overrides, (), plan)


def play(args: argparse.Namespace, overrides: Sequence[str], axes: Sequence[str], plan: Plan) -> None:
    """Play what was checked, a single run or a grid, and print the end of it."""
    if plan.missing is not None:
        raise plan.missing
    from pushforward.runner import is_first_process, run_recipe

    began = time.time()
    try:
        folder = run_recipe(
            args.recipe,
            overrides,
            plugins=args.plugins,
            out=args.out,
            resume=args.resume,
            smoke=args.smoke,
            quiet=args.quiet,
            axes=axes,
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
    print_measures(run.measures, run.recipe)
    if "cells" in run.results:
        from pushforward.commands.sweep import print_grid

        print_grid(run.results)


def print_measures(measures: dict[str, dict[str, object]], recipe: dict[str, Any]) -> None:
    """A line each: the value with its standard error, then the numbers that belong to it; then what is doubted."""
    from pushforward.report.estimates import called
    from pushforward.report.rounding import beside, with_error

    own = ("value", "standard_error", "warning")
    print_table(
        [
            (
                called(name, numbers, recipe),
                with_error(numbers.get("value"), numbers.get("standard_error")),
                ", ".join(f"{key} {beside(key, numbers)}" for key in numbers if key not in own),
            )
            for name, numbers in measures.items()
        ],
        indent="  ",
    )
    for name, numbers in measures.items():
        if numbers.get("warning"):
            print(f"  warning: {name}: {numbers['warning']}")
