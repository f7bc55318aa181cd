"""A velocity field moves points; through an integrator it generates a flow."""

from __future__ import annotations

import abc
from collections.abc import Callable

from torch import Tensor, nn

from pushforward.numerics.divergence import exact_divergence


class VelocityField(nn.Module, abc.ABC):
    """Abstract: dx/dt = b(t, x) on R^D. It must allow double backward and forward-mode derivatives.

    Attributes:
        conditional: whether it wants a condition for every row; one that does not may leave it out of its arguments.
    """

    conditional: bool = False

    @abc.abstractmethod
    def forward(self, t: Tensor | float, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """The velocity at x, both (n, D); t is one time, or one for each row, (n,)."""

    def divergence(self, t: Tensor | float, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """The trace of db/dx at x, (n,): by automatic differentiation unless a closed form is given."""
        return exact_divergence(lambda y: self.at(t, y, condition), x)

    def with_divergence(self, t: Tensor | float, x: Tensor) -> tuple[Tensor, Tensor]:
        """Velocity and divergence at once, without a condition: overridden where the two share work."""
        return self(t, x), self.divergence(t, x)

    def steady(self) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
        """Velocity and divergence at time 0 as a function of place, for many calls while no weight moves.

        Overridden where something of the weights can be computed once; their gradients flow through it.
        """
        return lambda x: self.with_divergence(0.0, x)

    def at(self, t: Tensor | float, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """The velocity, given the condition only where it is wanted."""
        velocity: Tensor = self(t, x, condition) if self.conditional else self(t, x)
        return velocity
