"""Held-out likelihoods of our flows and of zuko's own, of one size, on the same splits of three tables, paired.

Run: python benchmarks/tables.py [--splits 5] [--only red-wine ...]
The tables are found in $PUSHFORWARD_DATA. Every split is that of the literature (whitened by all rows, split at
random): levels mean little there, pairs do. Both flows see the same batches under the same optimizer, and are judged by
the weights that are best on the validation rows. One thread. Printed are nats a row, lower is better, the difference
with the standard error over splits, and seconds a fit.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections.abc import Callable

import torch
import zuko
from torch import Tensor, nn

from pushforward import Target
from pushforward_flow.autoregressive import MAF
from pushforward_flow.spline import NSF
from pushforward_targets.uci import Parkinsons, RedWine, WhiteWine

LogDensity = Callable[[Tensor], Tensor]
TABLES = {"red-wine": (RedWine, "nsf", 3), "white-wine": (WhiteWine, "nsf", 3), "parkinsons": (Parkinsons, "maf", 5)}
HIDDEN = [64, 64]


def ours(kind: str, features: int, transforms: int) -> tuple[nn.Module, LogDensity]:
    """This project's."""
    made = {"nsf": NSF, "maf": MAF}[kind]((features,), transforms, HIDDEN)
    return made, made.log_density


def theirs(kind: str, features: int, transforms: int) -> tuple[nn.Module, LogDensity]:
    """zuko's."""
    made = {"nsf": zuko.flows.NSF, "maf": zuko.flows.MAF}[kind](features, transforms=transforms, hidden_features=HIDDEN)
    return made, lambda x: made().log_prob(x)


def fitted(flow: nn.Module, log_density: LogDensity, target: Target, arguments: argparse.Namespace) -> float:
    """Nats a test row after maximum likelihood."""
    train, validation, test = (target.held_out(split).x for split in ("train", "validation", "test"))
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(flow.parameters(), arguments.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, arguments.rounds)
    best, kept, order = math.inf, copy.deepcopy(flow.state_dict()), torch.empty(0, dtype=torch.int64)
    for i in range(1, arguments.rounds + 1):
        if len(order) < arguments.batch:
            order = torch.randperm(len(train), generator=generator)
        rows, order = order[: arguments.batch], order[arguments.batch :]
        optimizer.zero_grad()
        (-log_density(train[rows]).mean()).backward()
        nn.utils.clip_grad_norm_(flow.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if i % 100 == 0:
            with torch.no_grad():
                found = -float(log_density(validation).mean())
            if found < best:
                best, kept = found, copy.deepcopy(flow.state_dict())
    flow.load_state_dict(kept)
    with torch.no_grad():
        return -float(log_density(test).mean())


def main() -> None:
    """Every table, split by split."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--only", nargs="*", default=list(TABLES), choices=list(TABLES))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.only:
        table, kind, transforms = TABLES[name]
        gaps = []
        for split in range(arguments.splits):
            target = table(protocol="literature", split_seed=split)
            found, seconds = [], []
            for make in (ours, theirs):
                torch.manual_seed(split)
                start = time.process_time()
                found.append(fitted(*make(kind, target.shape[0], transforms), target, arguments))
                seconds.append(time.process_time() - start)
            gaps.append(found[0] - found[1])
            print(
                f"{name:11} {kind} split {split}: ours {found[0]:8.3f} in {seconds[0]:5.1f} s"
                f"   zuko {found[1]:8.3f} in {seconds[1]:5.1f} s",
                flush=True,
            )
        gap = torch.tensor(gaps, dtype=torch.float64)
        error = float(gap.std()) / math.sqrt(len(gap)) if len(gap) > 1 else math.nan
        print(f"{name:11} {kind} ours less zuko {float(gap.mean()):+.3f} +- {error:.3f} nats", flush=True)


if __name__ == "__main__":
    main()
