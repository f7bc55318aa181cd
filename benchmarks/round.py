"""What a round of rings/gan costs beside the same GAN as a hand-written loop: interleaved, one thread, one process.

The framework runs the recipe as a user has it, costs and gradient norms logged, through Lightning; between its
reports the hand-written loop plays as many rounds. Run: python benchmarks/round.py [segments] [rounds a segment]
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import csv
import statistics
import sys
import tempfile
import time
from pathlib import Path

import pytorch_lightning as pl
import torch
from torch import nn
from torch.nn.functional import softplus

from pushforward.builder import build
from pushforward.check import plan_recipe
from pushforward.progress import Progress
from pushforward.reporter import Reporter
from pushforward.roles.tracker import RunInfo
from pushforward.rounds import Rounds
from pushforward.trackers.csv import CsvTracker
from pushforward.trackers.together import Trackers

BATCH, WIDTH, LATENT, GAMMA = 512, 128, 2, 0.1


def mlp(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in ((inputs, WIDTH), (WIDTH, WIDTH), (WIDTH, WIDTH)):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(WIDTH, outputs))


class Loop:
    """The same GAN as one writes it by hand, with its costs written to a CSV file at the same interval."""

    def __init__(self, file: Path) -> None:
        torch.manual_seed(0)
        self.g, self.d = mlp(LATENT, 2), mlp(2, 1)
        self.average = [p.detach().clone() for p in self.g.parameters()]
        self.g_step = torch.optim.Adam(self.g.parameters(), lr=3e-3, betas=(0.0, 0.99))
        self.d_step = torch.optim.Adam(self.d.parameters(), lr=3e-3, betas=(0.0, 0.99))
        self.file = file
        self.played = 0

    def data(self) -> torch.Tensor:
        radius = torch.tensor([1.0, 2.0, 3.0])[torch.randint(3, (BATCH,))] + 0.05 * torch.randn(BATCH)
        angle = 2 * torch.pi * torch.rand(BATCH)
        return torch.stack([radius * angle.cos(), radius * angle.sin()], 1)

    def play(self, rounds: int) -> None:
        sums = torch.zeros(3)
        for _ in range(rounds):
            x = self.data()
            with torch.no_grad():
                fake = self.g(torch.randn(BATCH, LATENT))
            real, false = self.d(torch.cat([x, fake])).chunk(2)
            x.requires_grad_()
            (slope,) = torch.autograd.grad(self.d(x).sum(), x, create_graph=True)
            penalty = 0.5 * GAMMA * slope.square().sum(1).mean()
            d_cost = softplus(-real).mean() + softplus(false).mean()
            self.d_step.zero_grad(set_to_none=True)
            (d_cost + penalty).backward()
            self.d_step.step()
            g_cost = softplus(-self.d(self.g(torch.randn(BATCH, LATENT)))).mean()
            self.g_step.zero_grad(set_to_none=True)
            g_cost.backward()
            self.g_step.step()
            with torch.no_grad():
                for a, p in zip(self.average, self.g.parameters(), strict=True):
                    a.lerp_(p, 0.001)
            sums += torch.stack([d_cost.detach(), penalty.detach(), g_cost.detach()])
        self.played += rounds
        with self.file.open("a") as stream:
            csv.writer(stream).writerow([self.played, *(sums / rounds).tolist()])


class Interleave(pl.Callback):
    """After each of the framework's segments, one of the hand-written loop."""

    def __init__(self, loop: Loop, rounds: int) -> None:
        self.loop, self.rounds = loop, rounds
        self.ours: list[float] = []
        self.theirs: list[float] = []

    def on_train_epoch_start(self, trainer, module) -> None:
        self.began = time.perf_counter()

    def on_train_epoch_end(self, trainer, module) -> None:
        self.ours.append(time.perf_counter() - self.began)
        began = time.perf_counter()
        self.loop.play(self.rounds)
        self.theirs.append(time.perf_counter() - began)


def main(segments: int = 15, rounds: int = 100) -> None:
    torch.set_num_threads(1)
    overrides = [f"budget.rounds={segments * rounds}", f"budget.report_every={rounds}", "measure=[]", "watch=[]"]
    built = build(plan_recipe("rings/gan", overrides))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        trackers = Trackers([CsvTracker()])
        trackers.open(RunInfo(place, "round", {}))
        reporter = Reporter(built, place, trackers, Progress(segments * rounds, quiet=True), "")
        interleave = Interleave(Loop(place / "loop.csv"), rounds)
        trainer = pl.Trainer(
            max_epochs=segments,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[reporter, interleave],
        )
        trainer.fit(built.play, Rounds(built.play, built.target, BATCH, rounds))
    ours, theirs = interleave.ours[1:], interleave.theirs[1:]  # the first segment warms both up
    ratios = sorted(a / b for a, b in zip(ours, theirs, strict=True))
    for name, times in (("pushforward", ours), ("hand-written", theirs)):
        print(f"{name:>14}: {1e3 * statistics.median(times) / rounds:.3f} ms a round, median of {len(times)}")
    low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
    print(f"ratio: {statistics.median(ratios):.3f} (quartiles {low:.3f} to {high:.3f}; asked: at most 1.05)")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
