"""The joint field by `torch.func`: for ensembles, where a whole round is mapped over thousands of copies."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import functional_call

from pushforward.field import Direction, Field, total_cost
from pushforward.game import Costs
from pushforward.linear import Linear, Point
from pushforward.randomness import Draw


class PureField(Field):
    """A field whose gradients are functions of the point alone, so that vmap and jvp go through them."""

    def _gradients(
        self, names: tuple[str, ...], part: Draw, at: Point | None, create_graph: bool
    ) -> tuple[list[Tensor], Costs]:
        point = {**self.present, **(at or {})}
        gradients: list[Tensor] = []
        terms: Costs = {}
        for name in names:

            def cost(own: Point, name: str = name) -> tuple[Tensor, dict[str, Tensor]]:
                costs = functional_call(self.game, {**point, **own, **self.buffers}, ((name,), part))
                return total_cost(name, costs), costs[name]

            found, terms[name] = torch.func.grad(cost, has_aux=True)({key: point[key] for key in self.own[name]})
            gradients += found.values()
        return gradients, terms

    def _linearised(self, names: tuple[str, ...], at: Point | None, turn: Draw) -> tuple[Direction, Linear]:
        point = {**self.present, **(at or {})}

        def gradients(at: Point) -> Point:
            return self._direct(names, at, turn, True).gradients

        return self._direct(names, point, turn, True), _PureLinear(gradients, point)


class _PureLinear(Linear):
    """Products with the Jacobian of a function."""

    def __init__(self, function: Callable[[Point], Point], point: Point) -> None:
        self.function, self.point, self.create_graph = function, point, True

    def times(self, tangent: Point) -> Point:
        """J u."""
        full = {key: tangent.get(key, torch.zeros_like(value)) for key, value in self.point.items()}
        return torch.func.jvp(self.function, (self.point,), (full,))[1]

    def transposed(self, cotangent: Point) -> Point:
        """J' w."""
        outputs, pull, *_ = torch.func.vjp(self.function, self.point)
        return pull({key: cotangent.get(key, torch.zeros_like(value)) for key, value in outputs.items()})[0]
