"""Bits per dimension are those of a code: log2 of the levels for a flat density, entropy for pixels by themselves."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pushforward import Batch, Draw, UserError
from pushforward.measures.bits import BitsPerDimension
from pushforward.roles.measure import Look
from pushforward.testing.stand_ins import Blobs, Looked

SHARES = torch.tensor([0.5, 0.25, 0.125, 0.125])


class Rounded(Blobs):
    """Two numbers of four levels each: the first by shares, the second always the last level."""

    levels = 4

    def sample(self, n: int, draw: Draw) -> Batch:
        first = (draw.uniform("level")[:, None] > SHARES.cumsum(0)).sum(1)
        return Batch(torch.stack([first, torch.full_like(first, 3)], 1) * self.cell - 1)


class Law(Looked):
    """A model whose log-density is given."""

    def __init__(self, log_density: float | None = None) -> None:
        super().__init__(Rounded())
        self.given = log_density

    def log_density(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        if self.given is not None:
            return torch.full((len(x),), self.given)
        level = ((x + 1) / Rounded().cell).round().long()  # all the mass of each cell, spread evenly in it
        alone = SHARES[level[:, 0]].log() + torch.where(level[:, 1] == 3, 0.0, -math.inf)
        return alone - 2 * math.log(Rounded().cell)


def found(law: Law) -> dict[str, float]:
    return BitsPerDimension(samples=4000).measure(Look(law, Rounded(), "test"))


def test_a_flat_density_costs_the_logarithm_of_the_number_of_levels() -> None:
    assert abs(found(Law(-2 * math.log(2 + Rounded().cell)))["value"] - 2) < 1e-6


def test_the_law_itself_costs_its_entropy_and_independent_pixels_no_less() -> None:
    entropy = float(-(SHARES * SHARES.log2()).sum()) / 2
    numbers = found(Law())
    assert abs(numbers["value"] - entropy) < 4 * numbers["standard_error"] < 0.05
    assert numbers["n"] == 4000 and numbers["non_finite"] == 0
    assert abs(numbers["pixels"] - numbers["value"]) < 0.01  # these pixels are independent, and 5000 rows tell shares


def test_the_gaussian_is_the_one_of_dequantised_rows() -> None:
    cell = Rounded().cell
    levels = torch.arange(4) * cell - 1
    mean = float(SHARES @ levels)
    variances = (float(SHARES @ (levels - mean).square()) + cell**2 / 12, cell**2 / 12)
    expected = sum(0.5 * math.log2(2 * math.pi * math.e * v) for v in variances) / 2 - math.log2(cell)
    assert abs(found(Law())["gaussian"] - expected) < 0.05


def test_data_that_are_not_rounded_are_refused() -> None:
    with pytest.raises(UserError, match="Blobs is not rounded to levels"):
        BitsPerDimension().measure(Look(Looked(Blobs()), Blobs(), "test"))
    with pytest.raises(UserError, match="must be at least 2"):
        BitsPerDimension(samples=1)
