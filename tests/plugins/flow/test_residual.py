"""Contractions added to the identity: bounded by construction, undone by iteration, with a series for determinant."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pushforward import RunFailed, UserError
from pushforward.testing import check_component
from pushforward.testing.flows import moved_away
from pushforward_flow import residual
from pushforward_flow.residual import Contraction, ResidualFlow, further, norm, series


def data(n: int, *shape: int) -> Tensor:
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def wild(flow: ResidualFlow) -> ResidualFlow:
    """Weights so large that every bound is reached."""
    with torch.no_grad():
        for parameter in flow.double().parameters():
            parameter.copy_(3 * data(*parameter.shape))
    return flow


def test_it_keeps_the_contract_where_bounds_are_reached_and_conditions_are_given() -> None:
    check_component("flow", "residual-flow", examples={"transforms": 2, "hidden": [16], "lipschitz": 0.5})


def test_no_two_points_come_nearer_than_the_bound_allows() -> None:
    torch.manual_seed(0)
    g = Contraction(3, [16, 16], 0.9, 0).double()
    with torch.no_grad():
        for parameter in g.parameters():
            parameter.copy_(3 * data(*parameter.shape))
    x, y = data(2000, 3), data(4000, 3)[2000:]
    y = x + 1e-3 * y
    slopes = (g(x) - g(y)).norm(dim=1) / (x - y).norm(dim=1)
    assert 0.05 < float(slopes.max()) <= 0.9
    matrices = [layer.weight * (g.each / norm(layer.weight)) for layer in g.layers]
    assert abs(math.prod(float(norm(m)) for m in matrices) - 0.9) < 1e-12


@torch.no_grad()
def test_the_error_of_the_inverse_falls_by_the_lipschitz_constant_every_turn() -> None:
    layer = wild(ResidualFlow((2,), transforms=1, hidden=[16], lipschitz=0.6)).layers[0]
    z = data(50, 2)
    exact, x = z, z
    for _ in range(200):
        exact = z - layer(exact)
    start = (z - exact).norm(dim=1)
    for k in range(1, 20):
        x = z - layer(x)
        assert ((x - exact).norm(dim=1) <= 0.6**k * start + 1e-12).all()


@torch.no_grad()
def test_there_and_back_is_within_the_tolerance_where_every_bound_is_reached() -> None:
    flow, x = wild(ResidualFlow((3,), transforms=3, tolerance=1e-9)), data(50, 3)
    z, log_det = flow.to_base(x)
    back, opposite = flow.to_data(z)
    assert (back - x).abs().max() < 1e-8 and (log_det + opposite).abs().max() < 1e-7


@pytest.mark.parametrize("determinant", ["exact", "series"])
def test_gradients_through_the_inverse_are_those_of_differences(determinant: str) -> None:
    flow = moved_away(ResidualFlow((2,), 2, [8], 0.5, 1e-12, determinant))  # type: ignore[arg-type]
    z, weight = data(5, 2), flow.layers[0].layers[0].weight
    flow.tolerance = 1e-12
    (slope,) = torch.autograd.grad(flow.to_data(z)[0].square().sum(), weight)
    step, values = torch.zeros_like(weight), []
    step[0, 0] = 1e-5
    for sign in (1, -2):
        with torch.no_grad():
            weight += sign * step
            values.append(float(flow.to_data(z)[0].square().sum()))
    assert abs(float(slope[0, 0]) - (values[0] - values[1]) / 2e-5) < 1e-7


def test_the_series_is_unbiased_and_its_first_terms_alone_are_not() -> None:
    matrix = 0.5 * data(4, 4) / torch.linalg.matrix_norm(data(4, 4), 2)
    matrix = matrix + 0.4 * torch.eye(4, dtype=torch.float64)
    exact = float(torch.linalg.slogdet(torch.eye(4) + matrix).logabsdet)
    found = series(lambda x: x @ matrix.T, data(20_000, 4), data(20_000, 4), terms=1).detach()
    error = float(found.std()) / math.sqrt(len(found))
    assert error < 0.02 and abs(float(found.mean()) - exact) < 4 * error  # four standard errors
    assert abs(float(matrix.trace()) - exact) > 0.1


def test_how_many_terms_follow_is_geometric() -> None:
    more = further(data(20_000, 4))
    for m in (1, 2, 3, 4):
        share = float((more >= m).double().mean())
        assert abs(share - 2.0**-m) < 4 * math.sqrt(2.0**-m / 20_000)  # four standard errors


def test_a_row_has_one_density_in_whatever_batch_it_stands() -> None:
    flow, x = moved_away(ResidualFlow((10,), 2, [16], terms=2)), data(20, 10)
    assert not flow.exact
    whole = flow.log_density(x)
    assert torch.allclose(whole[3:5], flow.log_density(x[3:5]), atol=1e-12)


@torch.no_grad()
def test_the_probe_of_a_row_is_another_one_whenever_a_weight_is() -> None:
    """The last bias of the only layer leaves its Jacobian as it is, but not the errors of the series."""
    flow, x = moved_away(ResidualFlow((10,), 1, [16], terms=1)), data(2000, 10)
    exact = ResidualFlow((10,), 1, [16], determinant="exact").double()
    exact.load_state_dict(flow.state_dict())
    true = exact.to_base(x)[1]
    one = flow.to_base(x)[1] - true
    assert torch.equal(one, flow.to_base(x)[1] - true)
    flow.layers[0].layers[-1].bias.add_(1.0)
    other = flow.to_base(x)[1] - true
    together = torch.corrcoef(torch.stack([one, other]))[0, 1]
    assert abs(float(together)) < 4 / math.sqrt(len(x))  # four standard errors of independent ones


def test_what_cannot_be_built_or_undone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="lipschitz is 1.0"):
        ResidualFlow((2,), lipschitz=1.0)
    monkeypatch.setattr(residual, "TURNS", 2)
    with pytest.raises(RunFailed, match="2 turns did not bring a layer's inverse to 1e-12"):
        wild(ResidualFlow((2,), 1, tolerance=1e-12)).to_data(data(5, 2))
