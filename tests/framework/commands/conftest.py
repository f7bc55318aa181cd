"""The command line in process: words in, status and text out."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from pushforward.cli import main

SMALL = """\
about: A GAN of a few numbers.
target: rings
model:
  use: gan
  generator: {use: mlp, width: 8, depth: 1}
  discriminator: {use: mlp, width: 8, depth: 1}
  average: {decay: 0.9}
budget: {rounds: 4, batch: 32, report_every: 2}
measure: [sliced-wasserstein]
"""


@dataclass
class Said:
    status: int
    out: str
    err: str


@pytest.fixture
def say(capsys, tmp_path, monkeypatch):
    """Run a command in a folder that holds small.yaml."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(SMALL)
    monkeypatch.delenv("PUSHFORWARD_DEBUG", raising=False)

    def run(*words):
        capsys.readouterr()
        status = main([str(word) for word in words])
        said = capsys.readouterr()
        return Said(status, said.out, said.err)

    return run


@pytest.fixture(scope="session")
def played(tmp_path_factory):
    """A folder of runs with one smoke run of small.yaml in it."""
    runs = tmp_path_factory.mktemp("played") / "runs"
    (runs.parent / "small.yaml").write_text(SMALL)
    there = Path.cwd()
    os.chdir(runs.parent)
    try:
        assert main(["run", "small.yaml", "--smoke", "--quiet"]) == 0
    finally:
        os.chdir(there)
    return runs


@pytest.fixture
def objective(tmp_path):
    """A plugin of one file."""
    file = tmp_path / "margin.py"
    file.write_text(
        '''
import torch.nn.functional as F
from pushforward import Component, Objective, hook


class Margin(Objective):
    """A softplus beyond a margin.

    Args:
        margin: how far apart logits should be.
    """

    def __init__(self, margin: float = 0.5) -> None:
        self.margin = margin

    def discriminator(self, real, fake):
        return F.softplus(self.margin - real).mean() + F.softplus(self.margin + fake).mean()

    def generator(self, fake, real=None):
        return F.softplus(-fake).mean()


@hook
def components():
    return [Component("objective", "margin", ":Margin", "a softplus beyond a margin")]


@hook
def commands(verbs):
    verbs.add_parser("greet", help="say hello").set_defaults(act=lambda args: print("hello"))
'''
    )
    return file
