"""Linear layers whose determinant is free: one scale a coordinate, and a full matrix kept as its LU factors."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from pushforward_flow.layered import Layer, Moved


class LU(nn.Module):
    r"""An invertible matrix as the product of a permutation and two triangular factors.

    .. math:: W = P L (U + \mathrm{diag}(\sigma e^{s})), \qquad \log |\det W| = \sum_i s_i

    P and the signs sigma stay as they begin. A product and a solution cost as much as without the factors.

    Reference: Kingma, Dhariwal, "Glow: Generative Flow with Invertible 1x1 Convolutions", 2018, arXiv:1807.03039,
    eq. 10.

    Args:
        size: rows of the matrix.
        begins: as the `identity`, a random `rotation`, or a random `permutation`.
    """

    permutation: Tensor
    sign: Tensor

    def __init__(self, size: int, begins: Literal["identity", "rotation", "permutation"] = "identity") -> None:
        super().__init__()
        begin = torch.eye(size)
        if begins == "rotation":
            begin = torch.linalg.qr(torch.randn(size, size))[0]
        elif begins == "permutation":
            begin = begin[torch.randperm(size)]
        permutation, lower, upper = torch.linalg.lu(begin)
        self.lower, self.upper = nn.Parameter(lower.tril(-1)), nn.Parameter(upper.triu(1))
        self.log_size = nn.Parameter(upper.diagonal().abs().log())
        self.register_buffer("permutation", permutation)
        self.register_buffer("sign", upper.diagonal().sign())

    def factors(self) -> tuple[Tensor, Tensor]:
        """L and U."""
        lower = self.lower.tril(-1) + torch.eye(len(self.lower), dtype=self.lower.dtype, device=self.lower.device)
        return lower, self.upper.triu(1) + (self.sign * self.log_size.exp()).diag()

    def times(self, x: Tensor) -> Tensor:
        """W x, for columns x, (size, n)."""
        lower, upper = self.factors()
        return self.permutation @ (lower @ (upper @ x))

    def divided(self, x: Tensor) -> Tensor:
        """W^-1 x, for columns x, (size, n)."""
        lower, upper = self.factors()
        y = torch.linalg.solve_triangular(lower, self.permutation.T @ x, upper=False, unitriangular=True)
        return torch.linalg.solve_triangular(upper, y, upper=True)


class Linear(Layer):
    """Rows times a full matrix, and a shift.

    Args:
        features: how many coordinates there are.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.matrix, self.shift = LU(features), nn.Parameter(torch.zeros(features))

    def to_base(self, x: Tensor, context: Tensor | None = None) -> Moved:
        """W x + b."""
        return self.matrix.times(x.T).T + self.shift, self.matrix.log_size.sum().expand(len(x))

    def to_data(self, z: Tensor, context: Tensor | None = None) -> Moved:
        """W^-1 (z - b)."""
        return self.matrix.divided((z - self.shift).T).T, -self.matrix.log_size.sum().expand(len(z))


def mixed(layers: list[Layer], features: int, linear: bool) -> list[Layer]:
    """The layers as they are, or each behind a linear one."""
    return [part for layer in layers for part in (Linear(features), layer)] if linear else layers
