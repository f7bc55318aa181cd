"""Velocity fields: divergences, flows and starts in closed form."""

from __future__ import annotations

import functools

import pytest
import torch

from pushforward import UserError, VelocityField
from pushforward.numerics.divergence import exact_divergence, hutchinson_divergence
from pushforward.numerics.integrators import integrate
from pushforward_neis.exact_fields import Dilation, ExactField, FunnelField, LinearField
from pushforward_neis.fields import GenericField, GradientField

F64 = torch.float64
BENT = functools.partial(GenericField, activation="tanh")
KINDS = [LinearField, GradientField, GenericField, BENT, Dilation, FunnelField]


def made(kind: type[VelocityField], dimension: int) -> VelocityField:
    torch.manual_seed(dimension)
    field = kind((dimension,)).double()  # type: ignore[call-arg]
    for p in field.parameters():
        p.data += 0.3 * torch.randn_like(p)
    return field


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dimension", [2, 5])
def test_divergence_is_the_trace_of_the_jacobian(kind: type[VelocityField], dimension: int) -> None:
    field = made(kind, dimension)
    x = 2 * torch.randn(9, dimension, dtype=F64)
    true = exact_divergence(lambda y: field(0.0, y), x)
    assert torch.allclose(field.divergence(0.0, x), true, atol=1e-12)
    velocity, divergence = field.with_divergence(0.0, x)
    assert torch.allclose(velocity, field(0.0, x), atol=1e-12) and torch.allclose(divergence, true, atol=1e-12)
    probes = torch.randn(4000, dimension, generator=torch.Generator().manual_seed(0), dtype=F64).sign()
    guessed = hutchinson_divergence(lambda y: field(0.0, y), x[:1].expand(4000, -1), probes)
    assert abs(float((guessed.mean() - true[0]).detach())) < 4 * float(guessed.std().detach()) / 4000**0.5 + 1e-9


@pytest.mark.parametrize("kind", [LinearField, Dilation, FunnelField])
def test_a_closed_form_is_the_flow_that_integration_comes_to(kind: type[ExactField]) -> None:
    field = made(kind, 3)
    assert isinstance(field, ExactField)
    x = torch.randn(6, 3, dtype=F64)

    def rates(_: float, state: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return field.with_divergence(0.0, state[0])

    for time in (0.8, -0.8):
        y, grown = integrate(rates, (x, x.new_zeros(6)), 0.0, time, 200)
        exact, log_det = field.flow(time)(x)
        assert torch.allclose(y, exact, atol=1e-8) and torch.allclose(grown, log_det, atol=1e-8)


def test_a_gradient_field_has_a_symmetric_jacobian_and_a_generic_one_has_not() -> None:
    x = torch.randn(3, dtype=F64)
    found = [torch.autograd.functional.jacobian(made(k, 3), (torch.zeros(()), x[None]))[1][0, :, 0] for k in KINDS[1:3]]
    assert torch.allclose(found[0], found[0].mT, atol=1e-14) and float(found[0].norm()) > 0.1
    assert float((found[1] - found[1].mT).norm()) > 0.1


def test_scale_multiplies_the_field_at_the_start() -> None:
    x = torch.randn(4, 2)
    for kind in (LinearField, GradientField, GenericField):
        found = []
        for scale in (1.0, 3.0):
            torch.manual_seed(5)
            found.append(kind((2,), scale=scale)(0.0, x))
        assert torch.allclose(found[1], 3 * found[0], atol=1e-5)


def test_a_linear_field_starts_where_it_is_told() -> None:
    field = LinearField((2,), matrix=[[1.0, 2.0], [3.0, 4.0]], drift=[5.0, 6.0])
    assert torch.equal(field(0.0, torch.tensor([[1.0, 1.0]])), torch.tensor([[8.0, 13.0]]))
    for wrong in ({"matrix": [[1.0, 2.0]]}, {"matrix": [[1.0], [2.0, 3.0]]}, {"drift": [1.0, 2.0, 3.0]}):
        with pytest.raises(UserError, match=r"matrix|drift"):
            LinearField((2,), **wrong)  # type: ignore[arg-type]


def test_images_and_empty_networks_and_a_funnel_of_one_number_are_refused() -> None:
    for kind in KINDS:
        with pytest.raises(UserError, match="vectors"):
            kind((1, 8, 8))  # type: ignore[call-arg]
    with pytest.raises(UserError, match="width"):
        GradientField((2,), width=0)
    with pytest.raises(UserError, match="across"):
        FunnelField((1,))
