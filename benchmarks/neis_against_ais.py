"""NEIS beside annealed importance sampling at one budget of U and of its gradient, training included.

Every seed trains a NEIS by its recipe, or takes a finished run of it, and spends what is left of the budget on walkers;
annealed importance sampling by 10 and by 100 temperatures, with one leapfrog step each, spends all of it. What choosing
the best field has cost is part of the training. The error is Z / truth - 1, its root mean square over seeds; the table
is for docs/neis.md.

Run: python benchmarks/neis_against_ais.py RECIPE [FOLDER of a finished run ...] [--seeds 5] [--first 0] [--budget N]
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import math
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from pushforward import Draw, UserError, open_run
from pushforward.runner import run_recipe
from pushforward_neis.annealed import AnnealedImportanceSampling

TEMPERATURES = (10, 100)
HEAD = "| recipe | estimator | root-mean-square error | median of Z / truth | quartiles | seconds |"
RULE = "| --- | --- | --- | --- | --- | --- |"


def trained(recipe: str, seed: int) -> Any:
    """A run of the recipe that measures only what it needs."""
    measures = "measure=[{use: relative-variance, samples: 5000, forward: 0}, training-evaluations]"
    with tempfile.TemporaryDirectory() as out:
        return open_run(run_recipe(recipe, [f"seed={seed}", measures, "watch=[]"], out=Path(out), quiet=True))


def left_of(budget: int, run: Any) -> int:
    """What training and looking for the best field have left of a budget."""
    spent, plan = run.results["measures"]["training-evaluations"], run.built.plan
    looks = math.ceil(plan.value("rounds") / plan.value("report_every")) if plan.value("best") else 0
    look = run.built.measures["relative-variance"].samples * run.game.window.points
    left = budget - int(spent["value"] + spent["gradients"]) - looks * look
    if left < run.game.window.points:
        raise UserError(f"training spends {budget - left} evaluations, and the budget is {budget}")
    return left


def errors(run: Any, budget: int, draw: Draw) -> dict[str, tuple[float, float]]:
    """Z / truth - 1 of each estimator, and what it took in seconds of this thread."""
    target, found = run.built.target, {}
    estimates = {"NEIS": lambda: run.game.estimate(target, left_of(budget, run), draw)}
    for count in TEMPERATURES:
        annealed = AnnealedImportanceSampling(count, leaps=1)
        estimates[f"AIS-{count}"] = lambda a=annealed: a.estimate(target, budget, draw)
    for name, estimate in estimates.items():
        began = time.process_time()
        found[name] = (math.exp(estimate().log_z - target.log_z) - 1, time.process_time() - began)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("folders", nargs="*", help="one finished run for each seed, in place of training")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="the first of the seeds")
    parser.add_argument("--budget", type=int, default=12_200_000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    every: dict[str, list[tuple[float, float]]] = {}
    for i in range(len(arguments.folders) or arguments.seeds):
        seed = arguments.first + i
        run = open_run(arguments.folders[i]) if arguments.folders else trained(arguments.recipe, seed)
        for name, pair in errors(run, arguments.budget, Draw(seed, ("against",), 1)).items():
            every.setdefault(name, []).append(pair)
        print(arguments.recipe, seed, {name: f"{pairs[-1][0]:+.5f}" for name, pairs in every.items()}, flush=True)
    print(f"{HEAD}\n{RULE}")
    for name, pairs in every.items():
        off = [error for error, _ in pairs]
        rms = math.sqrt(statistics.fmean(error**2 for error in off))
        ratio = [1 + error for error in off]
        low, middle, high = statistics.quantiles(ratio, n=4, method="inclusive") if ratio[1:] else 3 * ratio
        seconds = statistics.median(took for _, took in pairs)
        cells = (f"{rms:.2g}", f"{middle:.4f}", f"{low:.4f} to {high:.4f}", f"{seconds:.0f}")
        print(f"| {arguments.recipe} | {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
