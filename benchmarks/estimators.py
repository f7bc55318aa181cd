"""Every target against every estimator, at one budget and over several seeds: a table for docs/log_z.md.

Run: python benchmarks/estimators.py [target ...] [--seeds 5] [--budget 1000000] [--only ESTIMATOR ...]
A row holds the median over seeds; the table between its two marks in docs/log_z.md is replaced where a row was measured
again, and other rows stay. The flow of `flow-importance-sampling` and the field of `neis` are fitted to the density
within the budget; the row of `neis, trained` holds the measured numbers of a recipe, whose field was trained before.
"""

from __future__ import annotations

import argparse
import functools
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

import pushforward
from pushforward import Draw, Estimate, Estimator, Target, UserError
from pushforward.expected import read_expected
from pushforward.numerics.weights import FEWEST
from pushforward.registry import own_recipes

PAGE = Path(__file__).parents[1] / "docs" / "log_z.md"
BEGIN, END = "<!-- estimators -->", "<!-- end -->"
HEAD = (
    "| target | log Z | estimator | error | claimed | held | ess | k-hat | doubted | U | gradients | seconds |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
)

# the scale of the base law, and the arguments that a target wants
TARGETS: dict[str, tuple[float, dict[str, Any]]] = {
    "two-modes": (1.0, {}),
    "four-modes": (1.0, {}),
    "funnel-ball": (1.0, {}),
    "funnel": (1.0, {}),
    "narrow-rings": (3.0, {}),
    "gmm40": (25.0, {}),
    "student-mixture": (1.0, {}),
    "many-well": (1.0, {}),
    "ising": (1.0, {}),
    "diabetes": (1.0, {}),
    "breast-cancer": (1.0, {}),
    "ionosphere": (1.0, {}),
    "sonar": (1.0, {}),
}
EASE = {"many-well": 0.98, "diabetes": 0.95}  # the share that stays effective, where temperatures must be close
FIELDS = {  # recipes that train a field for a target
    "two-modes": "two-modes/neis",
    "four-modes": "four-modes/neis",
    "funnel-ball": "funnel/neis",
}
HELPED = ("two-modes", "four-modes", "student-mixture")  # whose modes are apart
LINEAR = ("ising", "diabetes", "breast-cancer", "ionosphere", "sonar")  # of one mode
FIT_SEEDS = 5  # a fit takes seconds, and not tenths of one


class FittedFlow(Estimator):
    """Two fifths of the budget fit a flow to the density by the reverse divergence, and the others are its weights."""

    def __init__(self, scale: float, batch: int = 400) -> None:
        self.scale, self.batch = scale, batch

    def estimate(self, target: Target, budget: int, draw: Draw) -> Estimate:
        """The weights of the fitted flow, at the cost of both."""
        kind = pushforward.component
        rounds = int(0.4 * budget) // (2 * self.batch)  # one U and one gradient for each sample
        wide = Scaled(target, self.scale)
        with torch.random.fork_rng():
            torch.manual_seed(draw.seed)
            flow = kind("flow", "nsf")(target.shape, transforms=4, coupling=True)
        game = kind("model", "reverse-kl")(wide, flow)
        optimizer = torch.optim.Adam(flow.parameters(), lr=2e-3)
        fall = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, rounds)
        for i in range(rounds):
            optimizer.zero_grad()
            game.costs(("flow",), Draw(draw.seed, ("fit", i), self.batch))["flow"]["reverse-kl"].backward()
            torch.nn.utils.clip_grad_norm_(flow.parameters(), 1.0)
            optimizer.step()
            fall.step()
        weigh = kind("estimator", "flow-importance-sampling")(flow.eval())
        found = weigh.estimate(wide, budget - 2 * rounds * self.batch, draw)
        return replace(
            found,
            evaluations=found.evaluations + rounds * self.batch,
            gradient_evaluations=rounds * self.batch,
        )


