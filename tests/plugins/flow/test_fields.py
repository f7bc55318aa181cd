"""Velocities that change in time: their divergence is that of autograd, and their flows are known."""

from __future__ import annotations

import functools
import math

import pytest
import torch
from torch import Tensor, nn

from pushforward import UserError, VelocityField
from pushforward.numerics.divergence import exact_divergence
from pushforward_flow.continuous import ContinuousFlow
from pushforward_flow.fields import PotentialField, TimedGradientField, TimedLinearField


def smooth(inputs: tuple[int, ...], outputs: tuple[int, ...]) -> nn.Module:
    return nn.Sequential(nn.Linear(*inputs, 8), nn.SiLU(), nn.Linear(8, 1), nn.Flatten(0))


def made(field: type[VelocityField]) -> VelocityField:
    torch.manual_seed(0)
    module = field(smooth, (3,)) if field is PotentialField else field((3,))  # type: ignore[call-arg, arg-type]
    for parameter in module.parameters():
        parameter.data.add_(0.3 * torch.randn_like(parameter))
    return module.double()


def points() -> Tensor:
    return torch.randn(5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("field", [TimedLinearField, TimedGradientField, PotentialField])
def test_the_divergence_is_that_of_the_jacobian_at_every_time(field: type[VelocityField]) -> None:
    module, times = made(field), torch.linspace(0, 1, 5, dtype=torch.float64)
    for t in (times, 0.7):
        true = exact_divergence(functools.partial(module, t), points())
        assert (module.divergence(t, points()) - true).abs().max() < 1e-12
    assert (module(0.2, points()) - module(0.9, points())).abs().max() > 1e-2  # it does change in time


@pytest.mark.parametrize("field", [TimedGradientField, PotentialField])
def test_a_gradient_has_a_symmetric_jacobian(field: type[VelocityField]) -> None:
    module = made(field)
    for row in points():
        jacobian = torch.autograd.functional.jacobian(lambda y: module(0.4, y[None])[0], row)
        assert (jacobian - jacobian.T).abs().max() < 1e-12


def test_a_line_in_time_has_the_flow_of_its_integral() -> None:
    # x' = t x + 2 t ends at (x + 2) e^{1/2} - 2, of log-determinant 1/2 a coordinate
    field = TimedLinearField((2,), order=1).double()
    with torch.no_grad():
        for parameter in field.parameters():
            parameter.zero_()
        field.weights[1].copy_(torch.eye(2))
        field.offsets[1].fill_(2.0)
        z = points()[:, :2]
        x, log_det = ContinuousFlow((2,), field, tolerance=1e-9).to_data(z)
    assert (x - ((z + 2) * math.exp(0.5) - 2)).abs().max() < 1e-7
    assert (log_det - 1).abs().max() < 1e-7


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UserError, match="order is -1"):
        TimedLinearField((2,), order=-1)
    with pytest.raises(UserError, match="width is 0"):
        TimedGradientField((2,), width=0)
    with pytest.raises(UserError, match=r"moves vectors \(D,\): the target's shape is \(1, 8, 8\)"):
        PotentialField(smooth, (1, 8, 8))
