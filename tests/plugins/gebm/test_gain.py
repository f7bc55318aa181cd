"""The gain of an energy over its base is the difference of two log-densities, and is counted only where A is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from pushforward import Batch, Doubt, Draw, Energy, Generator, Latent, Look, Target, UserError
from pushforward.testing.stand_ins import Blobs, Looked
from pushforward_gebm.gain import GainOverBase
from pushforward_gebm.game import GEBM


class Shifted(Target):
    """Standard normal numbers around a."""

    shape = (1,)

    def __init__(self, a: float) -> None:
        self.a = a

    def sample(self, n: int, draw: Draw) -> Batch:
        return Batch(self.a + draw.normal("noise", 1))


class Same(Generator):
    """Noise as it is: the base law is N(0, 1), with no density that the model knows."""

    def __init__(self) -> None:
        super().__init__()
        self.latent, self.weight = Latent(1), nn.Parameter(torch.ones(()))

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.weight * z


class Tilt(Energy):
    """E(x) = -a x, for which A = a^2 / 2 and the model is N(a, 1)."""

    def __init__(self, a: float) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        return -self.a * x[:, 0]


def gain(a: float, samples: int = 100_000) -> dict[str, float]:
    return GainOverBase(partition_samples=samples).measure(Look(GEBM(Same(), Tilt(a)), Shifted(a)))


@pytest.mark.parametrize("a", [0.3, 1.0])
def test_the_gain_of_a_tilt_is_the_divergence_between_the_laws(a: float) -> None:
    found = gain(a)  # KL(N(a, 1) || N(0, 1)) = a^2 / 2
    assert abs(found["value"] - a**2 / 2) < 4 * found["standard_error"]
    assert abs(found["log_partition"] - a**2 / 2) < 4 * found["log_partition_standard_error"]
    assert abs(found["ess"] - math.exp(-(a**2))) < 0.05  # of weights exp(a x)
    assert found["trusted"] == 1.0 and found["counted"] < found["value"]


def test_a_gain_whose_log_partition_means_nothing_is_not_counted() -> None:
    with pytest.warns(Doubt, match="effective share 0.0"):
        found = gain(3.5)
    assert found["trusted"] == 0.0 and found["counted"] == 0.0 and found["ess"] < 0.1


def test_no_energy_gains_nothing() -> None:
    found = gain(0.0)
    assert found["value"] == pytest.approx(0, abs=1e-6) and found["ess"] == pytest.approx(1)


def test_another_model_is_refused() -> None:
    blobs = Blobs((2,))
    with pytest.raises(UserError, match="the model is Looked: expected a gebm"):
        GainOverBase().measure(Look(Looked(blobs), blobs))
    with pytest.raises(UserError, match="at least 2"):
        GainOverBase(samples=1)
