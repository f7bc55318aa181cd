"""MeanFlow: the mean velocity over a stretch of time is learned, so that one step makes a sample."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from pushforward import Costs, Draw, Game, UserError
from pushforward_flow.classes import in_turn
from pushforward_flow.mean_velocity import MeanVelocity


class MeanFlow(Game):
    r"""Learn the mean velocity of the straight paths from noise to data by what its derivative must be.

    .. math:: u(x_t, t, r) = v + (r - t) \tfrac{d}{dt} u(x_t, t, r), \qquad v = x - z, \quad
        \tfrac{d}{dt} u = \partial_x u \cdot v + \partial_t u

    For samples in one step. The right side is one forward-mode derivative and is kept fixed. For r = t it is flow
    matching, of which a share of each batch is made. The model is a generator: it has no density.

    Reference: Geng, Deng, Bai, Kolter, He, "Mean Flows for One-step Generative Modeling", 2025, arXiv:2505.13447,
    eq. 6; time runs from noise, 0, to data, 1, here.

    Args:
        generator: the mean velocity; a bare network sees place, time, the length of the stretch, and the class where
            it is `conditional`. It must be smooth, and allow forward-mode derivatives.
        matching: the share of a batch with r = t.
        power: each sample's squared error e counts as e / (e + offset)^power, with the denominator kept fixed: 0 is
            the plain square.
        offset: see `power`.

    Raises:
        UserError: if a number is out of range; when playing, if classes are wanted and the data have none, or the
            network allows no forward-mode derivative.
    """

    averaged = ("generator",)

    def __init__(
        self, generator: MeanVelocity, matching: float = 0.5, power: float = 0.0, offset: float = 1e-3
    ) -> None:
        super().__init__()
        if not 0 <= matching <= 1 or not power >= 0 or not offset > 0:
            raise UserError(
                f"mean-flow: matching is {matching}, power {power}, offset {offset}: expected a share, 0 or more, and"
                " above 0"
            )
        self.generator = generator
        self.matching, self.power, self.offset = matching, power, offset

    @property
    def players(self) -> dict[str, nn.Module]:
        """The mean velocity, alone."""
        return {"generator": self.generator}

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """The squared error of the identity, a coordinate."""
        if "generator" not in tuple(names):
            return {}
        assert draw.x is not None
        if self.generator.conditional and draw.labels is None:
            raise UserError("mean-flow: the mean velocity is conditional, and the data have no labels")
        x = draw.x.flatten(1)
        z = draw.normal("base", x.shape[1])
        t, r = draw.uniform("times", 2).sort(1).values.unbind(1)
        r = torch.where(draw.uniform("matching") < self.matching, t, r)
        v, point = x - z, torch.lerp(z, x, t[:, None])
        u, rate = self._along(point, t, r, v, draw.labels)
        error = (u - (v + (r - t)[:, None] * rate).detach()).square().mean(1)
        weight = (error.detach() + self.offset) ** -self.power
        return {"generator": {"mean-velocity": (weight * error).mean()}}

    def _along(self, x: Tensor, t: Tensor, r: Tensor, v: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
        """u(x, t, r), and its rate of change where x moves with v and t with time."""

        def velocity(x: Tensor, t: Tensor) -> Tensor:
            return self.generator.velocity(x, t, r, labels)

        try:
            u, rate = torch.func.jvp(velocity, (x, t), (v, torch.ones_like(t)))
        except (NotImplementedError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0]
            raise UserError(f"mean-flow: the network allows no forward-mode derivative: {reason}") from error
        return u, rate

    def sample(self, n: int, draw: Draw, condition: Tensor | None = None) -> Tensor:
        """n samples, in one step; a conditional generator without labels takes the classes in turn."""
        if condition is None and self.generator.conditional:
            condition = in_turn(n, self.generator.classes or 1, draw.device)
        if condition is not None and not self.generator.conditional:
            raise UserError("mean-flow: its generator is not conditional: leave the class out")
        return self.generator.sample(n, condition, draw)
