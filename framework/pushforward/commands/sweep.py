"""`pushforward sweep`: play a recipe over a grid of values, and say what came of every cell."""

from __future__ import annotations

import argparse
from typing import Any

from pushforward.commands import run
from pushforward.printing import print_table
from pushforward.problem import UserError
from pushforward.verbs import Verbs, add_recipe, add_verb

EXAMPLES = (
    "pushforward sweep rings/gan seed=0:3 model.penalties.0.weight=.01,.1,1 budget.rounds=500",
    "pushforward sweep rings/gan model.optimizer.lr=1e-4..1e-2/5 --resume",
)
MOST_ROWS = 40  # printed; the report has more, cells.csv all


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    about = (
        "A word with several values is an axis of the grid: a comma list (key=.1,1), whole numbers from a up to b\n"
        "without b (seed=0:5), or n numbers in equal ratios a..b/n (key=.01..10/16). A word with one value is an\n"
        "override.\n"
        "Axes of the recipe's own `sweep` stay, unless a word names the same path."
    )
    parser = add_verb(verbs, "sweep", "play a recipe over a grid of values", EXAMPLES, act, about)
    add_recipe(parser)
    run.add_options(parser)


def act(args: argparse.Namespace) -> None:
    """Split the words, play, and print the end of it."""
    from pushforward.check import plan_recipe
    from pushforward.grid import split_words

    overrides, axes = split_words(args.overrides)
    plan = plan_recipe(args.recipe, overrides, args.plugins, axes=axes)
    if plan.grid is None:
        raise UserError(f"recipe {plan.name!r} sweeps nothing: give several values to a path, such as seed=0:5")
    run.play(args, overrides, axes, plan)


def print_grid(results: dict[str, Any]) -> None:
    """The verdict, what was measured over all cells, and a line for each cell or its repeats."""
    groups = results["groups"]
    names = list(results["measures"])[:4]
    rows = [
        (
            group["label"] or "all",
            *(_with_error(group["measures"].get(name, {})) for name in names),
            f"{group['failed']} failed" if group["failed"] else "",
        )
        for group in groups[:MOST_ROWS]
    ]
    print_table(rows, header=("cell", *names, ""), indent="  ")
    if len(groups) > MOST_ROWS:
        print(f"  and {len(groups) - MOST_ROWS} more in cells.csv")


def _with_error(numbers: dict[str, Any]) -> str:
    from pushforward.report.rounding import with_error

    return with_error(numbers.get("value"), numbers.get("standard_error"))
