"""Learning-rate control: the step that the cost's own curvature allows, up to a largest one."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor

from pushforward.curvature import Curvature
from pushforward.linear import Point
from pushforward.optimizers import SGD
from pushforward.problem import RunFailed, UserError


class ControlledDescent(SGD):
    r"""Descent whose step is the exact line search on the local parabola, clipped.

    .. math:: \theta \leftarrow \theta - h\, u\, g, \qquad
        u = \min\Big(\frac{g^\top g}{h\,(g^\top H g + \operatorname{tr}(S H))},\; u_{\max}\Big),
        \qquad u = u_{\max} \text{ where the curvature is not positive}

    Never steps over the bottom of a steep valley, and goes h u_max where the cost is flat or concave: it cannot
    explode while h u_max is below 2 / L, where plain descent with a step above 2 / L does. Compare it with `sgd` at
    the step h u_max, not h: most of what it gains on easy problems is that larger step. The curvature is exact, by
    one Hessian-vector product for each tensor; S is the covariance of the mean gradient, seen in parts of the batch.

    Reference: Guo, Mounjid, "GANs Training: A Game and Stochastic Control Approach", 2021, arXiv:2112.00222.

    Args:
        lr: the step h.
        largest: u_max, by how much the step may grow.
        each: control every parameter `tensor` by itself, or all of a `player` together.
        noise: parts of the batch in which the gradient's noise is seen; 1 leaves noise out.

    Raises:
        UserError: if the step is not positive, or a number is out of range.
    """

    def __init__(
        self,
        lr: NonNegativeFloat = 1e-2,
        largest: PositiveFloat = 5.0,
        each: Literal["tensor", "player"] = "tensor",
        noise: int = 1,
    ) -> None:
        super().__init__(lr)
        if not lr > 0 or not largest > 0 or noise < 1:
            raise UserError(
                f"learning-rate control with lr {lr}, largest {largest}, noise {noise}: expected both above 0, and at "
                "least 1 part"
            )
        self.largest, self.each, self.noise = largest, each, noise
        self.curvature = Curvature(each == "tensor", noise)

    def controlled(self, gradients: Point, curvature: Point) -> Point:
        """Each gradient times its u."""
        missing = gradients.keys() - curvature.keys()
        if missing:
            raise RunFailed(
                "controlled-descent needs the curvature of the cost, and this rule gives none: use simultaneous, "
                "alternating, extragradient or optimistic"
            )
        squares = {key: g.square().sum() for key, g in gradients.items()}
        if self.each == "player":
            whole = torch.stack(list(squares.values())).sum()
            squares = dict.fromkeys(squares, whole)
        return {key: self._control(squares[key], curvature[key]) * g for key, g in gradients.items()}

    def _control(self, square: Tensor, bend: Tensor) -> Tensor:
        """u: the largest where the cost does not bend upwards."""
        upwards = bend > 0
        best = square / (self.lr * torch.where(upwards, bend, 1.0))
        return torch.where(upwards, best.clamp(max=self.largest), self.largest)
