"""Measures the recipes' numbers again, over several seeds and with their controls, and writes them beside the recipes.

Run: python benchmarks/recipe_numbers.py [recipe ...] [--seeds 3]
and `python -m pushforward.docs` makes docs/numbers.md of it.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import torch
import yaml

from pushforward.check import plan_recipe
from pushforward.expected import Expected, flat_numbers, read_expected
from pushforward.folder import read_json
from pushforward.grid import SEED
from pushforward.recipe import EXPECTED
from pushforward.registry import own_recipes
from pushforward.runner import run_recipe


def measure(recipe: str, overrides: tuple[str, ...], seed: int, expected: Expected) -> dict[str, float]:
    """The numbers of one repeat; a grid that has its own seeds takes the next ones, and keeps what is bounded."""
    grid = plan_recipe(recipe, overrides).grid
    seeds = next((len(axis.points) for axis in grid.axes if axis.path == SEED), 0) if grid else 0
    own = [] if seeds else [f"seed={seed}"]
    axes = [f"seed={seed * seeds}:{(seed + 1) * seeds}"] if seeds and seed else []
    with tempfile.TemporaryDirectory() as out:
        folder = run_recipe(recipe, [*overrides, *own], out=Path(out), quiet=True, axes=axes)
        results = read_json(folder / "results.json")
    heads = {bound.name.split("/")[0] for bound in expected.bounds}
    names = expected.named()
    kept = {
        name: number
        for name, number in flat_numbers(results).items()
        if name in names or (not grid and name.split("/")[0] in heads)
    }
    return {name: float(f"{number:.8g}") for name, number in kept.items()} | {"seconds": round(results["seconds"], 1)}


def measured(expected: Expected, seeds: int) -> None:
    """Measure, and write after every seed: a run that is cut short keeps what it has."""
    found: dict[str, Any] = {"fingerprint": plan_recipe(expected.recipe).fingerprint(), "seeds": {}, "control": {}}
    for seed in range(seeds):
        found["seeds"][seed] = measure(expected.recipe, (), seed, expected)
        if not expected.controls_itself:
            found["control"][seed] = measure(expected.control_recipe, expected.control_overrides, seed, expected)
        print(expected.recipe, "seed", seed, found["seeds"][seed], expected.broken(found["seeds"][seed]), flush=True)
        write(expected.recipe, found)


def write(recipe: str, entry: dict[str, Any]) -> None:
    """Put the numbers behind the recipe's bounds; the rest of the file stays as it is written."""
    file = own_recipes() / Path(recipe).parent / EXPECTED
    stem = Path(recipe).name
    blocks: dict[str, list[str]] = {}
    titles: dict[str, str] = {}
    head: list[str] = []
    for line in file.read_text().splitlines():
        if line and not line.startswith((" ", "#")):
            titles[name := line.partition(":")[0]] = line
            blocks[name] = []
            continue
        (blocks[list(blocks)[-1]] if blocks else head).append(line)
    kept = blocks[stem]
    cut = next((i for i, line in enumerate(kept) if line.startswith("  measured:")), len(kept))
    text = yaml.safe_dump({"measured": entry}, sort_keys=False, default_flow_style=None, width=1000)
    blocks[stem] = [*kept[:cut], *(f"  {line}" for line in text.splitlines())]
    lines = [*head, *(line for name, block in blocks.items() for line in (titles[name], *block))]
    file.write_text("\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    every = read_expected([own_recipes()])
    for name in arguments.recipes or [name for name, expected in every.items() if not expected.published]:
        measured(every[name], arguments.seeds)


if __name__ == "__main__":
    main()
