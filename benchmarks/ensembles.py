"""What 4,096 Dirac-GANs over (gamma, h) cost at once, beside the same runs one after another.

Three ways to play the same 500 rounds: all copies of the grid at once, from building each game to its measure and
verdict; the same in a loop over copies, each by the pure round that the ensemble maps; and as ordinary runs of the
framework, each with its folder, on a smaller sample. The last points of the first two are held equal to 1e-9.
Interleaved, one thread, one process; medians over repeats.
Run: python benchmarks/ensembles.py [repeats] [side of the grid]
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import math
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

from pushforward import Draw, build
from pushforward.check import plan_cell, plan_recipe
from pushforward.runner import run_recipe
from pushforward.together import play_together

ROUNDS, LOOPED, RUN = 500, 12, 3  # rounds of each copy; copies of the loop and of the ordinary runs
RECIPE = f"""\
about: Dirac-GANs over gamma and h.
model: {{use: dirac-gan, rule: simultaneous, optimizer: {{use: sgd}}}}
budget: {{rounds: {ROUNDS}, report_every: {ROUNDS}}}
measure: [equilibrium-distance]
"""
SWEEP = """\
sweep:
  model.r1: {{from: 0.0, to: 1.0, count: {0}}}
  model.optimizer.lr: {{from: 0.01, to: 0.5, count: {0}}}
"""


def at_once(recipe: str) -> tuple[float, list[float]]:
    """Seconds a copy, and where each one ended."""
    began = time.perf_counter()
    plan = plan_recipe(recipe)
    cells = list(plan.grid)
    results = play_together(plan_cell(plan.registry, cells[0]), cells)
    seconds = time.perf_counter() - began
    return seconds / len(cells), [each["measures"]["equilibrium-distance"]["value"] for each in results]


def numbers(recipe: str, count: int) -> dict[int, list[str]]:
    """The overrides of some cells, spread over the grid."""
    grid = plan_recipe(recipe).grid
    chosen = [round(i * (len(grid) - 1) / max(count - 1, 1)) for i in range(count)]
    return {i: [f"{path}={value}" for path, value in grid[i].values.items()] for i in chosen}


def looped(recipe: str) -> tuple[float, dict[int, float]]:
    """The same by the pure round, one copy after the other."""
    ends = {}
    began = time.perf_counter()
    for index, overrides in numbers(recipe, LOOPED).items():
        play = build(plan_recipe(recipe, ["sweep=null", *overrides])).play.functional()
        state = play.start()
        for k in range(ROUNDS):
            state = play.round(state, [Draw(0, (k, 0), 1)])
        ends[index] = math.hypot(*(float(value) for value in state.point.values()))
    return (time.perf_counter() - began) / LOOPED, ends


def ran(recipe: str, folder: Path) -> float:
    """The same as ordinary runs."""
    began = time.perf_counter()
    for overrides in numbers(recipe, RUN).values():
        run_recipe(recipe, ["sweep=null", *overrides], out=folder, quiet=True)
    return (time.perf_counter() - began) / RUN


def main(repeats: int = 5, side: int = 64) -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        recipe = str(Path(name) / "dirac.yaml")
        Path(recipe).write_text(RECIPE + SWEEP.format(side))
        seconds: dict[str, list[float]] = {"at once": [], "in a loop": [], "as runs": []}
        for _ in range(repeats):
            taken, ends = at_once(recipe)
            seconds["at once"].append(taken)
            taken, some = looped(recipe)
            seconds["in a loop"].append(taken)
            worst = max(abs(ends[i] - end) for i, end in some.items())
            assert worst < 1e-9, worst
            seconds["as runs"].append(ran(recipe, Path(name)))
    best = statistics.median(seconds["at once"])
    print(f"{side * side} Dirac-GANs, {ROUNDS} rounds each, {repeats} repeats, one thread; equal to {worst:.1e}")
    for way, each in seconds.items():
        middle = statistics.median(each)
        spread = f"{min(each) * 1e3:.2f} to {max(each) * 1e3:.2f}"
        print(f"{way:10}  {middle * 1e3:9.3f} ms a copy ({spread})  {middle / best:7.1f} times")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
