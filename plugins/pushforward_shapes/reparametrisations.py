"""Known reparametrisations, which a flow has to find again."""

from __future__ import annotations

import math

import torch
from pydantic import PositiveFloat
from torch import Tensor

from pushforward import UserError
from pushforward_shapes.shape import Reparametrisation


class LogStep(Reparametrisation):
    r"""Half a logarithm and half a step: fast at the beginning and in the middle, slow elsewhere.

    .. math:: g(x) = \frac{\log(a x + 1)}{2 \log(a + 1)} + \frac14 \Big(1 + \frac{\tanh(a (x - 1/2))}{\tanh(a / 2)}\Big)

    At a = 20 its slope goes from .47 to 5.5.

    Args:
        sharpness: the number a.

    Raises:
        UserError: if it is not positive.
    """

    parameters = 1

    def __init__(self, sharpness: PositiveFloat = 20.0) -> None:
        if not 0 < sharpness < math.inf:
            raise UserError(f"log-step: sharpness is {sharpness}, expected a number above 0")
        self.sharpness = sharpness

    def at(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Values and slopes."""
        a = self.sharpness
        step = (a * (x - 0.5)).tanh()
        value = (a * x).log1p() / (2 * math.log1p(a)) + 0.25 * (1 + step / math.tanh(a / 2))
        slope = a / (2 * (a * x + 1) * math.log1p(a)) + 0.25 * a * (1 - step**2) / math.tanh(a / 2)
        return value, slope[..., None]


class Rotation(Reparametrisation):
    r"""Turn the square about its middle, by an angle that falls to zero at the edges.

    .. math:: g(x) = m + R_{\theta(x)} (x - m), \qquad \theta(x) = \alpha \sin(\pi x_1) \sin(\pi x_2), \qquad
        m = (\tfrac12, \tfrac12)

    At a quarter of a turn in the middle the least determinant is .119; a little beyond it the square would be folded.

    Args:
        angle: the angle alpha in the middle, in turns.

    Raises:
        UserError: if it is beyond .27 turns.
    """

    parameters = 2

    def __init__(self, angle: float = 0.25) -> None:
        if not abs(angle) <= 0.27:
            raise UserError(f"rotation: an angle of {angle} turns folds the square: expected at most .27 of one")
        self.angle = angle

    def at(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Where points are turned to, and the Jacobian."""
        alpha = 2 * math.pi * self.angle
        (sine1, sine2), (cosine1, cosine2) = (math.pi * x).sin().unbind(-1), (math.pi * x).cos().unbind(-1)
        theta = alpha * sine1 * sine2
        steep = alpha * math.pi * torch.stack([cosine1 * sine2, sine1 * cosine2], 1)  # the gradient of theta
        rows = [torch.stack([theta.cos(), -theta.sin()], 1), torch.stack([theta.sin(), theta.cos()], 1)]
        turn = torch.stack(rows, 1)
        moved = (turn @ (x - 0.5)[..., None])[..., 0]
        ahead = torch.stack([-moved[:, 1], moved[:, 0]], 1)  # the derivative of the turned point in theta
        return 0.5 + moved, turn + ahead[..., None] * steep[:, None]
