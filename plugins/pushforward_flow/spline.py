"""The neural spline flow: each coordinate goes through a monotonic spline that others shape."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from pushforward import UserError
from pushforward_flow.autoregressive import Autoregressive, Embedding
from pushforward_flow.coupling import Coupling, every_second
from pushforward_flow.layered import Condition, Layer, LayeredFlow, checked
from pushforward_flow.linear import mixed
from pushforward_flow.monotone import CircularSpline, Monotone, Spline

BOUND = 5.0  # half-width of the box that the splines bend


class NSF(LayeredFlow):
    r"""Monotonic rational-quadratic splines of each coordinate given the earlier ones, in alternating order.

    .. math:: z_i = s_{\theta(x_{<i})}(x_i) \text{ on } [-5, 5], \qquad z_i = x_i \text{ outside}

    For densities with several modes or sharp edges, which affine maps bend one into the other. Outside the box the
    map is the identity, so the data should lie within: standardise what does not.

    As coupling layers, where every second coordinate is bent given the others, a sample costs no more than a density.
    On [0, 1] in every coordinate (`box`) or on angles (`torus`), noise is uniform, and a spline bends all there is:
    with free slopes at the ends, or with equal ones and a turn.

    Reference: Durkan, Bekasov, Murray, Papamakarios, "Neural Spline Flows", 2019, arXiv:1906.04032; Rezende et al.,
    "Normalizing Flows on Tori and Spheres", 2020, arXiv:2002.02428, for angles.

    Args:
        shape: the shape of one datum, flattened; it follows from the data.
        transforms: how many maps follow each other; the order of coordinates is reversed from each to the next.
        hidden: units of the hidden layers of each map's network.
        bins: pieces of each spline.
        activation: relu, elu, silu or tanh.
        classes: number of classes, for a conditional flow.
        coupling: whether maps are coupling layers instead of autoregressive ones.
        domain: `reals`; `box`: data lie in [0, 1]; or `torus`: data are angles, from -pi to pi.
        conditional: whether every datum comes with its class, or with a vector of `context` numbers.
        context: how many numbers that vector has; 0: the condition is the class.
        linear: whether an invertible linear map stands before each map, which mixes the coordinates.
        modes: components of the Gaussian mixture that noise is drawn from; 1 is the standard normal law.

    Raises:
        UserError: if there is no transform, a hidden layer without units, fewer than two bins, no labels where they
            are the condition, or a linear map or a Gaussian mixture on a compact domain.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        transforms: int = 3,
        hidden: list[int] = [64, 64],  # noqa: B006
        bins: int = 8,
        activation: Literal["relu", "elu", "silu", "tanh"] = "relu",
        classes: int | None = None,
        coupling: bool = False,
        domain: Literal["reals", "box", "torus"] = "reals",
        conditional: bool = False,
        context: int = 0,
        linear: bool = False,
        modes: int = 1,
    ) -> None:
        features, condition = checked("nsf", shape, transforms, hidden), Condition(conditional, classes, context)
        if bins < 2:
            raise UserError(f"nsf: bins is {bins}: expected at least 2")
        if domain != "reals" and (linear or modes > 1):
            raise UserError(f"nsf: a linear map or a Gaussian mixture would leave the {domain}: leave linear and modes")
        monotone, embedding, seen = _on(domain, bins)
        rest = (monotone, hidden, activation, condition.width, embedding, seen)
        layers: list[Layer] = [
            Coupling(every_second(features, i), *rest) if coupling else Autoregressive(features, i % 2 == 1, *rest)
            for i in range(transforms)
        ]
        super().__init__(shape, mixed(layers, features, linear), condition, modes)
        self.transforms, self.hidden, self.bins, self.activation = transforms, list(hidden), bins, activation
        self.coupling, self.domain, self.linear = coupling, domain, linear
        if transforms == 1 and not linear and not coupling:
            self.order = tuple(range(features))


def _on(domain: str, bins: int) -> tuple[Monotone, Embedding | None, int]:
    if domain == "reals":
        return Spline(bins, -BOUND, BOUND), None, 1
    if domain == "box":
        return Spline(bins, 0.0, 1.0, "free"), None, 1
    return CircularSpline(bins), _on_circle, 2


def _on_circle(angle: Tensor) -> Tensor:
    return torch.stack([angle.cos(), angle.sin()], -1)
