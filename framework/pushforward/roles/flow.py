"""A flow is an invertible map between a base law and data: it samples and it knows its density."""

from __future__ import annotations

import abc
import math
from typing import Literal

from torch import Tensor, nn

from pushforward.randomness import Draw


class Flow(nn.Module, abc.ABC):
    r"""Abstract: a diffeomorphism between the standard normal law and data.

    .. math:: \log p(x) = \log \mathcal{N}(T^{-1}(x)) + \log |\det \partial T^{-1} / \partial x|

    Attributes:
        shape: the shape of one datum.
        inverse_kind: `exact`, `iterative` (to a tolerance) or `learned`.
        domain: `reals`, or the name of the compact set on which it lives.
        conditional: whether it wants a context.
    """

    shape: tuple[int, ...]
    inverse_kind: Literal["exact", "iterative", "learned"] = "exact"
    domain: str = "reals"
    conditional: bool = False

    @abc.abstractmethod
    def to_data(self, z: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """x of shape (n, *shape) and log|det dx/dz| of shape (n,), both in the dtype of z."""

    @abc.abstractmethod
    def to_base(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """z of shape (n, *shape) and log|det dz/dx| of shape (n,), both in the dtype of x."""

    def log_density(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """log p(x) in nats, (n,)."""
        z, log_det = self.to_base(x, condition)
        return log_det + self.base_log_density(z)

    def base_log_density(self, z: Tensor) -> Tensor:
        """log density of the base law at z, (n,): standard normal unless overridden."""
        z = z.flatten(1)
        return -0.5 * (z.square().sum(1) + z.shape[1] * math.log(2 * math.pi))

    def sample_base(self, draw: Draw) -> Tensor:
        """Noise of the base law for every sample of the draw."""
        return draw.normal("latent", *self.shape)

    def sample(self, n: int, condition: Tensor | None = None, draw: Draw | None = None) -> Tensor:
        """n samples; without a draw, from fresh randomness."""
        draw = draw if draw is not None else Draw.fresh(n)
        return self.to_data(self.sample_base(draw), condition)[0]

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """The log-density: what calling the module means."""
        return self.log_density(x, condition)
