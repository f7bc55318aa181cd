"""A bare network: any module from one shape to another, which knows nothing of the role it is put to."""

from __future__ import annotations

import abc

from torch import Tensor, nn


class Network(nn.Module, abc.ABC):
    """Abstract: a map between shapes, adapted to a role by the slot that it fills.

    The constructor begins with `inputs` and `outputs`, shapes of one datum without the batch, which are bound by the
    slot and never written in a recipe; `outputs` of () means one number a sample, given as (n,).
    """

    @abc.abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """(n, *inputs) to (n, *outputs)."""
