"""Normalisation that a batch begins and gradients go on with: each channel shifted and scaled by numbers of its own."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pushforward import Flow
from pushforward_flow.layered import Layer, Moved


class ActNorm(Layer):
    r"""Every channel, the first dimension of a row, is shifted and scaled.

    .. math:: z_c = e^{s_c} \frac{x_c - m_c}{\sigma_c} + b_c

    m and sigma are the mean and deviation of the channel over the batch with which it began, and 0 and 1 before; s and
    b are learned. Costs write nothing: `begin` is what a game calls after its first turn.

    Reference: Kingma, Dhariwal, "Glow: Generative Flow with Invertible 1x1 Convolutions", 2018, arXiv:1807.03039,
    section 3.1.

    Args:
        shape: the shape of a row, (channels, ...).
    """

    mean: Tensor
    deviation: Tensor
    begun: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        sides = (shape[0], *[1] * (len(shape) - 1))
        self.places = torch.Size(shape[1:]).numel()
        self.shift, self.log_scale = nn.Parameter(torch.zeros(sides)), nn.Parameter(torch.zeros(sides))
        self.register_buffer("mean", torch.zeros(sides))
        self.register_buffer("deviation", torch.ones(sides))
        self.register_buffer("begun", torch.zeros((), dtype=torch.bool))
        self.beginning = False  # whether the rows that come next say what it begins with

    def to_base(self, x: Tensor, context: Tensor | None = None) -> Moved:
        """Normalise."""
        if self.beginning:
            self._begin(x)
        log_scale = self.log_scale - self.deviation.log()
        return (x - self.mean) * log_scale.exp() + self.shift, self.places * log_scale.sum().expand(len(x))

    def to_data(self, z: Tensor, context: Tensor | None = None) -> Moved:
        """Back."""
        log_scale = self.log_scale - self.deviation.log()
        return (z - self.shift) * (-log_scale).exp() + self.mean, -self.places * log_scale.sum().expand(len(z))

    @torch.no_grad()
    def _begin(self, x: Tensor) -> None:
        over, x = [0, *range(2, x.ndim)], x.double()  # a difference of squares, which float32 cannot hold
        mean, square = _over_processes(x.mean(over), x.square().mean(over))
        self.mean.copy_(mean.view_as(self.mean))
        deviation = (square - mean.square()).clamp(min=0).sqrt()
        constant = deviation < 1e-6 * (1 + mean.abs())  # there is nothing to scale by
        self.deviation.copy_(deviation.masked_fill(constant, 1.0).view_as(self.deviation))
        self.begun.fill_(True)


@torch.no_grad()
def begin(flow: Flow, data: Callable[[], tuple[Tensor, Tensor | None]]) -> None:
    """Let every layer of this kind that has not begun begin with some data, each behind those before it.

    Args:
        flow: what holds the layers.
        data: gives rows, and their condition; it is asked only where a layer has not begun.
    """
    norms = [part for part in flow.modules() if isinstance(part, ActNorm) and not part.begun]
    if not norms:
        return
    for part in norms:
        part.beginning = True
    flow.pull(*data())
    for part in norms:
        part.beginning = False


def _over_processes(mean: Tensor, square: Tensor) -> tuple[Tensor, Tensor]:
    """Both moments over all processes' rows, so that their layers stay alike."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return mean, square
    moments = torch.stack([mean, square])
    torch.distributed.all_reduce(moments)
    first, second = moments / torch.distributed.get_world_size()
    return first, second
