"""Moment matching: the discrepancy of points, and a generator that lowers it without a critic."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from pushforward import Draw, UserError
from pushforward.adapters import NetworkGenerator
from pushforward.field import Field
from pushforward_gan.kernel_energy import KernelEnergy
from pushforward_gan.moment_matching import MomentMatching
from pushforward_gan.objectives import Hinge

KERNELS = ["gaussian", "inverse-multiquadric", "rational-quadratic", "energy"]


def shifted(by, objective):
    """A game whose samples are N(by, 1): a linear layer that keeps its noise."""
    generator = NetworkGenerator(lambda inputs, outputs: nn.Linear(1, 1), (1,), latent=1).double()
    nn.init.ones_(generator.network.weight), nn.init.constant_(generator.network.bias, by)
    return MomentMatching(generator, objective)


def turn(i, n=500):
    data = torch.randn(n, 1, generator=torch.Generator().manual_seed(i), dtype=torch.float64)
    return Draw(0, (i,), n, x=data, dtype=torch.float64)


def test_the_cost_of_a_shifted_gaussian_and_its_slope():
    """Differences are N(shift, 2): of a Gaussian kernel, E k = h / sqrt(h^2 + 2) exp(-shift^2 / (2 (h^2 + 2)))."""
    shift, h = 0.7, 0.5
    width = h**2 + 2
    between = h / math.sqrt(width) * math.exp(-(shift**2) / (2 * width))
    game = shifted(shift, KernelEnergy("gaussian", [h]))
    field, seen = Field(game), []
    for i in range(30):
        field.deal([turn(i)])
        direction = field(("generator",))
        slope = direction.gradients["generator.network.bias"]
        seen.append([float(direction.terms["generator"]["objective"]), float(slope)])
    mean, error = np.mean(seen, 0), np.std(seen, 0) / math.sqrt(30)
    exact = [2 * h / math.sqrt(width) - 2 * between, 2 * shift / width * between]
    assert np.all(np.abs(mean - exact) < 3 * error) and np.all(error < 0.05 * np.array(exact))


def test_the_discrepancy_of_points_by_hand():
    """Data (0, 0), (3, 4) and samples (3, 0), (0, 4): 5 apart within both, 3 and 4 between."""
    data, samples = torch.tensor([[0.0, 0.0], [3.0, 4.0]]), torch.tensor([[3.0, 0.0], [0.0, 4.0]])
    at = {"energy": lambda t: -t, "inverse-multiquadric": lambda t: (1 + t**2) ** -0.5}
    for kernel, k in at.items():
        found = float(KernelEnergy(kernel, [2.0]).generator(samples, data))
        assert found == pytest.approx(2 * k(5 / 2) - k(3 / 2) - k(4 / 2), rel=1e-6)


@pytest.mark.parametrize("kernel", KERNELS)
def test_logits_are_points_of_one_number_and_a_bandwidth_is_their_unit(kernel):
    real, fake = torch.randn(2, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    value = KernelEnergy(kernel, [1.0, 3.0]).generator(fake, real)
    torch.testing.assert_close(KernelEnergy(kernel, [1.0, 3.0]).generator(fake[:, None], real[:, None]), value)
    torch.testing.assert_close(KernelEnergy(kernel, [0.2, 0.6]).generator(0.2 * fake, 0.2 * real), value)
    alone = [KernelEnergy(kernel, [h]).generator(fake, real) for h in (1.0, 3.0)]
    torch.testing.assert_close(torch.stack(alone).mean(), value)


def test_points_that_meet_have_a_finite_slope_under_every_kernel():
    fake = torch.zeros(3, 2, requires_grad=True)
    for kernel in KERNELS:
        (slope,) = torch.autograd.grad(KernelEnergy(kernel).generator(fake, torch.zeros(4, 2)), fake)
        assert torch.equal(slope, torch.zeros(3, 2))


def test_what_has_no_place_in_it_is_refused():
    generator = NetworkGenerator(lambda inputs, outputs: nn.Linear(2, 1), (1,), classes=1, latent=1, conditional=True)
    with pytest.raises(UserError, match="Hinge, which compares the logits of one; expected one that compares points"):
        shifted(0.0, Hinge())
    with pytest.raises(UserError, match="without their classes"):
        MomentMatching(generator)
    with pytest.raises(UserError, match="bandwidths is empty"):
        KernelEnergy("gaussian", [])
    with pytest.raises(UserError, match="got a batch of 1, expected 2 or more"):
        KernelEnergy().generator(torch.zeros(1), torch.zeros(3))
    game = shifted(0.0, None)
    with pytest.raises(UserError, match=r"generated samples have shape \(1,\), data \(3,\)"):
        game.costs(("generator",), Draw(0, (0,), 5, x=torch.zeros(5, 3), dtype=torch.float64))