class FittedField(Estimator):
    """Half of the budget trains a velocity, and the other half is walkers.

    The gradient field of the paper's examples is trained on the second moment of weights by steps of one length; a
    linear one, for targets of one mode, on the mean of -log A by Adam.
    """

    def __init__(self, scale: float, linear: bool, helped: bool) -> None:
        self.scale, self.linear = scale, linear
        self.assist = 0.3 if helped else 0.0

    def estimate(self, target: Target, budget: int, draw: Draw) -> Estimate:
        """The weights of the trained field, at the cost of both."""
        kind, wide = pushforward.component, Scaled(target, self.scale)
        with torch.random.fork_rng():
            torch.manual_seed(draw.seed)
            if self.linear:
                velocity = kind("velocity-field", "linear-field")(target.shape)
            else:
                velocity = kind("velocity-field", "gradient-field")(target.shape, width=60)
        if self.linear:
            game = kind("model", "neis")(velocity, wide, steps=2, start=0.0, stepper="exact", loss="log-weight")
            optimizer, batch = torch.optim.Adam(velocity.parameters()), 100
        else:
            game = kind("model", "neis")(velocity, wide, steps=12, start=0.0)
            optimizer, batch = kind("optimizer", "normalised-descent")().in_place(velocity.parameters()), 200
        spent, done = torch.zeros(2), 0.0
        while done < 1:
            game.assist = self.assist * max(0.0, 1 - done / 0.75)
            optimizer.param_groups[0]["lr"] = 0.1 * (1 - done) if self.linear else 0.5 / (1 + 4 * done)
            cost = game.costs(("velocity",), Draw(draw.seed, ("fit", int(spent[0])), batch))["velocity"]
            optimizer.zero_grad()
            cost[game.loss].backward()
            torch.nn.utils.clip_grad_norm_(velocity.parameters(), 1.0)
            optimizer.step()
            spent += torch.stack([cost["~evaluations"], cost["~gradients"]])
            done = float(spent.sum()) / (budget / 2)
        found = game.estimate(wide, budget - int(spent.sum()), draw)
        evaluations, gradients = (int(count) for count in spent)
        return replace(
            found,
            evaluations=found.evaluations + evaluations,
            gradient_evaluations=found.gradient_evaluations + gradients,
        )


class Scaled(Target):
    """A target in units of a length, with the same log Z."""

    def __init__(self, target: Target, scale: float) -> None:
        self.target, self.scale, self.shape = target, scale, tuple(target.shape)
        self.volume = math.prod(self.shape) * math.log(scale)

    def log_density(self, x: torch.Tensor) -> torch.Tensor:
        """The density of a point, times the volume of a unit."""
        return self.target.log_density(self.scale * x) + self.volume

    def score(self, x: torch.Tensor) -> torch.Tensor:
        """The slope of that."""
        return self.scale * self.target.score(self.scale * x)


def estimators(name: str) -> dict[str, Estimator]:
    """The estimators a target is given to; reverse annealing where it can be sampled."""
    scale, ease = TARGETS[name][0], EASE.get(name, 0.9)
    make: dict[str, dict[str, Any]] = {
        "importance-sampling": {},
        "annealed-importance-sampling": {"temperatures": 200},
        "reverse-annealed-importance-sampling": {"temperatures": 200},
        "sequential-monte-carlo": {"ess": ease},
        "bridge-sampling": {"ess": ease},
    }
    kind = pushforward.component
    made = {key: kind("estimator", key)(scale=scale, **arguments) for key, arguments in make.items()}
    fitted = {"flow-importance-sampling": FittedFlow(scale), "neis": FittedField(scale, name in LINEAR, name in HELPED)}
    return {**made, **fitted}


def truth(target: Target) -> tuple[float, float]:
    """log Z and how far it is known: exactly, or as an estimate of its own."""
    if target.log_z is not None:
        return target.log_z, 0.0
    return getattr(target, "log_z_reference", None) or (math.nan, math.nan)


