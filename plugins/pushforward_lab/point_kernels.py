"""Kernels between points: how far a point of a critic's memory is felt, with values and slopes in closed form."""

from __future__ import annotations

import abc

import torch
from torch import Tensor

from pushforward import UserError


class PointKernel(abc.ABC):
    """Abstract: a bump K(x, y) = k(|x - y|^2) that is one where x and y meet, and falls with their distance.

    Both parts are pure functions of the squared distance, of any shape.
    """

    @abc.abstractmethod
    def bump(self, squared: Tensor) -> Tensor:
        """k at squared distances."""

    @abc.abstractmethod
    def fall(self, squared: Tensor) -> Tensor:
        """-2 k' at squared distances: K's gradient in x is -(x - y) times this."""

    @property
    @abc.abstractmethod
    def curvature(self) -> Tensor | float:
        """gamma, the fall where x and y meet, in one over length squared; infinite at a kink."""

    @property
    @abc.abstractmethod
    def reach(self) -> float:
        """The largest width: points several times as far apart feel little or nothing of each other."""

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """K(x_i, y_j), (n, m), for x of shape (n, d) and y of shape (m, d)."""
        return self.bump((x[:, None] - y).square().sum(-1))

    def slope(self, x: Tensor, y: Tensor) -> Tensor:
        """Its gradient in x, (n, m, d)."""
        apart = x[:, None] - y
        return -apart * self.fall(apart.square().sum(-1))[..., None]


class GaussianKernel(PointKernel):
    r"""A bell curve in the distance.

    .. math:: K(x, y) = e^{-|x - y|^2 / 2 s^2}, \qquad \gamma = 1/s^2

    The kernel of the isolated points model: points much farther apart than s do not feel each other.

    Reference: Becker, Pandit, Rangan, Fletcher, "Instability and Local Minima in GAN Training with Kernel
    Discriminators", 2022, arXiv:2208.09938.

    Args:
        width: s, in units of the points.

    Raises:
        UserError: if the width is not positive.
    """

    def __init__(self, width: float = 1.0) -> None:
        self.width = _positive("width", width)

    def bump(self, squared: Tensor) -> Tensor:
        """The bell."""
        return (-squared / (2 * self.width**2)).exp()

    def fall(self, squared: Tensor) -> Tensor:
        """K / s^2."""
        return self.bump(squared) / self.width**2

    @property
    def curvature(self) -> Tensor | float:
        """1 / s^2."""
        return 1 / self.width**2

    @property
    def reach(self) -> float:
        """s."""
        return self.width


class LaplaceKernel(PointKernel):
    r"""A peak with a kink: the attraction of a point does not fade as one comes near it.

    .. math:: K(x, y) = e^{-|x - y| / s}, \qquad \gamma = \infty

    When you want to see what smoothness was good for: no step is small enough near a kink. Where x and y meet, its
    slope is taken to be zero.

    Reference: Becker, Pandit, Rangan, Fletcher, "Instability and Local Minima in GAN Training with Kernel
    Discriminators", 2022, arXiv:2208.09938.

    Args:
        width: s, in units of the points.

    Raises:
        UserError: if the width is not positive.
    """

    def __init__(self, width: float = 1.0) -> None:
        self.width = _positive("width", width)

    def bump(self, squared: Tensor) -> Tensor:
        """The peak; a gradient of zero at its top."""
        meet = squared == 0
        distance = torch.where(meet, 0.0, torch.where(meet, 1.0, squared).sqrt())
        return (-distance / self.width).exp()

    def fall(self, squared: Tensor) -> Tensor:
        """K / (s |x - y|), and 0 at the top."""
        meet = squared == 0
        return torch.where(meet, 0.0, self.bump(squared) / (self.width * torch.where(meet, 1.0, squared).sqrt()))

    @property
    def curvature(self) -> Tensor | float:
        """Infinite."""
        return float("inf")

    @property
    def reach(self) -> float:
        """s."""
        return self.width


class RationalQuadraticKernel(PointKernel):
    r"""A bell with heavy tails: far points are still felt.

    .. math:: K(x, y) = \Bigl(1 + \frac{|x - y|^2}{2 \alpha s^2}\Bigr)^{-\alpha}, \qquad \gamma = 1/s^2

    A mixture of Gaussian kernels of all widths; for large alpha the Gaussian one. When points start far from data.

    Reference: Rasmussen, Williams, "Gaussian Processes for Machine Learning", 2006, eq. 4.19.

    Args:
        width: s, in units of the points.
        alpha: the tail falls as the distance to the power -2 alpha.

    Raises:
        UserError: if a number is not positive.
    """

    def __init__(self, width: float = 1.0, alpha: float = 1.0) -> None:
        self.width, self.alpha = _positive("width", width), _positive("alpha", alpha)

    def bump(self, squared: Tensor) -> Tensor:
        """The bell."""
        return (-self.alpha * self._spread(squared).log()).exp()

    def fall(self, squared: Tensor) -> Tensor:
        """(1 + r^2 / 2 alpha s^2)^(-alpha - 1) / s^2."""
        return self.bump(squared) / (self._spread(squared) * self.width**2)

    @property
    def curvature(self) -> Tensor | float:
        """1 / s^2."""
        return 1 / self.width**2

    @property
    def reach(self) -> float:
        """s."""
        return self.width

    def _spread(self, squared: Tensor) -> Tensor:
        return 1 + squared / (2 * self.alpha * self.width**2)


class MultiscaleKernel(PointKernel):
    r"""The mean of Gaussian kernels of several widths.

    .. math:: K(x, y) = \frac1k \sum_{i=1}^k e^{-|x - y|^2 / 2 s_i^2}, \qquad \gamma = \frac1k \sum_i 1/s_i^2

    When no one width is right: the wide ones catch far points, the narrow ones place them.

    Reference: Becker, Pandit, Rangan, Fletcher, "Instability and Local Minima in GAN Training with Kernel
    Discriminators", 2022, arXiv:2208.09938.

    Args:
        widths: s_1 to s_k, in units of the points.

    Raises:
        UserError: if there is no width, or one is not positive.
    """

    def __init__(self, widths: tuple[float, ...] = (0.5, 1.0, 2.0)) -> None:
        if not widths:
            raise UserError("widths: expected at least one, got none")
        self.widths = tuple(_positive("widths", width) for width in widths)

    def bump(self, squared: Tensor) -> Tensor:
        """The mean of the bells."""
        return torch.stack([(-squared / (2 * s**2)).exp() for s in self.widths]).mean(0)

    def fall(self, squared: Tensor) -> Tensor:
        """The mean of K_i / s_i^2."""
        return torch.stack([(-squared / (2 * s**2)).exp() / s**2 for s in self.widths]).mean(0)

    @property
    def curvature(self) -> Tensor | float:
        """The mean of 1 / s_i^2."""
        return sum(1 / s**2 for s in self.widths) / len(self.widths)

    @property
    def reach(self) -> float:
        """The largest s."""
        return max(self.widths)


def _positive(name: str, value: float) -> float:
    if not 0 < value < float("inf"):
        raise UserError(f"{name} {value}: expected a positive number")
    return value
