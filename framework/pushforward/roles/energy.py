"""An energy is a density up to a constant: low means likely."""

from __future__ import annotations

import abc

import torch
from torch import Tensor, nn


class Energy(nn.Module, abc.ABC):
    """Abstract: data to energy in nats, so that the density is proportional to exp(-E)."""

    @abc.abstractmethod
    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Energies of shape (n,) for x of shape (n, *shape)."""

    def score(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """The score, -grad E, in the shape of x; it keeps its graph where x or the parameters want one."""
        with torch.enable_grad():
            x = x if x.requires_grad else x.detach().requires_grad_()
            (slope,) = torch.autograd.grad(self(x, condition).sum(), x, create_graph=True)
        return -slope
