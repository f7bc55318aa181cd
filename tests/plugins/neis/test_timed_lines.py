"""Velocities that change in time: unbiased whatever they are, exact where they carry the base into the target."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pushforward import Draw, Target, UserError, VelocityField
from pushforward_neis.bases import Identity
from pushforward_neis.timed_lines import TimedLines

F64 = torch.float64


class Shifted(Target):
    """N(m, s^2) on a line, unnormalised."""

    shape = (1,)

    def __init__(self, mean: float = 1.5, scale: float = 0.5) -> None:
        self.mean, self.scale = mean, scale
        self.log_z = math.log(scale * math.sqrt(2 * math.pi))

    def log_density(self, x: Tensor) -> Tensor:
        return -0.5 * ((x[:, 0] - self.mean) / self.scale).square()


class Straight(VelocityField):
    """The velocity of x_t = (1 - t + t s) z + t m, which carries N(0, 1) into N(m, s^2)."""

    def __init__(self, mean: float = 1.5, scale: float = 0.5) -> None:
        super().__init__()
        self.mean, self.scale = mean, scale

    def forward(self, t: Tensor | float, x: Tensor) -> Tensor:
        return self.mean + (self.scale - 1) * (x - t * self.mean) / (1 - t + t * self.scale)


class Sway(Straight):
    """A velocity that leads nowhere in particular."""

    def forward(self, t: Tensor | float, x: Tensor) -> Tensor:
        return (3 * t + x).sin() + 0.4 * t


def test_a_velocity_that_carries_the_base_into_the_target_has_no_variance_without_overlap() -> None:
    target, x = Shifted(), torch.randn(50, 1, generator=torch.Generator().manual_seed(0), dtype=F64)
    lines = TimedLines(Straight(), steps=40, overlap=0.0)
    found = lines.log_weights(target, Identity((1,)), x, torch.zeros(50, dtype=torch.int64))
    assert lines.width == 1 and torch.allclose(found, torch.full_like(found, target.log_z), atol=1e-6)


@pytest.mark.parametrize("velocity", [Straight(), Straight(-1.0, 2.0), Sway()])
@pytest.mark.parametrize("overlap", [0.0, 0.3, 1.0])
def test_the_mean_is_z_for_every_velocity_and_overlap(velocity: VelocityField, overlap: float) -> None:
    """A sum over places and times of starts instead of samples: Z up to the steps' error of fourth order."""
    target, base, lines = Shifted(), Identity((1,)), TimedLines(velocity, steps=20, overlap=overlap)
    x = torch.linspace(-12, 12, 1501, dtype=F64)[:, None]
    mass = base.log_density(x).exp() * 24 / 1500
    total = 0.0
    for k in range(lines.width):
        log_a = lines.log_weights(target, base, x, torch.full((len(x),), k)).detach()
        total += float((mass * (log_a - target.log_z).exp()).sum()) / lines.width
    assert total == pytest.approx(1, abs=1e-4)


def test_an_estimate_keeps_to_its_budget_and_says_its_error() -> None:
    for overlap, n in ((0.0, 20_000), (0.5, 20_000 // 13)):
        found = TimedLines(Sway(), overlap=overlap).estimate(Shifted(), 20_000, Draw(0, ("timed",), 1))
        assert found.n == n and found.evaluations <= 20_000
        assert abs(found.log_z - Shifted().log_z) < 4 * found.standard_error < 0.5


def test_numbers_out_of_range_are_refused() -> None:
    for wrong in ({"steps": 0}, {"overlap": 1.5}):
        with pytest.raises(UserError, match="expected at least 1, and 0 to 1"):
            TimedLines(Sway(), **wrong)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="does not pay"):
        TimedLines(Sway(), overlap=1.0).estimate(Shifted(), 5, Draw(0, (), 1))
