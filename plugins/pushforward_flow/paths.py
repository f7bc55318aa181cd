"""How a pair of noise and datum is joined in time, and with what velocity a point moves there."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Path = Literal["straight", "variance-preserving", "bridge"]
EDGE = 1e-3  # times of a bridge stay this far from 0 and 1, where its velocity has no bound


class Point(NamedTuple):
    """Where a pair is at a time.

    Attributes:
        time: (n,).
        x: the point, (n, *shape).
        velocity: that it moves with, given its pair, (n, *shape).
    """

    time: Tensor
    x: Tensor
    velocity: Tensor


def on_path(path: Path, noise: Tensor, data: Tensor, time: Tensor, extra: Tensor, sigma: float) -> Point:
    r"""A point of the conditional path of every pair (z, x), blurred by extra noise.

    .. math:: \text{straight:}\; (1 - t) z + t x + \sigma \epsilon, \quad u = x - z

    .. math:: \text{variance-preserving:}\; \cos(\tfrac{\pi t}{2}) z + \sin(\tfrac{\pi t}{2}) x + \sigma \epsilon, \quad
        u = \tfrac{\pi}{2} (\cos(\tfrac{\pi t}{2}) x - \sin(\tfrac{\pi t}{2}) z)

    .. math:: \text{bridge:}\; (1 - t) z + t x + \sigma \sqrt{t (1 - t)}\, \epsilon, \quad
        u = x - z + \sigma \frac{1 - 2t}{2 \sqrt{t (1 - t)}}\, \epsilon

    Args:
        path: which.
        noise: z, (n, *shape).
        data: x, (n, *shape).
        time: t in [0, 1), (n,).
        extra: standard normal noise epsilon, (n, *shape).
        sigma: its strength.
    """
    if path == "bridge":
        time = EDGE + (1 - 2 * EDGE) * time
    t = time.view(-1, *[1] * (data.ndim - 1))
    if path == "straight":
        return Point(time, (1 - t) * noise + t * data + sigma * extra, data - noise)
    if path == "variance-preserving":
        angle = math.pi / 2 * t
        velocity = math.pi / 2 * (angle.cos() * data - angle.sin() * noise)
        return Point(time, angle.cos() * noise + angle.sin() * data + sigma * extra, velocity)
    width = torch.sqrt(t * (1 - t))
    x = (1 - t) * noise + t * data + sigma * width * extra
    return Point(time, x, data - noise + sigma * (1 - 2 * t) / (2 * width) * extra)
