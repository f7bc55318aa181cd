"""Shapes and reparametrisations know their derivatives; transforms turn reparametrisations into isometries."""

import math

import pytest
import torch

from pushforward import UserError
from pushforward_shapes.curves import Circle, CubeRootLine, HalfCircle, Infinity
from pushforward_shapes.pair import Shapes, grid
from pushforward_shapes.reparametrisations import LogStep, Rotation
from pushforward_shapes.shape import ParametrisedShape, size, slowest
from pushforward_shapes.surfaces import Cylinder, HyperbolicParaboloid
from pushforward_shapes.transforms import named, q_map, srnf, srvt

SHAPES = [Circle(), Circle(2.5), HalfCircle(), Infinity(), CubeRootLine(), HyperbolicParaboloid(), Cylinder()]
KNOWN = [LogStep(), LogStep(3.0), Rotation(), Rotation(-0.1)]


@pytest.mark.parametrize("part", [*SHAPES, *KNOWN], ids=lambda part: type(part).__name__)
def test_a_derivative_is_that_of_automatic_differentiation(part):
    x = torch.rand((9, part.parameters), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    points, claimed = part.at(x)
    true = torch.stack([torch.autograd.functional.jacobian(lambda y: part.at(y[None])[0][0], row) for row in x])
    torch.testing.assert_close(claimed, true, rtol=0, atol=1e-12)
    assert points.shape == (9, getattr(part, "space", part.parameters))


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: type(known).__name__)
def test_a_known_reparametrisation_maps_the_box_onto_itself_without_folds(known):
    d = known.parameters
    edges = torch.cartesian_prod(*[torch.linspace(0, 1, 101, dtype=torch.float64)] * d).view(-1, d)
    moved, jacobian = known.at(edges)
    assert float(torch.linalg.det(jacobian).min()) > 0.1
    assert float(moved.min()) > -1e-12 and float(moved.max()) < 1 + 1e-12
    on_edge = ((edges == 0) | (edges == 1)).any(1)
    torch.testing.assert_close(moved[on_edge], edges[on_edge], rtol=0, atol=1e-12)


def test_a_quarter_turn_has_the_least_determinant_that_its_manual_says():
    corners = torch.cartesian_prod(*[torch.linspace(0, 1, 201, dtype=torch.float64)] * 2)
    assert float(torch.linalg.det(Rotation(0.25).at(corners)[1]).min()) == pytest.approx(0.1186, abs=1e-3)
    for angle in (0.27, -0.27):
        assert float(torch.linalg.det(Rotation(angle).at(corners)[1]).min()) > 0
    with pytest.raises(UserError, match="folds the square"):
        Rotation(0.3)


def test_the_middle_of_the_square_is_turned_by_the_angle():
    near = torch.tensor([[0.5 + 1e-6, 0.5]], dtype=torch.float64)
    moved = Rotation(0.25).at(near)[0] - 0.5
    torch.testing.assert_close(moved, torch.tensor([[0.0, 1e-6]], dtype=torch.float64), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("transform", "one", "other", "along"),
    [
        (q_map, Infinity(), Circle(), LogStep()),
        (srvt, HalfCircle(), Infinity(), LogStep()),
        (q_map, Cylinder(), HyperbolicParaboloid(), Rotation()),
        (srnf, Cylinder(), HyperbolicParaboloid(), Rotation()),
    ],
)
def test_going_through_both_shapes_alike_changes_no_distance(transform, one, other, along):
    points = grid(4000 if along.parameters == 1 else 160, along.parameters)

    def distance(x, jacobian):
        first, second = (transform(p, d @ jacobian) for p, d in (one.at(x), other.at(x)))
        return float((first - second).square().sum(1).mean())

    plain = torch.eye(along.parameters, dtype=torch.float64).expand(len(points), -1, -1)
    assert distance(*along.at(points)) == pytest.approx(distance(points, plain), rel=1e-3)


def test_a_transform_of_what_is_gone_through_otherwise_is_weighed_by_the_root_of_the_determinant():
    x = grid(50, 1)
    there, jacobian = LogStep().at(x)
    for transform in (q_map, srvt):
        points, derivative = Infinity().at(there)
        whole = transform(points, derivative @ jacobian)
        torch.testing.assert_close(whole, jacobian[..., 0].sqrt() * transform(points, derivative))


def test_the_size_of_a_surface_is_that_of_its_normal_and_adds_up_to_its_area():
    points, derivative = Cylinder().at(grid(20, 2))
    normal = torch.linalg.cross(derivative[..., 0], derivative[..., 1])
    torch.testing.assert_close(size(derivative), normal.norm(dim=1))
    assert float(size(derivative).mean()) == pytest.approx(2 * math.pi)
    assert float(srnf(points, derivative).square().sum(1).mean()) == pytest.approx(2 * math.pi)


def test_the_q_map_of_the_cube_root_line_is_constant():
    found = q_map(*CubeRootLine().at(grid(9, 1)))
    torch.testing.assert_close(found, torch.tensor([[0.0, 1.0]]).double().expand(9, 2), rtol=0, atol=1e-14)


class Stopping(ParametrisedShape):
    """A curve that stops at 1/3, between all points of any grid that is likely."""

    parameters, space = 1, 2

    def at(self, x):
        u = x - 1 / 3
        return torch.cat([u**3, u**2], 1), torch.cat([3 * u**2, 2 * u], 1)[..., None]


class Torn(Circle):
    """A circle with a hole of NaN."""

    def at(self, x):
        points, derivative = super().at(x)
        return points, torch.where((x[..., None] > 0.7), math.nan, derivative)


def test_the_slowest_place_is_found_between_the_points_of_a_grid():
    where, least = slowest(Stopping())
    assert where.item() == pytest.approx(1 / 3) and least < 1e-6
    assert slowest(Circle())[1] == pytest.approx(1.0)
    place, least = slowest(HyperbolicParaboloid())
    torch.testing.assert_close(place, torch.full((2,), 0.5, dtype=torch.float64))
    assert least == pytest.approx(1 / math.sqrt(3))  # area 1 in the middle, sqrt(1 + 1 + 1) at the corners


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Shapes(Circle(), Cylinder()), "1 parameter in 2 dimensions, the fixed one 2 parameters in 3"),
        (lambda: Shapes(Circle(), along=Rotation()), "along moves points of 2 parameters, and the shapes have 1"),
        (lambda: Shapes(Stopping()), r"the derivative of the moving shape vanishes or is no number at \(0.333\)"),
        (lambda: Shapes(Circle(), Torn()), "the derivative of the fixed shape vanishes or is no number"),
        (lambda: Circle(0.0), "a circle of 0.0 turns"),
        (lambda: LogStep(-1.0), "sharpness is -1.0"),
        (lambda: named("srvt", Cylinder()), "srvt is for curves"),
        (lambda: named("srnf", Circle()), "srnf is for surfaces in space, and these are curves"),
    ],
)
def test_what_cannot_be_aligned_is_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()
