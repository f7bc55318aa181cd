"""Augmentation: what a critic sees instead of data, real and generated alike."""

from __future__ import annotations

import abc

from torch import Tensor

from pushforward.randomness import Draw


class Augmentation(abc.ABC):
    """Abstract: a random change of samples that a generator can be trained through.

    One that keeps something between moves, as an adaptive one does, is also `Remembering`.
    """

    @abc.abstractmethod
    def __call__(self, x: Tensor, draw: Draw) -> Tensor:
        """Changed samples, in the shape of x, (n, *shape), and differentiable in it.

        Row k is changed by row k of the draw's numbers, taken by name: real and generated samples of one turn are
        changed alike, and parts of a turn as the whole.

        Raises:
            UserError: if samples of this shape cannot be changed so.
        """
