"""An endless target: every round it gives fresh samples, from named streams of the round's draw."""

from __future__ import annotations

import abc

from torch import Tensor

from pushforward import Batch, Draw, Target


class Endless(Target):
    """Abstract: a law that can be sampled as often as one likes."""

    def sample(self, n: int, draw: Draw) -> Batch:
        """n exact and independent samples, on the device of the draw and in its dtype.

        Raises:
            ValueError: if the draw is of another number of samples.
        """
        if n != draw.n:
            raise ValueError(f"{n} samples asked of a draw of {draw.n}: make a draw of {n}")
        return Batch(self._points(draw))

    @abc.abstractmethod
    def _points(self, draw: Draw) -> Tensor:
        """A point for every sample of the draw, (n, *shape)."""
