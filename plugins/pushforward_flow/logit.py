"""The logit of a bounded number, made a map of the whole line: it spreads out what lies at both ends of a range."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward_flow.layered import Layer, Moved

ROOM = 1e-3  # of the range at either end that the logit leaves out, so that it is nowhere steeper than 1 / ROOM


class Logit(Layer):
    r"""Half a logit of every number within a range, and straight lines beyond, as steep as it is there.

    .. math:: z = \mathrm{artanh}\bigl((1 - 2 \epsilon) x / r\bigr) \text{ for } |x| \le r

    Reference: Dinh, Sohl-Dickstein, Bengio, "Density Estimation Using Real NVP", 2016, arXiv:1605.08803, section 4.1,
    where epsilon is .05 and nothing lies beyond.

    Args:
        reach: r, where the range ends on either side.
    """

    def __init__(self, reach: float) -> None:
        super().__init__()
        self.reach, self.inner = reach, (1 - 2 * ROOM) / reach
        self.end = math.atanh(1 - 2 * ROOM)
        self.steepest = self.inner / (1 - (1 - 2 * ROOM) ** 2)

    def to_base(self, x: Tensor, context: Tensor | None = None) -> Moved:
        """Spread out."""
        within = x.clamp(-self.reach, self.reach)
        y = self.inner * within
        return torch.atanh(y) + self.steepest * (x - within), self._log_slope(y)

    def to_data(self, z: Tensor, context: Tensor | None = None) -> Moved:
        """Back."""
        within = z.clamp(-self.end, self.end)
        y = within.tanh()
        return y / self.inner + (z - within) / self.steepest, -self._log_slope(y)

    def _log_slope(self, y: Tensor) -> Tensor:
        return (math.log(self.inner) - torch.log1p(-y.square())).flatten(1).sum(1)
