"""A velocity field moves points; through an integrator it generates a flow."""

from __future__ import annotations

import abc

from torch import Tensor, nn

from pushforward.numerics.divergence import exact_divergence


class VelocityField(nn.Module, abc.ABC):
    """Abstract: dx/dt = b(t, x) on R^D. It must allow double backward and forward-mode derivatives."""

    @abc.abstractmethod
    def forward(self, t: Tensor | float, x: Tensor) -> Tensor:
        """The velocity at x, both (n, D); t is one time, or one for each row, (n,)."""

    def divergence(self, t: Tensor | float, x: Tensor) -> Tensor:
        """The trace of db/dx at x, (n,): by automatic differentiation unless a closed form is given."""
        return exact_divergence(lambda y: self(t, y), x)

    def with_divergence(self, t: Tensor | float, x: Tensor) -> tuple[Tensor, Tensor]:
        """Velocity and divergence at once: overridden where the two share work."""
        return self(t, x), self.divergence(t, x)
