"""Transforms in which distances between shapes do not change when both are gone through alike."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pushforward import UserError
from pushforward_shapes.shape import ParametrisedShape, size

Transform = Callable[[Tensor, Tensor], Tensor]  # of points (n, m) and derivatives (n, m, d), to (n, m)


def q_map(points: Tensor, derivative: Tensor) -> Tensor:
    r"""The points, weighed: :math:`\sqrt{|c'|}\, c` of a curve, :math:`\sqrt{|f_1 \times f_2|}\, f` of a surface."""
    return size(derivative).sqrt()[:, None] * points


def srvt(points: Tensor, derivative: Tensor) -> Tensor:
    r"""The square-root velocity of a curve: :math:`c' / \sqrt{|c'|}`; it does not see where a curve is."""
    return derivative[..., 0] / size(derivative).sqrt()[:, None]


def srnf(points: Tensor, derivative: Tensor) -> Tensor:
    r"""The square-root normals of a surface: :math:`n / \sqrt{|n|}` of :math:`n = f_1 \times f_2`."""
    normal = torch.linalg.cross(derivative[..., 0], derivative[..., 1])
    return normal / normal.norm(dim=1, keepdim=True).sqrt()


def named(name: str, shape: ParametrisedShape) -> Transform:
    """The transform of that name, for a kind of shape.

    Raises:
        UserError: if it is for another kind.
    """
    if name == "srvt" and shape.parameters != 1:
        raise UserError("srvt is for curves, and these are surfaces: use srnf or q-map")
    if name == "srnf" and (shape.parameters, shape.space) != (2, 3):
        what = "curves: use srvt or q-map" if shape.parameters == 1 else f"in {shape.space} dimensions: use q-map"
        raise UserError(f"srnf is for surfaces in space, and these are {what}")
    return {"q-map": q_map, "srvt": srvt, "srnf": srnf}[name]
