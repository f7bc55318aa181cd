"""The trace of a field's Jacobian, exactly or by random probes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


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


def row_signs(x: Tensor, salt: Tensor | None = None) -> Tensor:
    """Rademacher probes, -1 or 1 in the shape of x, (n, D): a hash of the numbers of each row, and of some salt.

    So one row has one probe in whatever batch it stands, a call repeats, and other rows have independent ones.

    Args:
        x: rows, (n, D).
        salt: one whole number; another one gives every row another probe.
    """
    bits = x.detach().double().reshape(len(x), -1).contiguous().view(torch.int64)
    places = torch.arange(1, bits.shape[1] + 1, device=x.device)
    seed = _mixed(_mixed(bits) * (2 * places + 1)).sum(1, keepdim=True)
    if salt is not None:
        seed = _mixed(seed) + _mixed(salt)
    return (((_mixed(_mixed(seed) + places * 0x1E3779B97F4A7C15) >> 17) & 1) * 2 - 1).to(x.dtype).view_as(x)


def salt_of(network: nn.Module) -> Tensor:
    """A whole number that changes with the weights: were probes those of rows alone, training would fit them."""
    total = torch.zeros((), dtype=torch.float64)
    for parameter in network.parameters():
        total = total.to(parameter.device) + parameter.detach().double().sum()
    return total.view(torch.int64)


def _mixed(bits: Tensor) -> Tensor:
    """Steele, Lea and Flood's finaliser of 64 bits, on integers that wrap."""
    for shift, factor in ((30, -0x40A7B892E31B1A47), (27, -0x6B2FB644ECCEEE15)):
        bits = (bits ^ ((bits >> shift) & ((1 << (64 - shift)) - 1))) * factor
    return bits ^ ((bits >> 31) & ((1 << 33) - 1))


def hutchinson_divergence(field: Callable[[Tensor], Tensor], x: Tensor, probe: Tensor) -> Tensor:
    """v . (df/dx) v at every row: unbiased for probes v of unit covariance; Rademacher ones have least variance."""
    with torch.enable_grad():
        if not x.requires_grad:
            x = x.detach().requires_grad_()
        (product,) = torch.autograd.grad((field(x) * probe).sum(), x, create_graph=True)
    return (product * probe).sum(1)
