"""Increasing maps of one number and the log of their slope: what a layer of a flow does to each coordinate."""

from __future__ import annotations

import abc
import math

import torch
from torch import Tensor
from torch.nn import functional as F

STEEPEST = math.log(1000.0)  # no slope leaves e^-STEEPEST to e^STEEPEST
Bent = tuple[Tensor, Tensor]  # the image of each number, and the log of the slope there


class Monotone(abc.ABC):
    """Abstract: an increasing map of one number that some numbers describe; all of these zero, it is the identity.

    Attributes:
        numbers: how many describe it.
    """

    numbers: int

    @abc.abstractmethod
    def bend(self, x: Tensor, theta: Tensor) -> Bent:
        """Images and log-slopes, in the shape of x, for theta of shape (*x.shape, numbers)."""

    @abc.abstractmethod
    def unbend(self, z: Tensor, theta: Tensor) -> Bent:
        """The inverse and its log-slopes."""


class Shift(Monotone):
    """z = x + b."""

    numbers = 1

    def bend(self, x: Tensor, theta: Tensor) -> Bent:
        """Add."""
        return x + theta[..., 0], torch.zeros_like(x)

    def unbend(self, z: Tensor, theta: Tensor) -> Bent:
        """Subtract."""
        return z - theta[..., 0], torch.zeros_like(z)


class Affine(Monotone):
    """z = e^a x + b, with a held softly within a bound of zero.

    Args:
        bound: of a.
    """

    numbers = 2

    def __init__(self, bound: float = STEEPEST) -> None:
        self.bound = bound

    def bend(self, x: Tensor, theta: Tensor) -> Bent:
        """Scale, then shift."""
        shift, free = theta.unbind(-1)
        log_scale = softly_within(free, self.bound)
        return torch.addcmul(shift, x, log_scale.exp()), log_scale

    def unbend(self, z: Tensor, theta: Tensor) -> Bent:
        """Shift back, then scale back."""
        shift, free = theta.unbind(-1)
        log_scale = -softly_within(free, self.bound)
        return (z - shift) * log_scale.exp(), log_scale


class Spline(Monotone):
    r"""A rational-quadratic spline on an interval, and the identity outside of it.

    With w and h the width and height of the bin that holds x, s = h / w, xi the place of x in it, from 0 to 1, and
    d, d' the slopes at its ends:

    .. math:: z = y + h \frac{s \xi^2 + d\, \xi (1 - \xi)}{s + (d + d' - 2 s)\, \xi (1 - \xi)}

    Reference: Durkan, Bekasov, Murray, Papamakarios, "Neural Spline Flows", 2019, arXiv:1906.04032, eq. 4 and 5.

    Args:
        bins: how many pieces it has.
        low: where the interval begins.
        high: where it ends.
        ends: the slope there: `one`, `free`, or `equal` at both.
    """

    def __init__(self, bins: int, low: float, high: float, ends: str = "one") -> None:
        self.bins, self.low, self.high, self.ends = bins, low, high, ends
        self.slopes = bins + {"one": -1, "free": 1, "equal": 0}[ends]
        self.numbers = 2 * bins + self.slopes

    def bend(self, x: Tensor, theta: Tensor) -> Bent:
        """By the formula."""
        inside = x.clamp(self.low, self.high)
        (x0, y0), (w, h), d, e = self._bin(inside, theta, 0)
        s, xi = h / w, (inside - x0) / w
        edge = xi * (1 - xi)
        below = s + (d + e - 2 * s) * edge
        z = y0 + h * (s * xi.square() + d * edge) / below
        slope = s.square() * (e * xi.square() + 2 * s * edge + d * (1 - xi).square()) / below.square()
        return self._or_identity(x, inside, z, slope.log())

    def unbend(self, z: Tensor, theta: Tensor) -> Bent:
        """By the root of a quadratic equation, in the form that loses no digits."""
        inside = z.clamp(self.low, self.high)
        (x0, y0), (w, h), d, e = self._bin(inside, theta, 1)
        s, rise = h / w, inside - y0
        bend = rise * (d + e - 2 * s)
        a, b, c = h * (s - d) + bend, h * d - bend, -s * rise
        xi = 2 * c / (-b - (b.square() - 4 * a * c).sqrt())
        edge = xi * (1 - xi)
        below = s + (d + e - 2 * s) * edge
        slope = s.square() * (e * xi.square() + 2 * s * edge + d * (1 - xi).square()) / below.square()
        return self._or_identity(z, inside, x0 + w * xi, -slope.log())

    def _bin(
        self, x: Tensor, theta: Tensor, along: int
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...], Tensor, Tensor]:
        """Left knot, sizes, and end slopes of the bin that holds x, for x `along` the first axis, 0, or the second."""
        sizes, slopes = theta.split([2 * self.bins, self.slopes], -1)
        shares = softly_within(sizes.unflatten(-1, (2, self.bins)), STEEPEST / 2).exp()  # (..., 2, bins)
        knots = shares.cumsum(-1)
        unit = (self.high - self.low) / knots[..., -1]
        reached = (x - self.low) / unit[..., along].detach()
        index = (reached[..., None] >= knots[..., along, :-1]).sum(-1, keepdim=True)
        both = index[..., None, :].expand(*index.shape[:-1], 2, 1)
        size = shares.gather(-1, both).squeeze(-1)
        left = self.low + unit * (knots.gather(-1, both).squeeze(-1) - size)
        size = unit * size
        if self.ends == "one":
            slopes = F.pad(slopes, (1, 1))
        elif self.ends == "equal":
            slopes = torch.cat([slopes, slopes[..., :1]], -1)
        ends = slopes.gather(-1, torch.cat([index, index + 1], -1))
        d, e = softly_within(ends, STEEPEST).exp().unbind(-1)
        return left.unbind(-1), size.unbind(-1), d, e

    def _or_identity(self, x: Tensor, inside: Tensor, z: Tensor, log_slope: Tensor) -> Bent:
        bent = x == inside
        return torch.where(bent, z, x), torch.where(bent, log_slope, 0.0)


class CircularSpline(Spline):
    """A spline of angles, as steep where it ends as where it begins, followed by a turn.

    Reference: Rezende et al., "Normalizing Flows on Tori and Spheres", 2020, arXiv:2002.02428, section 2.1.2.

    Args:
        bins: how many pieces it has.
    """

    def __init__(self, bins: int) -> None:
        super().__init__(bins, -math.pi, math.pi, "equal")
        self.numbers += 1

    def bend(self, x: Tensor, theta: Tensor) -> Bent:
        """Bend, then turn."""
        z, log_slope = super().bend(turned(x), theta[..., :-1])
        return turned(z + theta[..., -1]), log_slope

    def unbend(self, z: Tensor, theta: Tensor) -> Bent:
        """Turn back, then bend back."""
        return super().unbend(turned(z - theta[..., -1]), theta[..., :-1])


def turned(angle: Tensor) -> Tensor:
    """The same angle from -pi to pi."""
    return (angle + math.pi).remainder(2 * math.pi) - math.pi


def softly_within(x: Tensor, bound: float) -> Tensor:
    """x squeezed smoothly into (-bound, bound), with slope 1 at zero."""
    return x / (1 + (x / bound).abs())
