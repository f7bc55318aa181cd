"""What is peculiar to each discrete flow; that it is a diffeomorphism with its log-determinant, the contract sees."""

from __future__ import annotations

import importlib
import math
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor
from zuko.transforms import MonotonicAffineTransform, MonotonicRQSTransform

from pushforward import Draw, Flow, UserError
from pushforward.testing import check_component
from pushforward.testing.flows import jacobians, moved_away
from pushforward_flow import plugin
from pushforward_flow.autoregressive import MAF
from pushforward_flow.coupling import Coupling, RealNVP
from pushforward_flow.linear import LU
from pushforward_flow.monotone import Affine, CircularSpline, Spline, turned
from pushforward_flow.spline import NSF

FLOWS = {c.name: c.at for c in plugin.components() if c.name in ("maf", "nsf", "realnvp", "nice")}
every_flow = pytest.mark.parametrize("name", FLOWS)


def made(name: str, shape: tuple[int, ...], moved: bool = True, **arguments: Any) -> Flow:
    """A flow in float64, whose weights are moved away from where they begin."""
    module, _, attribute = FLOWS[name].partition(":")
    torch.manual_seed(0)
    flow: Flow = getattr(importlib.import_module(module), attribute)(shape, **arguments).double()
    return moved_away(flow) if moved else flow


def data(n: int, *shape: int, scale: float = 1.5) -> Tensor:
    return scale * torch.randn(n, *shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("nsf", {"coupling": True}),
        ("nsf", {"domain": "box", "transforms": 2}),
        ("nsf", {"domain": "torus", "transforms": 2}),
        ("nsf", {"domain": "torus", "transforms": 2, "coupling": True}),
        ("maf", {"linear": True, "modes": 3, "context": 0, "shape": (3,), "transforms": 2}),
        ("realnvp", {"shape": (1, 2, 2)}),
        ("maf", {"shape": (1,)}),
        ("realnvp", {"shape": (1,), "conditional": True}),
    ],
    ids=str,
)
def test_it_keeps_the_contract_in_another_form(name: str, arguments: dict[str, Any]) -> None:
    check_component("flow", name, examples=arguments)


@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_a_spline_and_its_slope_are_those_of_zuko(scale: float) -> None:
    x, theta = data(500, 4, scale=3.0), data(500, 4, 23, scale=scale)
    theirs = MonotonicRQSTransform(*theta.split([8, 8, 7], -1), bound=5.0)
    z, log_slope = Spline(8, -5.0, 5.0).bend(x, theta)
    with warnings.catch_warnings(action="ignore"):
        expected, their_slope = theirs.call_and_ladj(x)
    assert (z - expected).abs().max() < 1e-9
    assert (log_slope.sum(1) - their_slope.view(500, -1).sum(1)).abs().max() < 1e-8
    back, opposite = Spline(8, -5.0, 5.0).unbend(z, theta)
    assert (back - x).abs().max() < 1e-9 and (log_slope + opposite).abs().max() < 1e-8


def test_an_affine_map_is_that_of_zuko() -> None:
    x, theta = data(500, 4), data(500, 4, 2)
    expected, log_slope = MonotonicAffineTransform(theta[..., 0], theta[..., 1]).call_and_ladj(x)
    z, found = Affine().bend(x, theta)
    assert (z - expected).abs().max() < 1e-12
    assert (found.sum(1) - log_slope.view(500, -1).sum(1)).abs().max() < 1e-12


@pytest.mark.parametrize("ends", ["one", "free", "equal"])
def test_a_spline_increases_from_end_to_end_and_its_slope_is_its_derivative(ends: str) -> None:
    spline = Spline(5, 0.0, 1.0, ends)
    x = torch.linspace(0, 1, 2001, dtype=torch.float64)
    theta = data(1, spline.numbers, scale=2.0).expand(2001, -1)
    z, log_slope = spline.bend(x.requires_grad_(), theta)
    assert z[0] == 0 and abs(float(z[-1]) - 1) < 1e-12 and bool((z.diff() > 0).all())
    (slope,) = torch.autograd.grad(z.sum(), x)
    assert (slope.log() - log_slope)[1:-1].abs().max() < 1e-9  # at an end half of the slope is the clamp's
    first, last = log_slope[0].item(), log_slope[-1].item()
    assert {"one": max(abs(first), abs(last)) < 1e-9, "equal": abs(first - last) < 1e-9, "free": True}[ends]


