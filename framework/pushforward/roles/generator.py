"""A generator turns latent noise into data; it need not know a density."""

from __future__ import annotations

import abc

from torch import Tensor, nn

from pushforward.randomness import Draw


class Latent:
    """The law of a generator's noise.

    Args:
        dimension: how many numbers a sample's noise has.
        law: `normal` (standard) or `uniform` (on [-1, 1]).
    """

    def __init__(self, dimension: int, law: str = "normal") -> None:
        if law not in ("normal", "uniform"):
            raise ValueError(f"latent law {law!r}: expected normal or uniform")
        self.dimension, self.law = dimension, law

    def sample(self, draw: Draw) -> Tensor:
        """Noise for every sample of the draw, (n, dimension)."""
        if self.law == "normal":
            return draw.normal("latent", self.dimension)
        return 2 * draw.uniform("latent", self.dimension) - 1


class Generator(nn.Module, abc.ABC):
    """Abstract: latent noise to data.

    Attributes:
        latent: the law of z.
        conditional: whether `forward` wants class labels.
    """

    latent: Latent
    conditional: bool = False

    @abc.abstractmethod
    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Data from noise: z is (n, latent dimension), the result (n, *shape)."""

    def sample(self, n: int, condition: Tensor | None = None, draw: Draw | None = None) -> Tensor:
        """n samples; without a draw, from fresh randomness."""
        draw = draw if draw is not None else Draw.fresh(n)
        return self(self.latent.sample(draw), condition)
