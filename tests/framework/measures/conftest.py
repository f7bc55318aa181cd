"""Laws with known answers that the tests of measures look at, as targets and as games."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from pushforward.game import Game
from pushforward.roles.target import Batch, Target


class GaussianTarget(Target):
    """N(mean, scale^2) in D dimensions, endless."""

    def __init__(self, dimension: int = 2, mean: float = 0.0, scale: float = 1.0) -> None:
        self.shape, self.mean, self.scale = (dimension,), mean, scale

    def sample(self, n, draw):
        return Batch(self.mean + self.scale * draw.normal("x", *self.shape))

    def log_density(self, x):
        z = (x - self.mean) / self.scale
        return -0.5 * (z.square() + math.log(2 * math.pi * self.scale**2)).sum(1)


class EightModes(GaussianTarget):
    """Eight equal Gaussians on a circle in the plane."""

    def __init__(self) -> None:
        super().__init__(2)
        angle = torch.arange(8) * math.pi / 4
        self.modes, self.mode_scale = torch.stack([angle.cos(), angle.sin()], 1), 0.05

    def sample(self, n, draw):
        chosen = draw.integers("mode", 8)
        return Batch(self.modes[chosen] + self.mode_scale * draw.normal("x", 2), chosen)


class Labelled(Target):
    """Three well separated clusters of 5x5 images, finite, with labels."""

    shape, classes = (1, 5, 5), 3

    def __init__(self, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        centres = torch.randn(3, 1, 5, 5, generator=generator)
        self.labels = torch.arange(600) % 3
        self.x = centres[self.labels] + 0.3 * torch.randn(600, 1, 5, 5, generator=generator)

    def size(self, split):
        return {"train": 300, "validation": 100, "test": 200}[split]

    def rows(self, split, indices):
        indices = indices + {"train": 0, "validation": 300, "test": 400}[split]
        return Batch(self.x[indices], self.labels[indices])


class Copy(Game):
    """A model that is the law of a target, exactly; `wrong` is added to its log-density."""

    def __init__(self, target: Target, wrong: float = 0.0) -> None:
        super().__init__()
        self.target, self.wrong = target, wrong

    @property
    def players(self):
        return {"copy": nn.Identity()}

    def costs(self, names, draw):
        return {}

    def sample(self, n, draw, condition=None):
        if self.target.size("train"):  # again the training rows, as often as it takes
            return self.target.rows("train", torch.arange(n) % self.target.size("train")).x
        return self.target.sample(n, draw).x

    def log_density(self, x, condition=None):
        return self.target.log_density(x) + self.wrong


@pytest.fixture
def gaussian():
    return GaussianTarget


@pytest.fixture
def eight_modes():
    return EightModes()


@pytest.fixture
def labelled():
    return Labelled()


@pytest.fixture
def copy_of():
    return Copy


@pytest.fixture
def normal():
    """normal(seed, n, D): fixed standard normal points in float64."""

    def points(seed: int, *shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)

    return points


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Nothing is written to the user's cache, and nothing is remembered from one test to the next."""
    from pushforward.measures import features

    monkeypatch.setenv("PUSHFORWARD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(features, "_TRAINED", {})
