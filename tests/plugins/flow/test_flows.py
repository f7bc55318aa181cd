"""Every flow of the plugin is a diffeomorphism with the log-determinant that it says, row by row."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pushforward import Draw, Flow, UserError
from pushforward_flow import plugin
from pushforward_flow.autoregressive import MAF

FLOWS = {c.name: c.at for c in plugin.components() if c.kind == "flow" and c.name != "continuous-flow"}  # discrete
every_flow = pytest.mark.parametrize("name", FLOWS)
every_shape = pytest.mark.parametrize("shape", [(1,), (2,), (5,), (1, 2, 3)], ids=str)


def made(name: str, shape: tuple[int, ...], spread: float = 0.05, **arguments: object) -> Flow:
    """A flow in float64 whose weights are moved away from where they begin, so that it is far from the identity."""
    module, _, attribute = FLOWS[name].partition(":")
    torch.manual_seed(0)
    flow = getattr(importlib.import_module(module), attribute)(shape, **arguments).double()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter += spread * torch.randn_like(parameter)
    return flow


def data(n: int, shape: tuple[int, ...], scale: float = 1.5) -> Tensor:
    return scale * torch.randn(n, *shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def jacobians(function: Callable[[Tensor], tuple[Tensor, Tensor]], x: Tensor) -> Tensor:
    """(n, D, D) by automatic differentiation, one row of x after the other."""
    d = x[0].numel()
    each = [torch.autograd.functional.jacobian(lambda y: function(y)[0], row[None]).reshape(d, d) for row in x]
    return torch.stack(each)


@every_flow
@every_shape
@torch.no_grad()
def test_there_and_back_is_the_identity_in_float64(name: str, shape: tuple[int, ...]) -> None:
    flow, x = made(name, shape), data(200, shape)
    z, log_det = flow.to_base(x)
    back, log_det_back = flow.to_data(z)
    assert (back - x).abs().max() < 1e-9
    assert (log_det + log_det_back).abs().max() < 1e-9
    assert (flow.to_base(flow.to_data(x)[0])[0] - x).abs().max() < 1e-9


@every_flow
@torch.no_grad()
def test_there_and_back_is_the_identity_in_float32(name: str) -> None:
    flow, x = made(name, (5,), spread=0.02).float(), data(200, (5,)).float()
    z, log_det = flow.to_base(x)
    assert z.dtype == log_det.dtype == torch.float32
    assert (flow.to_data(z)[0] - x).abs().max() < 1e-4


@every_flow
@every_shape
@torch.no_grad()
def test_it_begins_as_the_identity(name: str, shape: tuple[int, ...]) -> None:
    z, log_det = made(name, shape, spread=0.0).to_base(data(50, shape))
    assert (z - data(50, shape)).abs().max() < 1e-12 and log_det.abs().max() < 1e-12


@every_flow
@every_shape
def test_the_log_determinant_is_that_of_the_jacobian(name: str, shape: tuple[int, ...]) -> None:
    flow, x = made(name, shape), data(6, shape)
    for function in (flow.to_base, flow.to_data):
        expected = torch.linalg.slogdet(jacobians(function, x)).logabsdet
        assert (function(x)[1] - expected).abs().max() < 1e-9
    z = flow.to_base(x)[0]
    normal = -0.5 * z.flatten(1).square().sum(1) - x[0].numel() / 2 * math.log(2 * math.pi)
    jacobian = torch.linalg.slogdet(jacobians(flow.to_base, x)).logabsdet
    assert torch.allclose(flow.log_density(x), normal + jacobian, atol=1e-9)


def test_one_map_of_a_maf_has_a_triangular_jacobian() -> None:
    jacobian = jacobians(made("maf", (5,), transforms=1).to_base, data(4, (5,)))
    assert (jacobian.triu(1) == 0).all()
    assert (jacobian.tril(-1).abs().amax(0)[torch.tril_indices(5, 5, -1).unbind()] > 0).all()
    assert (jacobian.diagonal(dim1=1, dim2=2) > 0).all()


def test_two_maps_of_a_maf_depend_on_coordinates_in_both_orders() -> None:
    jacobian = jacobians(made("maf", (3,), transforms=2).to_base, data(4, (3,)))
    assert (jacobian.abs().amax(0) > 0).all()


def test_one_coupling_layer_leaves_half_of_the_coordinates() -> None:
    x = data(4, (4,))
    moved = made("realnvp", (4,), transforms=1).to_base(x)[0] - x
    assert (moved.abs().amax(0) > 0).tolist() == [False, True, False, True]


def test_a_spline_is_the_identity_outside_its_box() -> None:
    x = torch.tensor([[7.0, -8.0]], dtype=torch.float64)
    z, log_det = made("nsf", (2,)).to_base(x)
    assert torch.equal(z, x)
    assert log_det.item() == 0


@every_flow
@torch.no_grad()
def test_the_density_has_mass_one(name: str) -> None:
    line = torch.linspace(-100, 100, 100_001, dtype=torch.float64)
    mass = torch.trapezoid(made(name, (1,)).log_density(line[:, None]).exp(), line)
    assert abs(mass - 1) < 2e-4
    axis = torch.linspace(-10, 10, 251, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    # The kinks of relu make a sum over cells of .08 right to about 1e-3.
    assert abs(made(name, (2,)).log_density(grid).exp().sum() * 0.08**2 - 1) < 2e-3


@every_flow
@every_shape
def test_no_rows_give_no_rows(name: str, shape: tuple[int, ...]) -> None:
    flow = made(name, shape)
    for function in (flow.to_base, flow.to_data):
        y, log_det = function(torch.empty(0, *shape, dtype=torch.float64))
        assert y.shape == (0, *shape) and log_det.shape == (0,)
    assert flow.sample(0).shape == (0, *shape)


@every_flow
@torch.no_grad()
def test_a_row_of_nan_leaves_the_others_alone(name: str) -> None:
    flow, x = made(name, (3,)), data(5, (3,))
    broken = x.clone()
    broken[2] = math.nan
    others = [0, 1, 3, 4]
    for function in (flow.to_base, flow.to_data):
        whole, torn = function(x), function(broken)
        assert torch.equal(whole[0][others], torn[0][others]) and torch.equal(whole[1][others], torn[1][others])
    assert flow.log_density(broken)[2].isnan()


@every_flow
def test_gradients_are_the_same_in_training_and_in_evaluation(name: str) -> None:
    flow, x = made(name, (3,)), data(20, (3,))
    found = []
    for mode in (True, False):
        flow.train(mode)
        found.append(torch.autograd.grad(flow.log_density(x).mean(), list(flow.parameters()), allow_unused=True))
    for trained, evaluated in zip(*found, strict=True):
        assert trained is not None and evaluated is not None and torch.equal(trained, evaluated)


@every_flow
@torch.no_grad()
def test_its_own_samples_go_back_to_standard_normal_noise(name: str) -> None:
    flow, draw = made(name, (2,)), Draw(0, (), 4000, dtype=torch.float64)
    z = flow.to_base(flow.sample(4000, draw=draw))[0]
    assert z.mean(0).abs().max() < 4 / math.sqrt(4000)  # four standard errors of a mean
    assert (z.var(0) - 1).abs().max() < 4 * math.sqrt(2 / 4000)


@every_flow
def test_what_cannot_be_built_is_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(UserError, match="transforms is 0: expected at least 1"):
        made(name, (2,), transforms=0)
    with pytest.raises(UserError, match=r"hidden is \[8, 0\]"):
        made(name, (2,), hidden=[8, 0])


def test_a_spline_of_one_piece_is_refused() -> None:
    with pytest.raises(UserError, match="bins is 1"):
        made("nsf", (2,), bins=1)


def test_a_maf_without_hidden_layers_is_linear_in_its_first_map() -> None:
    flow = MAF((2,), transforms=1, hidden=[]).double()
    x = data(10, (2,))
    first = flow.to_base(x)[0][:, 0]
    slope = (first[1:] - first[:-1]) / (x[1:, 0] - x[:-1, 0])
    assert torch.allclose(slope, slope[:1].expand(9))
