"""Sine flows are diffeomorphisms wherever their weights are allowed, and densities on the interval and the square."""

import math

import pytest
import torch

from pushforward import RunFailed, UserError
from pushforward_shapes.interval import IntervalDiffeomorphism
from pushforward_shapes.inverse import solved
from pushforward_shapes.lipschitz import LIMIT, LipschitzBall
from pushforward_shapes.pair import grid
from pushforward_shapes.residual import determinant
from pushforward_shapes.square import SquareDiffeomorphism, lipschitz_constants


def interval(*weights):
    """One whose layers have the given weights."""
    flow = IntervalDiffeomorphism((1,), len(weights), len(weights[0]))
    flow.weights.data = torch.tensor(weights, dtype=torch.float64)
    return flow


def wild(shape=(2,), layers=3, width=3, seed=0):
    """One whose layers all lie at the edge of what is allowed."""
    make = IntervalDiffeomorphism if shape == (1,) else SquareDiffeomorphism
    flow = make(shape, layers, width)
    generator = torch.Generator().manual_seed(seed)
    flow.weights.data = flow.projection(torch.randn(flow.weights.shape, generator=generator, dtype=torch.float64))
    return flow


def test_one_layer_of_one_sine_is_its_formula_and_two_are_its_composition():
    x = torch.linspace(0, 1, 11, dtype=torch.float64)[:, None]
    once = x + 0.3 * torch.sin(2 * math.pi * x) / (2 * math.pi)
    twice = once - 0.5 * torch.sin(math.pi * once) / math.pi
    moved, log_det = interval([0.0, 0.3], [-0.5, 0.0]).to_data(x)
    torch.testing.assert_close(moved, twice, rtol=0, atol=1e-15)
    slopes = (1 + 0.3 * torch.cos(2 * math.pi * x)) * (1 - 0.5 * torch.cos(math.pi * once))
    torch.testing.assert_close(log_det, slopes[:, 0].log(), rtol=0, atol=1e-14)


def test_the_ends_of_the_interval_stay_and_the_edges_of_the_square_stay_edges():
    ends = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    torch.testing.assert_close(wild((1,)).to_data(ends)[0], ends, rtol=0, atol=1e-15)
    corners = torch.cartesian_prod(ends[:, 0], ends[:, 0])
    torch.testing.assert_close(wild().to_data(corners)[0], corners, rtol=0, atol=1e-14)
    side = torch.stack([torch.ones(7), torch.linspace(0, 1, 7)], 1).double()
    moved = wild().to_data(side)[0].detach()
    torch.testing.assert_close(moved[:, 0], side[:, 0], rtol=0, atol=1e-14)
    assert float((moved[1:-1, 1] - side[1:-1, 1]).abs().max()) > 1e-3  # along the edge points do move


@pytest.mark.parametrize("width", [1, 2, 3])
def test_the_constants_are_the_largest_slopes_of_the_functions(width):
    """On a grid that has the places where a sine or cosine is largest."""
    flow = SquareDiffeomorphism((2,), 1, width)
    axis = torch.linspace(0, 1, 24 * width + 1, dtype=torch.float64)
    places = torch.cartesian_prod(axis, axis)
    constants = lipschitz_constants(width)
    for index in range(constants.numel()):
        weights = torch.zeros_like(constants)
        weights.view(-1)[index] = 1.0
        slope = flow.layer(weights, places)[1] - torch.eye(2, dtype=torch.float64)
        largest = torch.linalg.matrix_norm(slope, ord=2).max()
        torch.testing.assert_close(largest, constants.view(-1)[index], rtol=0, atol=1e-12)


@torch.no_grad()
def least_determinant(constants, width, tries):
    """Over weights (n, 2, width, 2 width + 1) that a projection with these constants lets pass, on 61 x 61 points."""
    flow, places = SquareDiffeomorphism((2,), 1, width), torch.cartesian_prod(*[torch.linspace(0, 1, 61).double()] * 2)
    allowed = LipschitzBall(constants)(tries)
    jacobians = torch.vmap(lambda weights: flow.layer(weights, places)[1], chunk_size=32)(allowed)
    return float(determinant(jacobians).min())


