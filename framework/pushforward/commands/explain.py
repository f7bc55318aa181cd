"""`pushforward explain`: the resolved recipe, with the origin of every value."""

from __future__ import annotations

import argparse
import sys

from pushforward.printing import print_json
from pushforward.verbs import Verbs, add_json, add_recipe, add_verb

EXAMPLES = ("pushforward explain rings/gan", "pushforward explain rings/gan model.objective=hinge > hinge.yaml")


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    about = "Defaults are filled in, `extends` and overrides applied; what is printed is itself a recipe."
    parser = add_verb(verbs, "explain", "print a recipe with every value and where it comes from", EXAMPLES, act, about)
    add_recipe(parser)
    add_json(parser)


def act(args: argparse.Namespace) -> None:
    """Print the text that a run would keep as recipe.yaml."""
    from pushforward.check import plan_recipe
    from pushforward.explain import explain, resolved

    plan = plan_recipe(args.recipe, args.overrides, args.plugins)
    if args.json:
        print_json(resolved(plan))
    else:
        sys.stdout.write(explain(plan))
    for problem in plan.missing.problems if plan.missing else ():
        print(f"pushforward: warning: {problem}", file=sys.stderr)
