"""Classes that nobody asked for: samples take them in turn, and a density is that of all in equal shares."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor


def in_turn(n: int, classes: int, device: torch.device) -> Tensor:
    """The classes of n samples, one after the other, (n,)."""
    return torch.arange(n, device=device) % classes


def in_equal_shares(log_density: Callable[[Tensor, Tensor], Tensor], x: Tensor, classes: int) -> Tensor:
    """The log-density of rows, (n,), where every class is equally likely; it is asked with a class for each row."""
    each = [log_density(x, torch.full((len(x),), k, device=x.device)) for k in range(classes)]
    return torch.stack(each).logsumexp(0) - math.log(classes)
