"""How the rows of a mixture are shared out among its generators."""

from __future__ import annotations

import abc

import torch
from torch import Tensor, nn

from pushforward import Draw


class Shares(nn.Module, abc.ABC):
    """Abstract: who makes which row."""

    @property
    @abc.abstractmethod
    def chances(self) -> Tensor:
        """The share of each generator, (n,); they sum to one."""

    @abc.abstractmethod
    def makers(self, draw: Draw) -> Tensor:
        """The number of the generator of every row, (rows,)."""


class Equal(Shares):
    """Row k from generator k modulo n.

    Args:
        n: how many generators.
    """

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n

    @property
    def chances(self) -> Tensor:
        """One over n."""
        return torch.full((self.n,), 1 / self.n)

    def makers(self, draw: Draw) -> Tensor:
        """By the row's number in the whole draw."""
        return torch.arange(*draw.rows, device=draw.device) % self.n


class Learned(Shares):
    """By chance, the softmax of numbers that are learned.

    Args:
        n: how many generators.
    """

    def __init__(self, n: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(n))

    @property
    def chances(self) -> Tensor:
        """The softmax."""
        return self.logits.softmax(0)

    def makers(self, draw: Draw) -> Tensor:
        """Where each row's number of [0, 1) falls among the shares."""
        ends = self.chances.detach().double().cumsum(0)[:-1]
        return torch.searchsorted(ends, draw.uniform("maker").to(ends), right=True)
