"""How near the shapes are, how far the flow is from folding, and how far from the reparametrisation that is known."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import PositiveInt

from pushforward import Look, Measure, UserError
from pushforward_shapes.alignment import ShapeAlignment
from pushforward_shapes.pair import grid
from pushforward_shapes.residual import ResidualDiffeomorphism


class _Alignment(Measure):
    """Abstract: a number on an aligned pair of shapes, on a grid finer than that of the cost.

    Args:
        finer: how many times finer.
    """

    name: str

    def __init__(self, finer: PositiveInt = 3) -> None:
        super().__init__(sync_on_compute=False)
        if finer < 1:
            raise UserError(f"{self.name}: finer is {finer}, expected at least 1")
        self.finer = finer
        self._found: dict[str, float] = {}

    def update(self, found: dict[str, float]) -> None:
        """Take in what was found."""
        self._found = dict(found)

    def compute(self) -> dict[str, float]:
        """It again, exact up to rounding."""
        if not self._found:
            raise UserError(f"{self.name} has seen no game yet: call measure or update first")
        return {**self._found, "standard_error": 0.0}

    def _game(self, look: Look) -> ShapeAlignment:
        if not isinstance(look.game, ShapeAlignment):
            raise UserError(f"{self.name} looks at the model shape-alignment, not at a {type(look.game).__name__}")
        return look.game


class ShapeDistance(_Alignment):
    r"""The squared distance between the fixed shape and the moving one as it is gone through.

    .. math:: \int \big| Q - \sqrt{\det D\psi}\; R \circ \psi \big|^2

    On a finer grid than the cost's, so that what fits between its points is seen: beside the `value` stand the cost
    `on-grid` itself, and the distance `before` anything was reparametrised.

    Args:
        finer: how many times finer the grid is in each direction.

    Raises:
        UserError: if `finer` is below 1, or the model is not `shape-alignment`.
    """

    name = "shape-distance"

    @torch.no_grad()
    def measure(self, look: Look) -> dict[str, float]:
        """Look at both shapes."""
        self.reset()
        game = self._game(look)
        points = game.points_each_way
        found = {"value": game.distance(self.finer * points), "on-grid": game.distance(points)}
        self.update({key: float(value) for key, value in {**found, "before": game.distance_before()}.items()})
        return self.compute()


class LeastDeterminant(_Alignment):
    r"""The least determinant of the reparametrisation: above zero, nothing is folded.

    .. math:: \min_x \det D\psi(x)

    Beside the `value` stands the `largest`, and the `slack` of the layer that is nearest to the edge of what is
    allowed, one less the bound on its Lipschitz constant.

    Args:
        finer: how many times finer than the cost's the grid is on which it is sought, in each direction.

    Raises:
        UserError: if `finer` is below 1, or the model is not `shape-alignment`.
    """

    name = "least-determinant"
    better = "higher"

    @torch.no_grad()
    def measure(self, look: Look) -> dict[str, float]:
        """Look at the flow."""
        self.reset()
        game = self._game(look)
        places = grid(self.finer * game.points_each_way, game.shapes.moving.parameters).to(game.places)
        found = game.flow.to_data(places)[1].exp()
        numbers = {"value": float(found.min()), "largest": float(found.max())}
        flow: Any = game.flow
        if isinstance(flow, ResidualDiffeomorphism):
            numbers["slack"] = float(flow.slack().min())
        self.update(numbers)
        return self.compute()


class ReparametrisationError(_Alignment):
    r"""How far the reparametrisation is from the one that is known.

    .. math:: \max_x |\psi(x) - g(x)|

    For a shape against itself. Beside the `value` stands the root mean square, `rms`.

    Args:
        finer: how many times finer than the cost's the grid is, in each direction.

    Raises:
        UserError: if `finer` is below 1, the model is not `shape-alignment`, or the target has two different shapes.
    """

    name = "reparametrisation-error"

    @torch.no_grad()
    def measure(self, look: Look) -> dict[str, float]:
        """Look at the flow."""
        self.reset()
        game = self._game(look)
        places = grid(self.finer * game.points_each_way, game.shapes.moving.parameters).to(game.places)
        known = game.shapes.known(places)
        if known is None:
            raise UserError(
                "reparametrisation-error: the best one is known of a shape against itself only: leave `fixed` out of "
                "the target, or this measure out of the recipe"
            )
        off = (game.flow.to_data(places)[0] - known).norm(dim=1)
        self.update({"value": float(off.max()), "rms": float(off.square().mean().sqrt())})
        return self.compute()
