"""The smallest GAN: its critic, what is measured of it, and control against descent at the largest step."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, softplus

from pushforward import Look, UserError
from pushforward.adapters import NetworkDiscriminator, NetworkGenerator
from pushforward.testing.stand_ins import Blobs
from pushforward_lab.affine_law import AffineLaw
from pushforward_lab.critic_accuracy import CriticAccuracy
from pushforward_lab.quadratic_logit import QuadraticLogit


def line(scale: float, shift: float) -> NetworkGenerator:
    generator = NetworkGenerator(lambda inputs, outputs: nn.Linear(1, 1), (1,), latent=1)
    with torch.no_grad():
        generator.network.weight.fill_(scale)
        generator.network.bias.fill_(shift)
    return generator


def normal(mean: float, width: float) -> Any:
    return SimpleNamespace(modes=torch.tensor([[mean]]), mode_scale=width, shape=(1,), classes=None)


def test_its_logit_is_two_class_cross_entropy_on_two_affine_logits() -> None:
    torch.manual_seed(0)
    network = QuadraticLogit((1,), ()).double()
    x = torch.linspace(-2, 4, 7, dtype=torch.float64)[:, None]
    logits = network.logits(network.seen(torch.cat([x, x**2], 1)))
    real = cross_entropy(logits, torch.ones(7, dtype=torch.long))
    fake = cross_entropy(logits, torch.zeros(7, dtype=torch.long))
    assert softplus(-network(x)).mean().item() == pytest.approx(real.item(), abs=1e-14)
    assert softplus(network(x)).mean().item() == pytest.approx(fake.item(), abs=1e-14)


def test_its_logit_is_a_parabola() -> None:
    torch.manual_seed(1)
    network = QuadraticLogit((1,), ()).double()
    values = network(torch.arange(6, dtype=torch.float64)[:, None])
    assert values.shape == (6,)
    assert torch.allclose(values.diff(n=3), torch.zeros(3, dtype=torch.float64), atol=1e-13)


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 3.0), (-1.0, 3.0), (0.5, 2.0), (-1.3, 3.4)])
def test_the_distance_of_normal_laws_is_that_of_their_two_numbers(scale: float, shift: float) -> None:
    found = AffineLaw().measure(Look(SimpleNamespace(generator=line(scale, shift)), normal(3.0, 1.0)))  # type: ignore[arg-type]
    assert found["value"] == pytest.approx(math.hypot(shift - 3, abs(scale) - 1), abs=1e-6)
    assert (found["scale"], found["shift"]) == pytest.approx((abs(scale), shift), abs=1e-6)


def test_a_bent_generator_and_a_plane_are_refused() -> None:
    bent = NetworkGenerator(
        lambda inputs, outputs: nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1)), (1,), latent=1
    )
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in bent.parameters():
            parameter.normal_()
    with pytest.raises(UserError, match="not affine"):
        AffineLaw().measure(Look(SimpleNamespace(generator=bent), normal(3.0, 1.0)))  # type: ignore[arg-type]
    with pytest.raises(UserError, match="one mode"):
        AffineLaw().measure(Look(SimpleNamespace(generator=bent), Blobs()))  # type: ignore[arg-type]
    with pytest.raises(UserError, match="no generator"):
        AffineLaw().measure(Look(SimpleNamespace(), normal(3.0, 1.0)))  # type: ignore[arg-type]


def test_the_accuracy_counts_both_sides_and_the_loss_of_a_blind_critic_is_log_two() -> None:
    measure = CriticAccuracy()
    measure.update(torch.tensor([1.0, 2.0, -1.0, 3.0]), torch.tensor([-1.0, 1.0]))
    found = measure.compute()
    assert (found["data"], found["samples"], found["value"], found["n"]) == (0.75, 0.5, 0.625, 6)
    assert found["standard_error"] == pytest.approx(math.sqrt(0.75 * 0.25 / 4 + 0.25 / 2) / 2)
    assert found["loss"] == pytest.approx((math.log1p(math.exp(1.0)) + math.log1p(math.exp(-1.0))) / 2)
    measure.update(torch.zeros(10), torch.zeros(10))
    assert measure.compute()["loss"] == pytest.approx(math.log(2))


def test_the_accuracy_of_the_best_critic_of_two_shifted_normals_is_known() -> None:
    generator = torch.Generator().manual_seed(0)
    x, fake = (torch.randn(20_000, generator=generator) + shift for shift in (0.5, -0.5))
    measure = CriticAccuracy()
    measure.update(x, fake)  # the logit of N(1/2, 1) against N(-1/2, 1) is x itself
    found = measure.compute()
    known = 0.5 * (1 + math.erf(0.5 / math.sqrt(2)))
    assert abs(found["value"] - known) < 4 * found["standard_error"]


def test_a_model_without_discriminator_is_refused() -> None:
    with pytest.raises(UserError, match="no discriminator"):
        CriticAccuracy().measure(Look(SimpleNamespace(), Blobs()))  # type: ignore[arg-type]
    with pytest.raises(UserError, match="two or more"):
        CriticAccuracy(1)
    with pytest.raises(UserError, match="no logits"):
        CriticAccuracy().compute()
    assert NetworkDiscriminator(QuadraticLogit, (1,))(torch.zeros(3, 1)).shape == (3,)
