"""Shape alignment as a game of one player: a diffeomorphism moves until one shape is gone through like the other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from pushforward import Costs, Draw, Flow, Game, Target, UserError
from pushforward_shapes.pair import Shapes, grid
from pushforward_shapes.transforms import named

POINTS = {1: 1024, 2: 32}  # of the cost's grid in each direction, by the number of parameters


class ShapeAlignment(Game):
    r"""A diffeomorphism brings the transform of a moving shape near to that of a fixed one.

    .. math:: c(\psi) = \int \big| Q(x) - \sqrt{\det D\psi(x)}\; R(\psi(x)) \big|^2\, dx

    Q is the transform of the fixed shape, R that of the moving one; both are taken on a full grid of midpoints, so
    that every turn costs the same and there is no noise. Play it with the rule `l-bfgs`. The distance is that between
    shapes, modulo how they are gone through, where the infimum is reached; it may lie at the edge of the group, where
    psi stands still.

    Reference: Celledoni, Glöckner, Riseth, Schmeding, "Deep neural networks on diffeomorphism groups for optimal shape
    reparameterization", 2022, arXiv:2207.11141.

    Args:
        target: the two shapes; they follow from the recipe's target.
        flow: the diffeomorphism psi, a flow on the interval or on the square.
        transform: `q-map`; of curves also `srvt`, which does not see where they are; of surfaces in space also
            `srnf`, their normals.
        points: of the grid in each direction; None means 1024 on the interval and 32 on the square.

    Raises:
        UserError: if the target is no pair of shapes, the flow does not live where they do or is no diffeomorphism as
            it begins, or the transform is for other shapes.
    """

    averaged = ("flow",)
    needs_data = False

    def __init__(
        self,
        target: Target,
        flow: Flow,
        transform: Literal["q-map", "srvt", "srnf"] = "q-map",
        points: PositiveInt | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(target, Shapes):
            raise UserError(f"shape-alignment aligns the target `shapes`, not a {type(target).__name__}")
        if flow.domain != "box" or tuple(flow.shape) != target.shape:
            raise UserError(
                f"the shapes live on [0, 1]^{target.moving.parameters}, {type(flow).__name__} on {flow.domain} of shape"
                f" {tuple(flow.shape)}: use {'interval' if target.shape == (1,) else 'square'}-diffeomorphism"
            )
        if points is not None and points < 2:
            raise UserError(f"shape-alignment: points is {points}, expected at least 2")
        self.shapes, self.flow, self.transform, self.points = target, flow, transform, points
        self._transformed = named(transform, target.moving)
        self.places: Tensor
        self.wanted: Tensor
        places = grid(self.points_each_way, target.moving.parameters)
        self.register_buffer("places", places, persistent=False)
        self.register_buffer("wanted", self._transformed(*target.held_at(places)), persistent=False)
        self._refuse_folds()

    @property
    def points_each_way(self) -> int:
        """Of the grid on which the cost is taken."""
        return self.points or POINTS[self.shapes.moving.parameters]

    @property
    def players(self) -> dict[str, nn.Module]:
        """The diffeomorphism alone."""
        return {"flow": self.flow}

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """The squared distance."""
        return {name: {"distance": self._distance(self.places, self.wanted)} for name in names}

    def distance(self, points: int) -> Tensor:
        """The squared distance on another grid, of so many points each way."""
        places = grid(points, self.shapes.moving.parameters).to(self.places)
        return self._distance(places, self._transformed(*self.shapes.held_at(places)))

    def distance_before(self) -> Tensor:
        """The squared distance as long as nothing is reparametrised."""
        there = self._transformed(*self.shapes.moving.at(self.places))
        return (self.wanted - there).square().sum(1).mean()

    def sample(self, n: int, draw: Draw, condition: Tensor | None = None) -> Tensor:
        """psi of n points that are uniform on the interval or the square."""
        return self.flow.sample(n, condition, draw)

    def log_density(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Their log-density in nats, (n,): high where psi is flat."""
        return self.flow.log_density(x, condition)

    def _distance(self, places: Tensor, wanted: Tensor) -> Tensor:
        there, log_det = self.flow.to_data(places)
        moved = (0.5 * log_det).exp()[:, None] * self._transformed(*self.shapes.moving.at(there))
        return (wanted - moved).square().sum(1).mean()

    @torch.no_grad()
    def _refuse_folds(self) -> None:
        log_det = self.flow.to_data(self.places)[1]
        bad = int((~log_det.isfinite()).sum())
        if bad:
            raise UserError(
                "the flow begins as no diffeomorphism: its determinant is not positive at "
                f"{bad} of {len(log_det)} points"
            )
