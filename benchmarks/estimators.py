"""Every target against every estimator, at one budget and over several seeds: a table for docs/log_z.md.

Run: python benchmarks/estimators.py [target ...] [--seeds 5] [--budget 1000000]
A row holds the median over seeds; the table between its two marks in docs/log_z.md is replaced where a row was measured
again, and other rows stay.
"""

from __future__ import annotations

import argparse
import math
import statistics
from pathlib import Path
from typing import Any

import torch

import pushforward
from pushforward import Draw, Estimate, Estimator, Target, UserError

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
HARD = ("many-well", "diabetes")  # where temperatures must be close


def estimators(name: str) -> dict[str, Estimator]:
    """The estimators a target is given to; reverse annealing where it can be sampled."""
    scale, close = TARGETS[name][0], name in HARD
    make: dict[str, dict[str, Any]] = {
        "importance-sampling": {},
        "annealed-importance-sampling": {"temperatures": 200},
        "reverse-annealed-importance-sampling": {"temperatures": 200},
        "sequential-monte-carlo": {"ess": 0.98 if close else 0.9},
        "bridge-sampling": {"ess": 0.98 if close else 0.9},
    }
    kind = pushforward.component
    return {key: kind("estimator", key)(scale=scale, **arguments) for key, arguments in make.items()}


def truth(target: Target) -> tuple[float, float]:
    """log Z and how far it is known: exactly, or as an estimate of its own."""
    if target.log_z is not None:
        return target.log_z, 0.0
    return getattr(target, "log_z_reference", None) or (math.nan, math.nan)


def measured(name: str, estimator: Estimator, target: Target, budget: int, seeds: int) -> list[Estimate] | str:
    """An estimate for each seed, or why there is none."""
    try:
        return [estimator.estimate(target, budget, Draw(seed, ("benchmark", name), 1)) for seed in range(seeds)]
    except TypeError:  # it cannot be sampled
        return "needs samples of the target"
    except (UserError, pushforward.RunFailed) as error:
        return str(error)


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
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.targets or TARGETS:
        target = pushforward.component("target", name)(**TARGETS[name][1])
        for label, estimator in estimators(name).items():
            found = measured(name, estimator, target, arguments.budget, arguments.seeds)
            line = row(name, label, found, truth(target))
            print(line, flush=True)
            write({(name, label): line})


if __name__ == "__main__":
    main()
