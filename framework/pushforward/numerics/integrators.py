"""Fixed-step integrators of ordinary differential equations, for tuples of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor

State = tuple[Tensor, ...]
Rates = Callable[[float, State], State]
Method = Literal["euler", "midpoint", "rk4"]


def step(rates: Rates, t: float, state: State, h: float, method: Method = "rk4") -> State:
    """One step from t to t + h; of order 1, 2 or 4."""
    k1 = rates(t, state)
    if method == "euler":
        return _ahead(state, k1, h)
    k2 = rates(t + h / 2, _ahead(state, k1, h / 2))
    if method == "midpoint":
        return _ahead(state, k2, h)
    k3 = rates(t + h / 2, _ahead(state, k2, h / 2))
    k4 = rates(t + h, _ahead(state, k3, h))
    return tuple(y + h / 6 * (a + 2 * b + 2 * c + d) for y, a, b, c, d in zip(state, k1, k2, k3, k4, strict=True))


def integrate(rates: Rates, state: State, start: float, stop: float, steps: int, method: Method = "rk4") -> State:
    """The state at `stop`, from `start` in equal steps; stop below start goes backward.

    Example:
        >>> import torch
        >>> (y,) = integrate(lambda t, s: (s[0],), (torch.ones(1, dtype=torch.float64),), 0.0, 1.0, 20)
        >>> bool(abs(y - torch.e) < 1e-6)
        True
    """
    h = (stop - start) / steps
    for i in range(steps):
        state = step(rates, start + i * h, state, h, method)
    return state


def _ahead(state: State, slope: State, h: float) -> State:
    return tuple(y + h * k for y, k in zip(state, slope, strict=True))