def measured(name: str, estimator: Estimator, target: Target, budget: int, seeds: int) -> list[Estimate] | str:
    """An estimate for each seed, or why there is none."""
    found = []
    try:
        for seed in range(seeds):
            began = time.process_time()
            one = estimator.estimate(target, budget, Draw(seed, ("benchmark", name), 1))
            found.append(replace(one, seconds=time.process_time() - began))
        return found
    except TypeError:  # it cannot be sampled
        return "needs samples of the target"
    except (UserError, pushforward.RunFailed) as error:
        return str(error)


def of_recipe(name: str) -> list[Estimate] | str:
    """What was measured of the recipe that trains a field for a target."""
    expected = read_expected([own_recipes()]).get(FIELDS[name])
    seeds = expected.measured.get("seeds", {}) if expected is not None else {}
    if not seeds:
        return "-"  # not measured yet
    return [
        Estimate(
            numbers["log-z"],
            numbers["log-z/standard_error"],
            (numbers["log-z/low"], numbers["log-z/high"]),
            *(numbers[f"log-z/{key}"] for key in ("ess", "khat", "n", "non_finite", "evaluations")),
            int(numbers.get("log-z/gradient_evaluations", 0)),
            numbers["seconds"],
            "heavy" if numbers["log-z/khat"] > 0.7 or numbers["log-z/ess"] * numbers["log-z/n"] < FEWEST else "",
        )
        for numbers in seeds.values()
    ]


def row(name: str, label: str, found: list[Estimate] | str, known: tuple[float, float]) -> str:
    """A line of the table."""
    value, spread = known
    said = f"{value:.6g}" if spread == 0 else f"{value:.3f} ± {spread:.3f}"
    if isinstance(found, str):
        return f"| {name} | {said} | {label} | {found} |" + " |" * 8

    def middle(pick: Any) -> float:
        return statistics.median(pick(e) for e in found)

    held = sum(e.interval[0] - 2 * spread <= value <= e.interval[1] + 2 * spread for e in found)
    cells = (
        f"{middle(lambda e: abs(e.log_z - value)):.2g}",
        f"{middle(lambda e: (e.interval[1] - e.interval[0]) / 2):.2g}",
        f"{held} of {len(found)}",
        f"{middle(lambda e: e.ess):.2g}",
        f"{middle(lambda e: e.khat):.2f}",
        f"{sum(bool(e.warning) for e in found)} of {len(found)}",
        f"{middle(lambda e: e.evaluations):.0f}",
        f"{middle(lambda e: e.gradient_evaluations):.0f}",
        f"{middle(lambda e: e.seconds):.2g}",
    )
    return f"| {name} | {said} | {label} | " + " | ".join(cells) + " |"


def write(rows: dict[tuple[str, str], str]) -> None:
    """Put the rows into the page, in the order of the targets."""
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    table, after = rest.split(END, 1)
    known = {tuple(cell.strip() for cell in line.split("|")[1:4:2]): line for line in table.strip().splitlines()[2:]}
    known |= rows
    order = list(TARGETS)
    lines = sorted(known, key=lambda key: order.index(key[0]) if key[0] in order else len(order))
    PAGE.write_text(f"{before}{BEGIN}\n" + "\n".join([*HEAD, *(known[key] for key in lines)]) + f"\n{END}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--budget", type=int, default=1_000_000)
    parser.add_argument("--only", nargs="*", default=())
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.targets or TARGETS:
        target = pushforward.component("target", name)(**TARGETS[name][1])
        asked: dict[str, Callable[[], list[Estimate] | str]] = {
            label: functools.partial(
                measured,
                name,
                estimator,
                target,
                arguments.budget,
                min(arguments.seeds, FIT_SEEDS) if isinstance(estimator, FittedFlow | FittedField) else arguments.seeds,
            )
            for label, estimator in estimators(name).items()
        }
        if name in FIELDS:
            asked["neis, trained"] = functools.partial(of_recipe, name)
        for label, ask in asked.items():
            if arguments.only and label not in arguments.only:
                continue
            line = row(name, label, ask(), truth(target))
            print(line, flush=True)
            write({(name, label): line})


if __name__ == "__main__":
    main()
