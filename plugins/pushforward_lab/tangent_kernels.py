"""Tangent kernels: what an infinitely wide critic is, seen from the points at which it is asked."""

from __future__ import annotations

import abc
import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from pushforward import UserError

SIGMOID_SLOPE = 1 / 2.4020563531719796  # erf(u / 2.402) / 2 + 1/2 is the sigmoid to 2 %


class Partials(NamedTuple):
    """A kernel and its derivatives in |x|^2 / d and in x.y / d."""

    value: Tensor
    by_square: Tensor
    by_product: Tensor


class Moments(NamedTuple):
    """What a layer does to a covariance ((a, c), (c, b)), and the derivatives of that."""

    both: Tensor  # E[phi(u) phi(v)]
    slopes: Tensor  # E[phi'(u) phi'(v)], which is the derivative of `both` in c
    both_by_a: Tensor
    slopes_by_a: Tensor
    slopes_by_c: Tensor


class TangentKernel(abc.ABC):
    r"""Abstract: a kernel that depends on x and y through |x|^2, |y|^2 and x.y alone.

    .. math:: k(x, y) = \kappa(a, b, c), \qquad a = |x|^2 / d, \; b = |y|^2 / d, \; c = x \cdot y / d
    """

    @abc.abstractmethod
    def value(self, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        """kappa, (n, m), for a of shape (n, 1), b of shape (1, m) and c of shape (n, m)."""

    @abc.abstractmethod
    def partials(self, a: Tensor, b: Tensor, c: Tensor) -> Partials:
        """kappa and its derivatives in a and in c, each (n, m)."""

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """k(x_i, y_j), (n, m), for x of shape (n, d) and y of shape (m, d)."""
        return self.value(*_products(x, y))

    def sum_with_slope(self, x: Tensor, y: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        r"""f(x_i) = sum_j w_j k(x_i, y_j), (n,), and its gradient in x_i, (n, d), with y and w held.

        .. math:: \nabla f(x) = \tfrac{1}{d} \sum_j w_j \big( 2 x\, \partial_a \kappa + y_j\, \partial_c \kappa \big)
        """
        value, by_square, by_product = self.partials(*_products(x, y))
        pull = 2 * (by_square @ weights)[:, None] * x + (by_product * weights) @ y
        return value @ weights, pull / x.shape[1]


class Rbf(TangentKernel):
    r"""A bell curve in the distance, in the scale of the tangent kernels.

    .. math:: k(x, y) = e^{-\gamma |x - y|^2 / d}

    The smooth kernel to compare with: its critic has no say where no point is near, and its pull fades as points meet.

    Reference: Franceschi et al., "A Neural Tangent Kernel Perspective of GANs", 2021, arXiv:2106.05566.

    Args:
        gamma: one over the squared width, times half the dimension.

    Raises:
        UserError: if gamma is not positive.
    """

    def __init__(self, gamma: float = 0.5) -> None:
        self.gamma = _above_zero("gamma", gamma)

    def value(self, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        """The bell."""
        return (-self.gamma * (a + b - 2 * c)).exp()

    def partials(self, a: Tensor, b: Tensor, c: Tensor) -> Partials:
        """The bell, -gamma k and 2 gamma k."""
        k = self.value(a, b, c)
        return Partials(k, -self.gamma * k, 2 * self.gamma * k)


class NetworkTangent(TangentKernel):
    r"""Abstract: the tangent kernel of a fully connected network of infinite width, layer by layer.

    .. math:: K_0 = \Theta_0 = w^2 c + \beta^2, \qquad
        K_{l+1} = w^2\, \mathbb{E}[\varphi(u) \varphi(v)] + \beta^2, \qquad
        \Theta_{l+1} = K_{l+1} + w^2\, \mathbb{E}[\varphi'(u) \varphi'(v)]\, \Theta_l

    with (u, v) normal of covariance K_l. The last layer has no bias.
    """

    depth: int
    weight: float
    bias: float
    activation: str  # of the units of such a network

    @abc.abstractmethod
    def moments(self, a: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """E[phi(u) phi(v)] and E[phi'(u) phi'(v)] under the covariance ((a, c), (c, b))."""

    @abc.abstractmethod
    def moments_with_slopes(self, a: Tensor, b: Tensor, c: Tensor) -> Moments:
        """The same, with their derivatives in a and in c."""

    @abc.abstractmethod
    def own_moment(self, a: Tensor) -> tuple[Tensor, Tensor]:
        """E[phi(u)^2] for the variance a, and its derivative in a."""

    def value(self, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        """Theta of the last layer."""
        gain, shift = self.weight**2, self.bias**2
        a, b, c = gain * a + shift, gain * b + shift, gain * c + shift
        theta = c
        for layer in range(self.depth):
            shift = self._shift(layer)
            both, slopes = self.moments(a, b, c)
            a, b, c = (gain * e + shift for e in (self.own_moment(a)[0], self.own_moment(b)[0], both))
            theta = c + gain * slopes * theta
        return theta

    def partials(self, a: Tensor, b: Tensor, c: Tensor) -> Partials:
        """Theta of the last layer with its derivatives, carried forward through the layers."""
        gain, shift = self.weight**2, self.bias**2
        a, b, c = gain * a + shift, gain * b + shift, gain * c + shift
        one = c.new_ones(())  # derivatives are named by what and in which outer number
        a_a, c_a, c_c = gain * one, 0 * one, gain * one
        theta, theta_a, theta_c = c, c_a, c_c
        for layer in range(self.depth):
            shift = self._shift(layer)
            layer_of = self.moments_with_slopes(a, b, c)
            slopes = gain * layer_of.slopes
            slopes_a = gain * (layer_of.slopes_by_a * a_a + layer_of.slopes_by_c * c_a)
            slopes_c = gain * layer_of.slopes_by_c * c_c
            own, own_by_a = self.own_moment(a)
            a, b, c = gain * own + shift, gain * self.own_moment(b)[0] + shift, gain * layer_of.both + shift
            a_a, c_a, c_c = gain * own_by_a * a_a, gain * layer_of.both_by_a * a_a + slopes * c_a, slopes * c_c
            theta_a = c_a + slopes_a * theta + slopes * theta_a
            theta_c = c_c + slopes_c * theta + slopes * theta_c
            theta = c + slopes * theta
        return Partials(theta, theta_a, theta_c)

    def _shift(self, layer: int) -> float:
        return self.bias**2 if layer < self.depth - 1 else 0.0

    def _keep(self, depth: int, weight: float, bias: float) -> None:
        if depth < 1:
            raise UserError(f"depth {depth}: expected at least one hidden layer")
        if not 0 <= bias < math.inf:
            raise UserError(f"bias {bias}: expected zero or a positive number")
        self.depth, self.weight, self.bias = depth, _above_zero("weight", weight), bias


class ReluTangent(NetworkTangent):
    r"""The tangent kernel of an infinitely wide ReLU network.

    .. math:: \mathbb{E}[\varphi \varphi] = \tfrac{\sqrt{ab}}{2 \pi} (\sin\theta + (\pi - \theta) \cos\theta), \qquad
        \mathbb{E}[\varphi' \varphi'] = \tfrac{\pi - \theta}{2 \pi}, \qquad \cos\theta = \tfrac{c}{\sqrt{ab}}

    The critic that brings points home: it has a kink at each point, so that its pull does not fade as points meet.
    Where x = y the kink counts with the mean of its two slopes, so that two points that meet cancel. Without bias it is
    homogeneous, knows no length along a ray, and is singular at the origin.

    Reference: Jacot, Gabriel, Hongler, "Neural Tangent Kernel", 2018, arXiv:1806.07572; Cho, Saul, "Kernel Methods for
    Deep Learning", 2009; Franceschi et al., "A Neural Tangent Kernel Perspective of GANs", 2021, arXiv:2106.05566.

    Args:
        depth: hidden layers.
        weight: standard deviation w of the weights, before the division by the square root of the layer's inputs.
        bias: standard deviation beta of the biases; 0 means a network without any.

    Raises:
        UserError: if there is no hidden layer, the weights have no spread, or the bias is negative.
    """

    activation = "relu"

    def __init__(self, depth: int = 3, weight: float = 1.0, bias: float = 1.0) -> None:
        self._keep(depth, weight, bias)

    def moments(self, a: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Those of the arc-cosine kernel."""
        root, kink = _sine(a, b, c)
        return self._arc_cosine(torch.where(kink, 0.0, root), c)

    def moments_with_slopes(self, a: Tensor, b: Tensor, c: Tensor) -> Moments:
        """By homogeneity, and with 1 / sin(theta) zero at the kink."""
        root, kink = _sine(a, b, c)
        both, slopes = self._arc_cosine(torch.where(kink, 0.0, root), c)
        by_c = torch.where(kink, 0.0, 1 / (2 * math.pi * root))
        half = 0.5 / torch.where(a > 0, a, 1.0)
        return Moments(both, slopes, half * (both - c * slopes), -half * c * by_c, by_c)

    def _arc_cosine(self, root: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        angle = torch.atan2(root, c + 1e-150)  # finite with its gradient at the origin, where c = 0
        slopes = 0.5 - angle / (2 * math.pi)
        return root / (2 * math.pi) + slopes * c, slopes

    def own_moment(self, a: Tensor) -> tuple[Tensor, Tensor]:
        """a / 2."""
        return a / 2, torch.full_like(a, 0.5)


class ErfTangent(NetworkTangent):
    r"""The tangent kernel of an infinitely wide network of error functions, or of sigmoids.

    .. math:: \mathbb{E}[\varphi \varphi] = \tfrac{2}{\pi} \arcsin \tfrac{2c}{\sqrt{(1 + 2a)(1 + 2b)}}, \qquad
        \mathbb{E}[\varphi' \varphi'] = \tfrac{4}{\pi} \big( (1 + 2a)(1 + 2b) - 4c^2 \big)^{-1/2}

    The smooth and saturating critic to compare with. The sigmoid is taken as erf(u / 2.402) / 2 + 1/2, which has a
    closed form and is right to 2 %.

    Reference: Williams, "Computing with Infinite Networks", 1997; Franceschi et al., "A Neural Tangent Kernel
    Perspective of GANs", 2021, arXiv:2106.05566.

    Args:
        depth: hidden layers.
        weight: standard deviation w of the weights, before the division by the square root of the layer's inputs.
        bias: standard deviation beta of the biases; 0 means a network without any.
        activation: what each unit does.

    Raises:
        UserError: if there is no hidden layer, the weights have no spread, or the bias is negative.
    """

    def __init__(
        self,
        depth: int = 3,
        weight: float = 1.0,
        bias: float = 0.2,
        activation: Literal["erf", "sigmoid"] = "sigmoid",
    ) -> None:
        self._keep(depth, weight, bias)
        if activation not in ("erf", "sigmoid"):
            raise UserError(f"activation {activation!r}: expected erf or sigmoid")
        self.activation = activation
        self._height, self._slope, self._middle = (1.0, 1.0, 0.0) if activation == "erf" else (0.5, SIGMOID_SLOPE, 0.5)

    def moments(self, a: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Those of the arc-sine kernel."""
        a, b, c = self._inside(a, b, c)
        return self._arc_sine(c, _gap(a, b, c).sqrt())

    def moments_with_slopes(self, a: Tensor, b: Tensor, c: Tensor) -> Moments:
        """By the chain rule through the arc sine."""
        a, b, c = self._inside(a, b, c)
        gap = _gap(a, b, c)
        root = gap.sqrt()
        both, slopes = self._arc_sine(c, root)
        along = self._slope**2 * slopes / gap
        return Moments(both, slopes, -c * slopes / (1 + 2 * a), -(1 + 2 * b) * along, 4 * c * along)

    def _arc_sine(self, c: Tensor, root: Tensor) -> tuple[Tensor, Tensor]:
        scale = 2 / math.pi * self._height**2
        return scale * torch.atan2(2 * c, root) + self._middle**2, 2 * scale * self._slope**2 / root

    def own_moment(self, a: Tensor) -> tuple[Tensor, Tensor]:
        """The same at b = c = a."""
        a, height = self._slope**2 * a, self._height**2
        value = 2 / math.pi * torch.atan2(2 * a, (1 + 4 * a).sqrt())
        slope = 4 / math.pi / ((1 + 2 * a) * (1 + 4 * a).sqrt())
        return height * value + self._middle**2, height * self._slope**2 * slope

    def _inside(self, *covariances: Tensor) -> tuple[Tensor, ...]:
        return tuple(self._slope**2 * value for value in covariances)


def mmd_squared(kernel: TangentKernel, x: Tensor, y: Tensor) -> Tensor:
    """The squared maximum mean discrepancy of two sets of points, each point with equal mass."""
    return kernel(x, x).mean() + kernel(y, y).mean() - 2 * kernel(x, y).mean()


def _products(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """|x|^2 / d, (n, 1), |y|^2 / d, (1, m), and x.y / d, (n, m)."""
    d = x.shape[1]
    return x.square().sum(1)[:, None] / d, y.square().sum(1)[None, :] / d, x @ y.T / d


def _sine(a: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """sqrt(ab) sin(theta), but one where the directions agree to rounding, and where that is."""
    square = a * b - c * c
    kink = square <= 1e-14 * (a * b)  # a few parts in 10^16 in a, b and c, with room
    return torch.where(kink, 1.0, square).sqrt(), kink


def _gap(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """(1 + 2a)(1 + 2b) - 4c^2, which is at least one."""
    return (1 + 2 * a) * (1 + 2 * b) - 4 * c * c


def _above_zero(name: str, value: float) -> float:
    if not 0 < value < math.inf:
        raise UserError(f"{name} {value}: expected a positive number")
    return value
