"""The target of an alignment: two shapes, of which one is to be gone through like the other."""

from __future__ import annotations

import torch
from torch import Tensor

from pushforward import Target, UserError
from pushforward_shapes.shape import ParametrisedShape, Reparametrisation, slowest

STILL = 1e-6  # below this part of its largest size a derivative is taken for zero


class Shapes(Target):
    r"""Two curves or two surfaces: a moving one, and a fixed one like which it is to be gone through.

    .. math:: \inf_\psi d(\text{fixed} \circ g,\; \text{moving} \circ \psi)

    For `shape-alignment`. Without a `fixed` one it is the moving one itself, gone through by the known g: then psi = g
    brings the distance to 0. A datum is a point of the interval or of the square on which the shapes live.

    Reference: Celledoni, Glöckner, Riseth, Schmeding, "Deep neural networks on diffeomorphism groups for optimal shape
    reparameterization", 2022, arXiv:2207.11141.

    Args:
        moving: the shape that is reparametrised.
        fixed: the shape that is not; None means the moving one.
        along: the reparametrisation g of the fixed one; None leaves it as it is.

    Raises:
        UserError: if the shapes are of different dimensions, or the derivative of one vanishes somewhere.
    """

    def __init__(
        self,
        moving: ParametrisedShape,
        fixed: ParametrisedShape | None = None,
        along: Reparametrisation | None = None,
    ) -> None:
        self.moving, self.fixed, self.along = moving, fixed, along
        self.shape = (moving.parameters,)
        other = fixed or moving
        for what in ("parameters", "space"):
            if getattr(other, what) != getattr(moving, what):
                raise UserError(
                    f"the moving shape has {_counted(moving)}, the fixed one {_counted(other)}: expected equal numbers"
                )
        if along is not None and along.parameters != moving.parameters:
            raise UserError(
                f"along moves points of {along.parameters} parameters, and the shapes have {moving.parameters}"
            )
        for name, shape in {"moving": moving, "fixed": other}.items():
            where, least = slowest(shape)
            if not least > STILL:
                place = ", ".join(f"{value:.3g}" for value in where.tolist())
                raise UserError(
                    f"the derivative of the {name} shape vanishes or is no number at ({place}): no transform of it has "
                    "a gradient there"
                )

    def held_at(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Points and derivatives of the fixed shape along g, at x, (n, d)."""
        shape = self.fixed or self.moving
        if self.along is None:
            return shape.at(x)
        there, jacobian = self.along.at(x)
        points, derivative = shape.at(there)
        return points, derivative @ jacobian

    def known(self, x: Tensor) -> Tensor | None:
        """The best reparametrisation at x, (n, d), where it is known: of a shape against itself."""
        if self.fixed is not None:
            return None
        return x if self.along is None else self.along.at(x)[0]


def grid(points: int, parameters: int) -> Tensor:
    """The middles of `points` equal cells of the interval, or of so many times so many of the square, (n, d)."""
    axis = (torch.arange(points, dtype=torch.float64) + 0.5) / points
    return torch.cartesian_prod(*[axis] * parameters).view(-1, parameters)


def _counted(shape: ParametrisedShape) -> str:
    return f"{shape.parameters} parameter{'s' * (shape.parameters > 1)} in {shape.space} dimensions"
