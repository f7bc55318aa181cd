"""`pushforward check`: every mistake of a recipe in one go, before anything is imported or read."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from pushforward.printing import print_json
from pushforward.problem import UserError
from pushforward.verbs import Verbs, add_json, add_recipe, add_verb

EXAMPLES = ("pushforward check rings/gan", "pushforward check rings/gan model.penalties.0.weight=1 --json")


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    about = "Mistakes are printed one a line, with file, line and column. Data that are absent are only a warning."
    parser = add_verb(verbs, "check", "find every mistake of a recipe", EXAMPLES, act, about)
    add_recipe(parser)
    add_json(parser)


def act(args: argparse.Namespace) -> int:
    """Print ok, or leave with all problems."""
    from pushforward.check import plan_recipe

    try:
        plan = plan_recipe(args.recipe, args.overrides, args.plugins)
    except UserError as error:
        if not args.json:
            raise
        print_json({"recipe": args.recipe, "ok": False, "problems": [as_data(p) for p in error.problems]})
        return error.status
    used = [f"{planned.slot} {planned.component.name}" for planned in plan.components()]
    warnings = [str(problem) for problem in plan.missing.problems] if plan.missing else []
    if args.json:
        data: dict[str, Any] = {"recipe": plan.name, "ok": True, "file": str(plan.recipe.file), "components": used}
        data |= {"rounds": plan.value("rounds"), "batch": plan.value("batch"), "warnings": warnings}
        print_json(data | ({"cells": len(plan.grid)} if plan.grid else {}))
        return 0
    given = sum(len(part.arguments) for planned in plan.components() for part in planned.parts)
    print(f"ok: {plan.name}: {len(used)} components and {given} arguments fit together")
    print(f"  {', '.join(dict.fromkeys(used))}")
    if plan.metadata:
        print(f"  data of shape {plan.metadata.shape}{_classes(plan.metadata.classes)}{_sizes(plan.metadata.sizes)}")
    if plan.grid:
        axes = [f"{axis.path} ({len(axis.points)})" for axis in plan.grid.axes]
        print(f"  the first of {len(plan.grid)} cells, over {', '.join(axes)}")
    print(f"  {plan.value('rounds')} rounds with batches of {plan.value('batch')}")
    for warning in warnings:
        print(f"pushforward: warning: {warning}; a run would stop here", file=sys.stderr)
    return 0


def as_data(problem: Any) -> dict[str, Any]:
    """A problem for programs."""
    place = problem.place
    where = {"file": place.file, "line": place.line, "column": place.column} if place else {"file": None}
    return where | {"path": problem.path, "what": problem.what}


def _classes(classes: int | None) -> str:
    return f" in {classes} classes" if classes else ""


def _sizes(sizes: Any) -> str:
    return ", " + ", ".join(f"{size} {split}" for split, size in sizes.items()) + " rows" if sizes else ", endless"
