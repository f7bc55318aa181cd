"""Densities whose log Z is known, for estimators; and what one of two processes finds of one."""

import math
from pathlib import Path

import torch
import torch.distributed as dist

from pushforward import Draw, Target
from pushforward.roles.target import Batch
from pushforward_neis.annealed import AnnealedImportanceSampling
from pushforward_neis.bridge import BridgeSampling
from pushforward_neis.exact_fields import Dilation
from pushforward_neis.flow_lines import FlowLines
from pushforward_neis.importance import ImportanceSampling
from pushforward_neis.sequential import SequentialMonteCarlo


class Normal(Target):
    """An unnormalised normal law with its own mean and width in each coordinate, times e^height."""

    def __init__(self, mean=(1.0, -1.0, 0.5), width=(0.3, 0.5, 1.5), height=0.7):
        self.mean, self.width, self.height = torch.tensor(mean), torch.tensor(width), height
        self.shape = (len(mean),)
        self.log_z = height + float((0.5 * math.log(2 * math.pi) + self.width.double().log()).sum())
        self.evaluated = self.sloped = 0

    def log_density(self, x):
        self.evaluated += len(x)
        return self.height - 0.5 * ((x - self.mean.to(x)) / self.width.to(x)).square().sum(1)

    def score(self, x):
        self.sloped += len(x)
        return (self.mean.to(x) - x) / self.width.to(x).square()

    def sample(self, n, draw):
        return Batch(self.mean + self.width * draw.normal("normal", *self.shape))


class Base(Normal):
    """The standard normal law itself, normalised."""

    def __init__(self, dimension=3):
        super().__init__((0.0,) * dimension, (1.0,) * dimension, -0.5 * dimension * math.log(2 * math.pi))


class Skewed(Target):
    """A Cauchy prior and a likelihood off its centre: nothing about it is symmetric, and no sign can be lost."""

    shape = (1,)
    log_z = -2.414897  # by quadrature

    def log_density(self, x):
        x = x[:, 0]
        return -math.log(math.pi) - (1 + x.square()).log() - 0.5 * ((x - 2) / 0.5).square()


ESTIMATORS = {
    "importance": (ImportanceSampling, 40_000),
    "annealed": (lambda: AnnealedImportanceSampling(temperatures=10), 1_200_000),
    "walkers": (lambda: FlowLines(Dilation((3,)), steps=4, stepper="exact"), 40_000),
    "lines": (lambda: FlowLines(Dilation((3,)), length=None, steps=10, stepper="exact"), 1_000_000),
    "sequential": (lambda: SequentialMonteCarlo(groups=6), 2_000_000),
    "bridge": (lambda: BridgeSampling(groups=6), 2_000_000),
}


def estimate(name, rows=(0, 1), total=1):
    make, budget = ESTIMATORS[name]
    e = make().estimate(Normal(), budget, Draw(0, ("estimate",), total, rows)).as_dict()
    return {key: value for key, value in e.items() if key != "seconds"}


def process(rank, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    found = {name: estimate(name, (rank, rank + 1), 2) for name in ESTIMATORS}
    torch.save(found, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()
