"""Velocity fields: the divergence in closed form is the trace of the Jacobian."""

from __future__ import annotations

import pytest
import torch

from pushforward import UserError, VelocityField
from pushforward.numerics.divergence import exact_divergence
from pushforward_neis.fields import GradientField, LinearField


@pytest.mark.parametrize("kind", [LinearField, GradientField])
@pytest.mark.parametrize("dimension", [1, 4])
def test_divergence_is_the_trace_of_the_jacobian(kind: type[VelocityField], dimension: int) -> None:
    torch.manual_seed(dimension)
    field = kind((dimension,)).double()  # type: ignore[call-arg]
    for p in field.parameters():
        p.data += 0.3 * torch.randn_like(p)
    x = 2 * torch.randn(9, dimension, dtype=torch.float64)
    assert torch.allclose(field.divergence(0.0, x), exact_divergence(lambda y: field(0.0, y), x), atol=1e-12)


def test_a_gradient_field_has_a_symmetric_jacobian() -> None:
    torch.manual_seed(0)
    field = GradientField((3,), width=5).double()
    jacobian = torch.autograd.functional.jacobian(lambda y: field(0.0, y[None])[0], torch.randn(3, dtype=torch.float64))
    assert torch.allclose(jacobian, jacobian.mT, atol=1e-14) and float(jacobian.norm()) > 0.1


def test_scale_multiplies_the_field_at_the_start() -> None:
    x = torch.randn(4, 2)
    for kind in (LinearField, GradientField):
        found = []
        for scale in (1.0, 3.0):
            torch.manual_seed(5)
            found.append(kind((2,), scale=scale)(0.0, x))
        assert torch.allclose(found[1], 3 * found[0], atol=1e-5)


def test_images_and_empty_networks_are_refused() -> None:
    with pytest.raises(UserError, match="vectors"):
        GradientField((1, 8, 8))
    with pytest.raises(UserError, match="width"):
        GradientField((2,), width=0)
