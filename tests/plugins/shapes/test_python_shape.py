"""A user's own curve is aligned like one of the project's, and what is wrong with its file is said."""

import pytest
import torch

import pushforward
from pushforward import UserError
from pushforward_shapes.curves import Infinity
from pushforward_shapes.python_shape import PythonShape

EIGHT = """
import math
import torch

def shape(x):
    return torch.cat([(2 * math.pi * x).cos(), (4 * math.pi * x).sin()], 1)

def flat(x):
    return torch.stack([x[:, 0], x[:, 1], 0 * x[:, 0]], 1)

def numbers(x):
    return x[:, 0]

def constant(x):
    return torch.zeros(len(x), 2)

def broken(x):
    return x.no_such_thing()

def listed(x):
    return [1.0]
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "eight.py"
    path.write_text(EIGHT)
    return path


def test_it_is_the_curve_that_the_function_is_with_its_derivatives(file):
    x = torch.rand((7, 1), dtype=torch.float64)
    for found, expected in zip(PythonShape(file).at(x), Infinity().at(x), strict=True):
        torch.testing.assert_close(found.detach(), expected, rtol=0, atol=1e-12)
    x.requires_grad_()
    seconds = [torch.autograd.grad(shape.at(x)[1].sum(), x)[0] for shape in (PythonShape(file), Infinity())]
    torch.testing.assert_close(*seconds)


def test_a_surface_of_ones_own_has_its_dimensions(file):
    plane = PythonShape(file, 2, "flat")
    assert (plane.parameters, plane.space) == (2, 3)
    with torch.no_grad():
        points, derivative = plane.at(torch.rand(4, 2, dtype=torch.float64))
    assert derivative[0].tolist() == [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]] and not points.requires_grad


def test_a_recipe_names_it_by_its_path(file, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "about: An eight of one's own.\n"
        f"target: {{use: shapes, moving: {{use: python-shape, path: {file}}}, along: log-step}}\n"
        "model: {use: shape-alignment, flow: interval-diffeomorphism, rule: l-bfgs}\n"
    )
    game = pushforward.build(str(recipe)).play.game
    assert float(game.distance_before()) == pytest.approx(9.443, abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"function": "numbers"}, r"numbers gave shape \(3,\) for x of shape \(3, 1\): expected \(3, m\)"),
        ({"function": "constant"}, "constant cannot be differentiated in x"),
        ({"function": "broken"}, "eight.py:18: broken failed: AttributeError"),
        ({"function": "listed"}, "listed gave list: expected a tensor"),
        ({"function": "nothing"}, "nothing is no function"),
        ({"parameters": 3}, "parameters is 3, expected 1 for a curve or 2 for a surface"),
    ],
)
def test_what_is_no_shape_is_refused(file, arguments, message):
    with pytest.raises(UserError, match=message):
        PythonShape(file, **arguments)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"there is no Python file at .*gone\.py"):
        PythonShape(tmp_path / "gone.py")
