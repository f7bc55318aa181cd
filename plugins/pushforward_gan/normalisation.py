"""Normalisation that changes nothing while costs are computed: what it remembers is written after a move."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pushforward import Remembering

WARM_UP = 15  # power iterations with which a spectral norm begins


class BatchNorm2d(nn.BatchNorm2d, Remembering):
    """torch's batch normalisation of images, whose running statistics are written by `remember`.

    In training a batch is normalised by its own mean and variance, which are put aside; of several batches seen before
    a move the last one counts. Each process normalises its own part of a batch; what they remember is the mean and
    variance of all parts together, so that they stay alike.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self._aside: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Normalised channel by channel."""
        if not self.training:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
        if not torch.compiler.is_compiling() and torch._C._functorch.is_functorch_wrapped_tensor(x):
            return F.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)
        found, mean, inverse = torch.native_batch_norm(x, self.weight, self.bias, None, None, True, 0.0, self.eps)
        count = x.numel() // x.shape[1]
        variance = (inverse.detach() ** -2 - self.eps) * (count / max(count - 1, 1))  # of which torch keeps the root
        self._aside = mean.detach(), variance
        return found

    def remember(self, seen: dict[str, Tensor]) -> None:
        """The running statistics follow the batch that was seen last."""
        if self._aside is None:
            return
        assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
        mean, variance = _over_processes(*self._aside)
        self.running_mean.lerp_(mean.to(self.running_mean), self.momentum)
        self.running_var.lerp_(variance.to(self.running_var), self.momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked += 1


def _over_processes(mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """The mean and variance of all processes' parts as one batch, each part counting alike."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return mean, variance
    moments = torch.stack([mean, variance + mean.square()])
    torch.distributed.all_reduce(moments)
    first, second = moments / torch.distributed.get_world_size()
    return first, second - first.square()


class ClassBatchNorm2d(BatchNorm2d):
    r"""Batch normalisation whose gain and bias belong to the class of each sample, beginning at one and zero.

    Reference: Dumoulin, Shlens, Kudlur, "A Learned Representation For Artistic Style", 2016, arXiv:1610.07629.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__(channels)
        self.weight, self.bias = None, None  # one for all classes has no place here
        self.gains = nn.Parameter(torch.ones(classes, channels))
        self.biases = nn.Parameter(torch.zeros(classes, channels))

    def forward(self, x: Tensor, classes: Tensor | None = None) -> Tensor:
        """Normalised channel by channel; `classes` are rows of zeros with a one, (n, classes)."""
        assert classes is not None
        gain, bias = classes @ self.gains, classes @ self.biases
        return super().forward(x) * gain[:, :, None, None] + bias[:, :, None, None]


class Spectral(Remembering):
    r"""Divides a weight by its largest singular value, as far as power iteration knows it.

    .. math:: W / \sigma, \qquad \sigma = u^\top W v

    u and v are held while costs are computed, and take one step of power iteration after each move; they begin after
    fifteen. A convolution's weight is taken as a matrix of its output channels.

    Reference: Miyato, Kataoka, Koyama, Yoshida, "Spectral Normalization for Generative Adversarial Networks", 2018,
    arXiv:1802.05957, algorithm 1.
    """

    weight: Tensor
    u: Tensor
    v: Tensor

    def hold(self) -> None:
        """Begin with u and v near the singular vectors."""
        matrix = self.weight.detach().flatten(1)
        self.register_buffer("u", F.normalize(torch.randn(matrix.shape[0]), dim=0))
        self.register_buffer("v", torch.zeros(matrix.shape[1]))
        for _ in range(WARM_UP):
            self.remember({})

    @torch.no_grad()
    def remember(self, seen: dict[str, Tensor]) -> None:
        """One step of power iteration."""
        matrix = self.weight.flatten(1)
        self.v.copy_(F.normalize(matrix.T @ self.u, dim=0))
        self.u.copy_(F.normalize(matrix @ self.v, dim=0))

    @property
    def normalised(self) -> Tensor:
        """The weight as it is used."""
        return self.weight / (self.u @ self.weight.flatten(1) @ self.v)


class SpectralConv2d(nn.Conv2d, Spectral):
    """A convolution with a largest singular value of one."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.hold()

    def forward(self, x: Tensor) -> Tensor:
        """Convolved with the normalised weight."""
        return self._conv_forward(x, self.normalised, self.bias)


class SpectralLinear(nn.Linear, Spectral):
    """A linear map with a largest singular value of one."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.hold()

    def forward(self, x: Tensor) -> Tensor:
        """Mapped by the normalised weight."""
        return F.linear(x, self.normalised, self.bias)
