"""Base laws of walkers: where they start, with a density that every later point can be weighed by."""

from __future__ import annotations

import math

from torch import Tensor

from pushforward import Flow, Generator, Target, UserError


class Identity(Flow):
    """The law of noise itself: N(0, I) on the reals.

    Args:
        shape: the shape of one datum.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = tuple(shape)

    def push(self, z: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """As it is."""
        return z, z.new_zeros(len(z))

    def pull(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """As it is."""
        return x, x.new_zeros(len(x))


class UniformBox(Flow):
    r"""The uniform law on a box.

    .. math:: x = l + (h - l) z, \qquad z \sim U[0, 1]^D, \qquad \log p(x) = -D \log (h - l)

    A base for targets on a compact set; for them take a velocity that does not leave it.

    Args:
        shape: the shape of one datum, (D,).
        low: the lower edge of every coordinate.
        high: the upper edge.

    Raises:
        UserError: if the box is empty.
    """

    domain = "box"

    def __init__(self, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0) -> None:
        super().__init__()
        if not low < high:
            raise UserError(f"uniform-box: low is {low} and high {high}: expected low below high")
        self.shape, self.low, self.high = tuple(shape), low, high

    def push(self, z: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Stretched."""
        return self.low + (self.high - self.low) * z, z.new_full((len(z),), self._log_volume())

    def pull(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Shrunk."""
        return (x - self.low) / (self.high - self.low), x.new_full((len(x),), -self._log_volume())

    def _log_volume(self) -> float:
        return math.prod(self.shape) * math.log(self.high - self.low)


class UniformTorus(Identity):
    r"""The uniform law of angles.

    .. math:: \log p(x) = -D \log 2 \pi

    A base for targets on the torus, whose coordinates are angles from -pi to pi.

    Args:
        shape: the shape of one datum, (D,).
    """

    domain = "torus"


def base_of(base: Flow | Generator | None, target: Target) -> Flow:
    """The base that was asked for, or N(0, I); it is not trained.

    Raises:
        UserError: if it has no density, lives in another space than the target, or wants classes.
    """
    if base is None:
        same_domain("reals", target)
        return Identity(target.shape)
    if not isinstance(base, Flow):
        raise UserError(
            f"the base is a {type(base).__name__}, which has no density: every point of a trajectory is weighed by the"
            " base's density there; take a flow, or leave the base out for N(0, I)"
        )
    if tuple(base.shape) != tuple(target.shape):
        raise UserError(f"the base gives data of shape {tuple(base.shape)}, and the target has {tuple(target.shape)}")
    if base.conditional:
        raise UserError("the base wants classes, and walkers have none: use one that is not conditional")
    same_domain(base.domain, target)
    return base.requires_grad_(False).eval()


def same_domain(domain: str, target: Target, covers: bool = False) -> None:
    """Refuse a law to start from that lives on angles where the target does not, or the other way round.

    A law on the reals does for a box, outside of which a density is zero.

    Args:
        domain: of the law to start from.
        target: the density.
        covers: whether that law alone must reach all of the target.

    Raises:
        UserError: if they do not fit.
    """
    apart = (domain == "torus") != (target.domain == "torus")
    if apart or (covers and domain == "box" and target.domain == "reals"):
        fit = {
            "torus": "take `flow-lines`, `timed-lines` or `neis` with base: uniform-torus, or a flow on the torus",
            "box": "take a law on the box or on the reals",
        }.get(target.domain, "take a law on the reals")
        raise UserError(f"the estimate starts on the {domain}, and the target lives on the {target.domain}: {fit}")
