"""The trace of a field's Jacobian, exactly or by random probes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def exact_divergence(field: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """sum_i d f_i / d x_i at every row of x, (n, D) to (n,), with D backward passes and a graph for more.

    Example:
        >>> x = torch.tensor([[1.0, 2.0]])
        >>> exact_divergence(lambda y: y**2, x)
        tensor([6.], grad_fn=<AddBackward0>)
    """
    with torch.enable_grad():
        if not x.requires_grad:
            x = x.detach().requires_grad_()
        y = field(x)
        total = x.new_zeros(x.shape[0])
        for i in range(x.shape[1]):
            (row,) = torch.autograd.grad(y[:, i].sum(), x, create_graph=True)
            total = total + row[:, i]
    return total


def hutchinson_divergence(field: Callable[[Tensor], Tensor], x: Tensor, probe: Tensor) -> Tensor:
    """v . (df/dx) v at every row: unbiased for probes v of unit covariance; Rademacher ones have least variance."""
    with torch.enable_grad():
        if not x.requires_grad:
            x = x.detach().requires_grad_()
        (product,) = torch.autograd.grad((field(x) * probe).sum(), x, create_graph=True)
    return (product * probe).sum(1)