def extremes(width):
    """Every function of the first coordinate alone, and with every one of the second, in both signs."""
    each = 9.0 * torch.eye(width * (2 * width + 1), dtype=torch.float64)
    both = [torch.stack([sign * first, 0 * first]) for first in each for sign in (1, -1)]
    both += [torch.stack([first, sign * second]) for first in each for second in each for sign in (1, -1)]
    return torch.stack(both).view(-1, 2, width, 2 * width + 1)


def mixtures(width, count):
    """Random sparse weights of both directions."""
    generator = torch.Generator().manual_seed(0)
    shape = (count, 2, width, 2 * width + 1)
    return torch.randn(shape, generator=generator, dtype=torch.float64) ** 5


@pytest.mark.parametrize("width", [2, 3])
def test_no_allowed_layer_folds_the_square(width):
    constants = lipschitz_constants(width)
    assert 0 <= least_determinant(constants, width, extremes(width)) < 2e-6  # as near to folding as it may
    assert least_determinant(constants, width, mixtures(width, 200)) > 0


def test_the_constants_of_the_published_code_allow_a_determinant_of_minus_one():
    k = torch.arange(1, 3, dtype=torch.float64)[:, None]
    published = (4 * k**2 + k.T**2).sqrt() / (2 * k * k.T)
    constants = torch.cat([torch.ones_like(k), published, published], 1).expand(2, -1, -1)
    weights = torch.zeros(2, 2, 5, dtype=torch.float64)
    weights[:, 0, 2] = 1 / math.sqrt(2)  # k = 1, l = 2, the product of sines, in both directions
    assert float((weights.abs() * constants).sum()) == pytest.approx(1.0)
    assert least_determinant(constants, 2, weights[None]) == pytest.approx(-1.0, abs=1e-4)
    assert least_determinant(lipschitz_constants(2), 2, weights[None]) >= 0


def test_a_projected_layer_is_shortened_and_an_allowed_one_is_left_alone():
    projection = LipschitzBall(torch.tensor([1.0, 2.0], dtype=torch.float64))
    value = torch.tensor([[3.0, -1.0], [0.1, 0.2]], dtype=torch.float64)
    found = projection(value)
    torch.testing.assert_close(found[0], value[0] * LIMIT / 5)
    assert torch.equal(found[1], value[1])
    torch.testing.assert_close(projection(found), found, rtol=1e-15, atol=0)


@pytest.mark.parametrize("shape", [(1,), (2,)])
@pytest.mark.parametrize("seed", range(3))
def test_at_the_edge_of_what_is_allowed_points_come_back(shape, seed):
    flow = wild(shape, layers=2, seed=seed)
    z = torch.rand((50, *shape), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    with torch.no_grad():
        x, log_det = flow.to_data(z)
        again, _ = flow.to_base(x)
    steep = float((-log_det).exp().max())  # an inverse multiplies what is left of an error by this
    assert float((again - z).abs().max()) < 1e-11 * max(steep, 1)
    assert x.min() >= 0 and x.max() <= 1


def test_where_the_slope_is_a_millionth_the_inverse_is_found():
    flow = interval([0.0, -LIMIT])
    x = torch.tensor([[0.0], [1e-9], [1e-4], [0.5], [1 - 1e-5], [1.0]], dtype=torch.float64)
    with torch.no_grad():
        z = flow.to_base(x)[0]
        torch.testing.assert_close(flow.to_data(z)[0], x, rtol=0, atol=1e-12)


def test_the_inverse_of_a_row_does_not_depend_on_the_others():
    flow = wild()
    x = torch.rand(20, 2, dtype=torch.float64)
    with torch.no_grad():
        assert torch.equal(flow.to_base(x)[0][:3], flow.to_base(x[:3])[0])


def test_what_has_no_inverse_is_said():
    with pytest.raises(RunFailed, match="1 of 2 points could not be traced back to 1e-12"):
        solved(lambda x: (x**2 + 1, 2 * x[..., None]), torch.tensor([[2.0], [0.5]], dtype=torch.float64), 1e-12)


def test_derivatives_of_the_inverse_are_those_of_the_implicit_function():
    """Of z(y) with z + f(z) = y: z' = 1 / phi', z'' = -phi'' / phi'^3, and the derivative in the weight -b / phi'."""
    flow = interval([0.4])
    y = torch.tensor([[0.3]], dtype=torch.float64, requires_grad=True)
    z = flow.to_base(y)[0]
    angle = math.pi * z.detach()
    slope, bend, function = 1 + 0.4 * angle.cos(), -0.4 * math.pi * angle.sin(), angle.sin() / math.pi
    first, weight = torch.autograd.grad(z.sum(), (y, flow.weights), create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), y, create_graph=True)
    torch.testing.assert_close(first, 1 / slope)
    torch.testing.assert_close(weight[0], -function[0] / slope[0])
    torch.testing.assert_close(second, -bend / slope**3)


