"""An adaptive step of its own for every row, beside torchdiffeq's one step for the whole batch.

Both are Dormand and Prince's pair at the same tolerance on the same velocity: a network of 16 numbers with weights
twice those it begins with, without and with a share of rows that are ten times as far out. The error is against
torchdiffeq at a tolerance of 1e-8 in float64; `row alone` is how far a row's answer moves when it is solved by itself,
which is what a density must not do. Interleaved, medians, one thread. torchdiffeq must be installed.
Run: python benchmarks/solvers.py [repeats]
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import statistics
import sys
import time

import torch
from torch import nn
from torchdiffeq import odeint

from pushforward.numerics.adaptive import dormand_prince

ROWS, DIMENSION, ALONE = 1000, 16, 5


def main(repeats: int = 7) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(DIMENSION + 1, 128), nn.SiLU(), nn.Linear(128, 128), nn.SiLU())
    network.append(nn.Linear(128, DIMENSION))
    for parameter in network.parameters():
        parameter.data.mul_(2.0)

    def velocity(t, x):
        return network(torch.cat([x, torch.as_tensor(t, dtype=x.dtype).reshape(-1, 1).expand(len(x), 1)], 1))

    def ours(x, tolerance):
        (y,), evaluations = dormand_prince(lambda t, s: (velocity(t, s[0]),), (x,), 0.0, 1.0, tolerance)
        return y, int(evaluations.max())

    def theirs(x, tolerance):
        asked = [0]

        def counted(t, y):
            asked[0] += 1
            return velocity(t, y)

        times = torch.tensor([0.0, 1.0], dtype=x.dtype)
        return odeint(counted, x, times, rtol=tolerance, atol=tolerance, method="dopri5")[-1], asked[0]

    for far in (0.0, 0.05):
        x = torch.randn(ROWS, DIMENSION)
        x[: int(far * ROWS)] *= 10
        network.double()
        with torch.no_grad():
            exact = theirs(x.double(), 1e-8)[0].float()
        network.float()
        print(f"\n{ROWS} rows of {DIMENSION}, {far:.0%} of them far out; medians of {repeats}")
        for tolerance in (1e-3, 1e-4, 1e-5):
            solvers = {"row by row": ours, "torchdiffeq": theirs}
            times: dict[str, list[float]] = {name: [] for name in solvers}
            with torch.no_grad():
                for _ in range(repeats):
                    for name, solve in solvers.items():
                        began = time.perf_counter()
                        solve(x, tolerance)
                        times[name].append(time.perf_counter() - began)
                for name, solve in solvers.items():
                    y, asked = solve(x, tolerance)
                    alone = torch.cat([solve(row[None], tolerance)[0] for row in x[-ALONE:]])
                    off, moved = (y - exact).abs(), float((y[-ALONE:] - alone).abs().max())
                    print(
                        f"{name:>12} at {tolerance:g}: {1e3 * statistics.median(times[name]):.0f} ms,"
                        f" {asked} evaluations, error {float(off.square().mean().sqrt()):.1e}"
                        f" (worst {float(off.max()):.1e}), row alone {moved:.1e}"
                    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
