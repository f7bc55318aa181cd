"""How fast walkers are weighed along a field: samples a second by walkers, grid points and dimension, and peak memory.

The field is that of a finished run of two-modes/neis, or one of its size as it begins: what a walker costs does not
depend on its weights. One thread, its own seconds, medians of three after one that is thrown away; each peak of memory
is that of a process of its own, less what it had after ten walkers, with the median and range of five such processes:
which pages are touched first differs by some megabytes from one to the next.

Run: python benchmarks/walkers.py [--run FOLDER] [--memory 100000 1000000 10000000]
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

import torch

from pushforward import Draw, build, component, open_run
from pushforward_neis.game import NEIS

WALKERS, STEPS, DIMENSIONS = (5_000, 20_000, 80_000), (6, 25, 100), (2, 8, 32, 128)
MEMORY_STEPS = 4  # of the window by which memory is measured: short, so that ten million walkers take a minute


def of_recipe(folder: str | None, steps: int) -> Any:
    """The game of two-modes/neis, trained or as it begins."""
    game: Any = open_run(folder).game if folder else build("two-modes/neis").play.game
    return NEIS(game.velocity, game.target, steps=steps, start=0.0)


def in_dimensions(dimension: int) -> Any:
    """A field of the same width on as many coordinates."""
    target = component("target", "gaussian-mixture")(means=[[0.5] * dimension, [-0.5] * dimension])
    return NEIS(component("velocity-field", "gradient-field")(target.shape, width=20), target, steps=25, start=0.0)


def seconds(game: Any, walkers: int) -> float:
    """What an estimate from so many walkers takes."""
    took = []
    for i in range(4):
        began = time.process_time()
        game.estimate(game.target, walkers * game.window.points, Draw(i, ("walkers",), 1))
        took.append(time.process_time() - began)
    return statistics.median(took[1:])


def peak(folder: str | None, walkers: int) -> None:
    """Print by how many MB the peak of this process's memory grows while walkers are weighed."""
    game = of_recipe(folder, MEMORY_STEPS)
    game.estimate(game.target, 10 * game.window.points, Draw(0, ("first",), 1))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    game.estimate(game.target, walkers * game.window.points, Draw(0, ("walkers",), 1))
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", help="a finished run of two-modes/neis")
    parser.add_argument("--memory", nargs="*", type=int, default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.peak:
        peak(arguments.run, arguments.peak)
        return
    for walkers in WALKERS:
        took = seconds(of_recipe(arguments.run, 25), walkers)
        print(f"{walkers:>10} walkers, 25 steps, 2 dimensions: {walkers / took:8.0f} a second", flush=True)
    for steps in STEPS:
        took = seconds(of_recipe(arguments.run, steps), 5_000)
        print(f"{steps:>10} steps: {5_000 / took:8.0f} walkers a second, {5_000 * (steps + 1) / took:10.0f} points")
    for dimension in DIMENSIONS:
        took = seconds(in_dimensions(dimension), 5_000)
        print(f"{dimension:>10} dimensions: {5_000 / took:8.0f} walkers a second", flush=True)
    own = ["--run", arguments.run] if arguments.run else []
    for walkers in arguments.memory:
        command = [sys.executable, __file__, "--peak", str(walkers), *own]
        grown = sorted(float(subprocess.check_output(command, text=True)) for _ in range(5))
        print(f"{walkers:>10} walkers: {grown[2]:.1f} MB ({grown[0]:.1f} to {grown[-1]:.1f})", flush=True)


if __name__ == "__main__":
    main()