def test_a_circular_spline_is_one_smooth_map_of_the_circle() -> None:
    spline, theta = CircularSpline(6), data(1, 19)
    near = torch.tensor([[math.pi - 1e-12], [-math.pi + 1e-12]], dtype=torch.float64)
    z, log_slope = spline.bend(near, theta[:, None].expand(2, 1, -1))
    assert abs(float(turned(z[0] - z[1]))) < 1e-6 and abs(float(log_slope[0] - log_slope[1])) < 1e-6
    again, _ = spline.bend(near + 2 * math.pi, theta[:, None].expand(2, 1, -1))
    assert turned(again - z).abs().max() < 1e-12


@every_flow
@pytest.mark.parametrize("shape", [(1,), (5,), (1, 2, 3)], ids=str)
@torch.no_grad()
def test_it_begins_as_the_identity(name: str, shape: tuple[int, ...]) -> None:
    z, log_det = made(name, shape, moved=False).to_base(data(50, *shape))
    assert (z - data(50, *shape)).abs().max() < 1e-12 and log_det.abs().max() < 1e-12


def test_two_maps_of_a_maf_depend_on_coordinates_in_both_orders() -> None:
    jacobian = jacobians(made("maf", (3,), transforms=2).to_base, data(4, 3))
    assert (jacobian.abs().amax(0) > 0).all()


@pytest.mark.parametrize("hidden", [[], [3], [64, 64]], ids=str)
def test_one_map_of_a_maf_uses_every_earlier_coordinate(hidden: list[int]) -> None:
    jacobian = jacobians(made("maf", (4,), transforms=1, hidden=hidden).to_base, data(20, 4)).abs().amax(0)
    assert (jacobian[torch.tril_indices(4, 4, -1).unbind()] > 0).all() and (jacobian.triu(1) == 0).all()


def test_one_coupling_layer_leaves_half_of_the_coordinates() -> None:
    x = data(4, 4)
    moved = made("realnvp", (4,), transforms=1).to_base(x)[0] - x
    assert (moved.abs().amax(0) > 0).tolist() == [False, True, False, True]


def test_a_spline_is_the_identity_outside_its_box() -> None:
    x = torch.tensor([[7.0, -8.0]], dtype=torch.float64)
    z, log_det = made("nsf", (2,)).to_base(x)
    assert torch.equal(z, x) and log_det.item() == 0


def test_a_batch_outside_the_box_of_the_splines_trains_on_with_a_gradient_of_zero() -> None:
    flow = made("nsf", (3,))
    flow.log_density(data(20, 3) + 50).mean().backward()
    assert all(p.grad is None or not p.grad.any() for p in flow.parameters())


@torch.no_grad()
def test_linear_maps_mix_coordinates_by_a_matrix_whose_determinant_they_know() -> None:
    torch.manual_seed(0)
    for rotated in (False, True):
        lu = LU(5, rotated).double()
        lu.lower += data(5, 5, scale=0.3)
        lu.log_size += data(5, scale=0.3)
        matrix = lu.times(torch.eye(5, dtype=torch.float64))
        assert abs(torch.linalg.slogdet(matrix).logabsdet - lu.log_size.sum()) < 1e-12
        assert (lu.divided(matrix) - torch.eye(5)).abs().max() < 1e-12
        x = data(1, 5)
        flow = MAF((5,), transforms=1, linear=True).double()
        flow.layers[0].matrix = lu
        mean, covariance = torch.zeros(5, dtype=torch.float64), torch.linalg.inv(matrix.T @ matrix)
        normal = torch.distributions.MultivariateNormal(mean, covariance)
        assert abs(flow.log_density(x) - normal.log_prob(x)) < 1e-9