@pytest.mark.parametrize("shape", [(1,), (2,)])
def test_the_density_is_that_of_uniform_noise_and_has_mass_one(shape):
    flow = wild(shape, layers=2, width=2, seed=1)
    flow.weights.data *= 0.7
    points = grid(400 if shape == (1,) else 60, len(shape) if shape == (1,) else 2)
    with torch.no_grad():
        density = flow.log_density(points).exp()
    assert float(density.mean()) == pytest.approx(1.0, abs=2e-3)
    u = points[::7]
    with torch.no_grad():
        x, log_det = flow.to_data(u)
        torch.testing.assert_close(flow.log_density(x), -log_det, rtol=0, atol=1e-9)


def test_outside_the_box_there_is_no_density_and_a_point_of_its_edge_is_inside():
    flow = wild((1,))
    x = torch.tensor([[-0.2], [0.0], [1.0], [1.2], [math.nan]], dtype=torch.float64)
    found = flow.log_density(x)
    assert found.isinf().tolist() == [True, False, False, True, False] and found[4].isnan()


def test_seeds_begin_elsewhere_and_a_spread_of_zero_is_the_identity():
    flow = IntervalDiffeomorphism((1,), spread=0.0)
    x = torch.rand(5, 1, dtype=torch.float64)
    assert torch.equal(flow.to_data(x)[0], x)
    assert float(SquareDiffeomorphism((2,), 2, 2, spread=50.0).slack().min()) == pytest.approx(1e-6)
    assert not torch.equal(IntervalDiffeomorphism((1,)).weights, IntervalDiffeomorphism((1,)).weights)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: IntervalDiffeomorphism((2,)), "moves single numbers of an interval: the data are \\(2,\\)"),
        (lambda: SquareDiffeomorphism((1, 8, 8)), "moves points of a square"),
        (lambda: IntervalDiffeomorphism((1,), layers=0), "0 layers of 10 sines: expected at least 1"),
        (lambda: SquareDiffeomorphism((2,), width=0), "10 layers of 0 waves"),
        (lambda: IntervalDiffeomorphism((1,), spread=-1.0), "spread is -1.0"),
        (lambda: IntervalDiffeomorphism((1,), tolerance=0.0), "tolerance 0.0"),
    ],
)
def test_what_makes_no_diffeomorphism_is_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()


@pytest.mark.parametrize(("dtype", "far"), [(torch.float32, 30.3), (torch.float64, 1e6)])
def test_points_far_outside_the_box_are_traced_back_as_well_as_their_size_allows(dtype, far):
    flow = IntervalDiffeomorphism((1,), spread=1.0).to(dtype)
    assert bool((flow.log_density(torch.full((3, 1), far, dtype=dtype)) == -torch.inf).all())
