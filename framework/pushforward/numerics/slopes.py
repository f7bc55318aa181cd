"""A log-density with its gradient: in closed form where one is given, else by automatic differentiation."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

LogDensity = Callable[[Tensor], Tensor]  # (n, ...) to (n,), up to a constant


class Sloped:
    """A log-density whose gradient is known in closed form, so that kernels need not differentiate it.

    Args:
        log_density: (n, ...) to (n,), up to a constant.
        slope: its gradient, (n, ...) to (n, ...).
    """

    def __init__(self, log_density: LogDensity, slope: Callable[[Tensor], Tensor]) -> None:
        self.log_density, self.slope = log_density, slope

    def __call__(self, x: Tensor) -> Tensor:
        """The log-density, (n,)."""
        return self.log_density(x)

    def both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The log-density and its gradient."""
        return self.log_density(x), self.slope(x)


def value_and_slope(log_density: LogDensity, x: Tensor) -> tuple[Tensor, Tensor]:
    """The log-density and its gradient at x, without a graph; no parameter's gradient is touched."""
    if isinstance(log_density, Sloped):
        with torch.no_grad():
            return log_density.both(x.detach())
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        value = log_density(x)
        (slope,) = torch.autograd.grad(value, x, torch.ones_like(value))
    return value.detach(), slope


def slope_at(log_density: LogDensity, x: Tensor) -> Tensor:
    """The gradient alone, which in closed form costs less than both."""
    if isinstance(log_density, Sloped):
        with torch.no_grad():
            return log_density.slope(x.detach())
    return value_and_slope(log_density, x)[1]


def traceable(log_density: LogDensity) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """The same as a function that torch can compile."""
    if isinstance(log_density, Sloped):
        return log_density.both

    def total(x: Tensor) -> tuple[Tensor, Tensor]:
        values = log_density(x)
        return values.sum(), values

    both = torch.func.grad_and_value(total, has_aux=True)

    def swapped(x: Tensor) -> tuple[Tensor, Tensor]:
        slope, (_, values) = both(x)
        return values, slope

    return swapped
