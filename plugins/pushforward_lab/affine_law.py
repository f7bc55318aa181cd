"""How far an affine generator's normal law is from the normal law that it learns."""

from __future__ import annotations

import math

import torch
from torch import nn

from pushforward import Look, Measure, UserError


class AffineLaw(Measure):
    r"""The 2-Wasserstein distance between N(c, w^2), the law of the generator w z + c, and a normal target N(m, s^2).

    .. math:: W_2 = \sqrt{(c - m)^2 + (|w| - s)^2}

    Exact, where samples would only estimate it. Beside the `value` stand `scale`, which is |w|, and `shift`, which is
    c. For one-dimensional targets of one normal mode.

    Raises:
        UserError: if the generator is not affine from one number to one, or the target has not one mode of known width.
    """

    def __init__(self) -> None:
        super().__init__(sync_on_compute=False)
        self._numbers: tuple[float, float, float, float] | None = None

    @torch.no_grad()
    def measure(self, look: Look) -> dict[str, float]:
        """Read the generator's two numbers off three points."""
        modes, width = look.target.modes, look.target.mode_scale
        if modes is None or modes.numel() != 1 or width is None:
            raise UserError("affine-law: the target has not one mode on a line; remove the measure")
        generator = getattr(look.game, "generator", None)
        if not isinstance(generator, nn.Module) or getattr(getattr(generator, "latent", None), "dimension", 0) != 1:
            raise UserError(
                f"affine-law: {type(look.game).__name__} has no generator from one number; remove the measure"
            )
        at = generator(torch.tensor([[-1.0], [0.0], [1.0]], device=look.device)).double().cpu().flatten()
        if not torch.allclose(at[0] + at[2], 2 * at[1], rtol=1e-4, atol=1e-4):
            raise UserError("affine-law: the generator is not affine; use an mlp of depth 0, or remove the measure")
        self.reset()
        self.update(float(at[2] - at[0]) / 2, float(at[1]), float(modes), width)
        return self.compute()

    def update(self, scale: float, shift: float, mean: float, width: float) -> None:
        """Take in w and c, and the target's mean and standard deviation: later ones replace them."""
        self._numbers = (abs(scale), shift, mean, width)

    def compute(self) -> dict[str, float]:
        """The distance, |w| and c."""
        if self._numbers is None:
            raise UserError("affine-law has seen no generator yet: call measure or update first")
        scale, shift, mean, width = self._numbers
        return {"value": math.hypot(shift - mean, scale - width), "standard_error": 0.0, "scale": scale, "shift": shift}
