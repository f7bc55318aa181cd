"""How points are moved by one step of time: which maps are exact, and which only of some order."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable

import torch
from torch import Tensor

from pushforward import Flow, UserError, VelocityField
from pushforward_neis.exact_fields import ExactField

Score = Callable[[Tensor], Tensor]


class Stepper(abc.ABC):
    """Abstract: a map of points onto points, its inverse, and both their log-determinants.

    Attributes:
        exact: whether going back undoes a step and the log-determinants are those of the very maps, up to rounding.
            The estimate of Z is then unbiased however coarse the steps; else its bias falls with the power `order`.
        order: by which power of the step's length the map is off the flow of the velocity, or None: it is no flow's.
    """

    exact: bool
    order: int | None

    @abc.abstractmethod
    def advance(self, x: Tensor, sign: Tensor) -> tuple[Tensor, Tensor]:
        """Where each row of x, (n, D), is after one step, ahead or back by its sign, (n, 1), and the log-determinant.

        The first half of the rows may be taken to have one sign, and the rest the other.
        """


class RungeKutta(Stepper):
    """Steps of fourth order along any velocity, with the divergence integrated beside it.

    A step back does not quite undo a step ahead, nor is the integral of the divergence quite the log-determinant:
    both are off by O(h^5) a step.

    Args:
        velocity: asked at time 0 only, since the flow must be a group; later changes of its weights are not seen.
        h: the length of a step.
    """

    exact, order = False, 4

    def __init__(self, velocity: VelocityField, h: float) -> None:
        self.rates, self.h = velocity.steady(), h

    def advance(self, x: Tensor, sign: Tensor) -> tuple[Tensor, Tensor]:
        """One step; the divergence steers nothing, so that it is summed once at the end."""
        h = self.h * sign
        k1, d1 = self.rates(x)
        k2, d2 = self.rates(torch.addcmul(x, h, k1, value=0.5))
        k3, d3 = self.rates(torch.addcmul(x, h, k2, value=0.5))
        k4, d4 = self.rates(torch.addcmul(x, h, k3))
        slope = torch.add(k1 + k4, k2 + k3, alpha=2)
        spread = torch.add(d1 + d4, d2 + d3, alpha=2)
        return torch.addcmul(x, h, slope, value=1 / 6), spread * (h[:, 0] / 6)


class ClosedForm(Stepper):
    """The flow of a velocity that is known in closed form: exact, whatever the step.

    Args:
        velocity: a field that knows its flow; later changes of it are not seen.
        h: the length of a step.
    """

    exact, order = True, None

    def __init__(self, velocity: ExactField, h: float) -> None:
        self.ahead, self.back = velocity.flow(h), velocity.flow(-h)

    def advance(self, x: Tensor, sign: Tensor) -> tuple[Tensor, Tensor]:
        """One step."""
        (ahead, grown), (back, shrunk) = self.ahead(x), self.back(x)
        return torch.where(sign > 0, ahead, back), torch.where(sign[:, 0] > 0, grown, shrunk)


class FrictionLeapfrog(Stepper):
    r"""A leapfrog step of a damped motion in phase space: exact, and every step contracts volume alike.

    .. math:: p \leftarrow e^{-\gamma h / 2} p + \tfrac{h}{2} \nabla \log \rho(x), \quad x \leftarrow x + h p, \quad
        p \leftarrow e^{-\gamma h / 2} \bigl(p + \tfrac{h}{2} \nabla \log \rho(x)\bigr), \qquad
        \log J = -\gamma h D

    Rows are positions and then momenta, (n, 2 D). Second order for dx/dt = p, dp/dt = grad log rho - gamma p.

    Reference: Rotskoff, Vanden-Eijnden, "Dynamical Computation of the Density of States and Bayes Factors Using
    Nonequilibrium Importance Sampling", 2019, arXiv:1809.11132.

    Args:
        score: grad log rho, (n, D) to (n, D).
        h: the length of a step.
        friction: gamma.
    """

    exact, order = True, 2

    def __init__(self, score: Score, h: float, friction: float) -> None:
        self.score, self.h, self.friction = score, h, friction

    def advance(self, x: Tensor, sign: Tensor) -> tuple[Tensor, Tensor]:
        """One step."""
        dimension = x.shape[1] // 2
        position, momentum = x[:, :dimension], x[:, dimension:]
        h = self.h * sign
        decay = (-0.5 * self.friction * h).exp()
        momentum = decay * momentum + h / 2 * self.score(position)
        position = position + h * momentum
        momentum = decay * (momentum + h / 2 * self.score(position))
        return torch.cat([position, momentum], 1), -self.friction * dimension * h[:, 0]


class FlowLayers(Stepper):
    """The map of a `Flow` itself, from noise to data, as one step; and its inverse as a step back.

    Args:
        flow: any flow; the step is exact where its inverse is.
    """

    order = None

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.exact = flow.inverse_kind == "exact"

    def advance(self, x: Tensor, sign: Tensor) -> tuple[Tensor, Tensor]:
        """One pass."""
        ahead = (sign[:, 0] > 0).nonzero().squeeze(1)
        back = (sign[:, 0] <= 0).nonzero().squeeze(1)
        (y, grown), (z, shrunk) = self.flow.to_data(x[ahead]), self.flow.to_base(x[back])
        order = torch.cat([ahead, back]).argsort()
        return torch.cat([y, z])[order], torch.cat([grown, shrunk])[order]


def stepper_along(velocity: VelocityField, h: float, exact: bool = False) -> Stepper:
    """Steps along a velocity: in closed form if asked, else of Runge and Kutta.

    Raises:
        UserError: if the closed form is asked of a field that has none, or h is no number.
    """
    if not math.isfinite(h):
        raise UserError(f"a step of length {h}: expected a finite one")
    if not exact:
        return RungeKutta(velocity, h)
    if not isinstance(velocity, ExactField):
        raise UserError(
            f"stepper: exact asks for a velocity whose flow has a closed form, and {type(velocity).__name__} has none;"
            " linear-field, dilation and funnel-field do, and runge-kutta serves all"
        )
    return ClosedForm(velocity, h)