@torch.no_grad()
def test_a_mixture_of_gaussians_is_the_density_of_a_flow_that_is_the_identity_on_it() -> None:
    flow = made("realnvp", (2,), moved=False, modes=4)
    mixture = flow.mixture
    mixture.logits += data(4, scale=0.7)
    mixture.log_scales += data(4, 2, scale=0.3)
    x = data(30, 2)
    each = torch.distributions.Normal(mixture.means, mixture.log_scales.exp()).log_prob(x[:, None]).sum(2)
    assert (flow.log_density(x) - (each + mixture.logits.log_softmax(0)).logsumexp(1)).abs().max() < 1e-12
    n = 20_000
    samples = flow.sample(n, draw=Draw(0, (), n, dtype=torch.float64))
    mean = mixture.logits.softmax(0) @ mixture.means
    assert ((samples.mean(0) - mean).abs() < 4 * samples.std(0) / math.sqrt(n)).all()  # four standard errors


def test_a_vector_may_be_the_condition_and_a_change_of_it_changes_its_row_alone() -> None:
    flow, x, context = made("nsf", (2,), context=3, coupling=True), data(6, 2), data(6, 3)
    before, other = flow.log_density(x, context), context.clone()
    other[2] += 1
    after = flow.log_density(x, other)
    assert (before != after).nonzero().flatten().tolist() == [2]
    with pytest.raises(UserError, match=r"condition of shape \(5, 3\) for data of shape \(6, 2\): expected one for ev"):
        flow.log_density(x, context[:5])
    with pytest.raises(UserError, match=r"a context of shape \(6, 2\): expected \(n, 3\)"):
        flow.log_density(x, context[:, :2])
    with pytest.raises(UserError, match="NSF wants a condition for every row, and none was given"):
        flow.sample(4)


def test_a_class_outside_of_those_there_are_is_refused() -> None:
    flow = made("maf", (2,), conditional=True, classes=3)
    with pytest.raises(UserError, match="MAF: a class outside 0 to 2"):
        flow.log_density(data(2, 2), torch.tensor([0, 3]))
    with pytest.raises(UserError, match="the target has no labels to condition on"):
        made("maf", (2,), conditional=True)


@every_flow
def test_what_cannot_be_built_is_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(UserError, match="transforms is 0: expected at least 1"):
        made(name, (2,), transforms=0)
    with pytest.raises(UserError, match=r"hidden is \[8, 0\]"):
        made(name, (2,), hidden=[8, 0])
    with pytest.raises(UserError, match="modes is 0"):
        made(name, (2,), modes=0)
    with pytest.raises(UserError, match="context is -1"):
        made(name, (2,), context=-1)


def test_a_spline_of_one_piece_and_a_linear_map_of_angles_are_refused() -> None:
    with pytest.raises(UserError, match="bins is 1"):
        NSF((2,), bins=1)
    with pytest.raises(UserError, match="would leave the torus"):
        NSF((2,), domain="torus", linear=True)


def test_a_mask_that_leaves_nothing_to_move_is_refused() -> None:
    with pytest.raises(UserError, match="keeps all 3 coordinates"):
        Coupling(torch.ones(3, dtype=torch.bool), Affine(), [8], "relu")


def test_data_of_another_shape_are_refused() -> None:
    with pytest.raises(UserError, match=r"RealNVP: data of shape \(5, 3\): expected \(\.\.\., 2\)"):
        RealNVP((2,)).log_density(torch.zeros(5, 3))


def test_a_maf_without_hidden_layers_is_linear_in_its_first_map() -> None:
    flow = MAF((2,), transforms=1, hidden=[]).double()
    x = data(10, 2)
    first = flow.to_base(x)[0][:, 0]
    slope = (first[1:] - first[:-1]) / (x[1:, 0] - x[:-1, 0])
    assert torch.allclose(slope, slope[:1].expand(9))
