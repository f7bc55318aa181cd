"""How wide a critic must be before its tangent kernel tells what it does."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward import Draw, Look, Measure, UserError
from pushforward_lab.tangent_critics import Objective, train
from pushforward_lab.tangent_gan import TangentGAN
from pushforward_lab.tangent_kernels import NetworkTangent
from pushforward_lab.wide_critic import WideCritic, train_wide


class WidthError(Measure):
    r"""The exponent with which a trained critic's distance to its closed form falls as it is made wider.

    .. math:: \frac{\sup_x |f_n(x) - f_\infty(x)|}{\sup_x |f_\infty(x)|} \sim n^{p}, \qquad p \to -\tfrac12

    Critics of each width are trained from zero, by gradient steps, against the points of `tangent-gan` where they
    stand, and compared with its closed form at all points. `value` is p, the slope of log error in log width; beside
    it stands the error of each width, `error_64` and so on, the mean of its seeds. The standard error of p is that of
    the fit, from the spread over seeds. For `least-squares` and `vanilla` gradient steps are no flow: a `step` too long
    leaves an error that no width removes.

    Reference: Franceschi et al., "A Neural Tangent Kernel Perspective of GANs", 2021, arXiv:2106.05566.

    Args:
        widths: units of each hidden layer, two or more widths.
        seeds: critics of each width.
        step: the longest gradient step, in the units of the critic's training time.

    Raises:
        UserError: if there are not two different widths, `seeds` is below 2, the step is not positive, or (when
            looking) the model is not `tangent-gan` with the kernel of a network.
    """

    better = None

    def __init__(self, widths: tuple[int, ...] = (64, 256, 1024), seeds: int = 5, step: float = 0.1) -> None:
        super().__init__(sync_on_compute=False)
        if len(set(widths)) < 2 or min(widths) < 1:
            raise UserError(f"widths {tuple(widths)}: expected two or more different widths of at least 1")
        if seeds < 2:
            raise UserError(f"seeds {seeds}: expected 2 or more, for a standard error")
        if not 0 < step < math.inf:
            raise UserError(f"step {step}: expected a positive number")
        self.widths, self.seeds, self.step = tuple(widths), seeds, step
        self._errors: Tensor | None = None

    def measure(self, look: Look) -> dict[str, float]:
        """Train critics of every width against the present points."""
        self.reset()
        self.update(self.train_critics(look))
        return self.compute()

    def train_critics(self, look: Look) -> Tensor:
        """The error of every critic, (widths, seeds); no data are held out, so both splits see the same critics."""
        game = look.game
        if not isinstance(game, TangentGAN) or not isinstance(game.kernel, NetworkTangent):
            raise UserError("width-error measures the model tangent-gan with relu-tangent or erf-tangent")
        fake, real = game.generator.value.detach(), game.real
        generator = Draw(look.seed, ("width-error", look.round), 1, device=look.device).generator("weights")
        errors = [
            width_error(game.kernel, fake, real, game.objective, game.time, width, self.step, generator, game.steps)
            for width in self.widths
            for _ in range(self.seeds)
        ]
        return torch.tensor(errors).view(len(self.widths), self.seeds)

    def update(self, errors: Tensor) -> None:
        """Take in the errors, (widths, seeds)."""
        self._errors = errors.double()

    def compute(self) -> dict[str, float]:
        """The exponent, with the error of each width."""
        if self._errors is None:
            raise UserError("width-error has seen no critic yet: call measure or update first")
        mean, spread = self._errors.mean(1), self._errors.std(1)
        logs = torch.tensor(self.widths, dtype=torch.float64).log()
        pull = (logs - logs.mean()) / (logs - logs.mean()).square().sum()
        noise = spread / mean / math.sqrt(self.seeds)
        return {
            "value": float(pull @ mean.log()),
            "standard_error": float((pull * noise).norm()),
            "n": self.seeds,
            **{f"error_{width}": float(error) for width, error in zip(self.widths, mean, strict=True)},
        }


def width_error(
    kernel: NetworkTangent,
    fake: Tensor,
    real: Tensor,
    objective: Objective,
    time: float,
    width: int,
    step: float,
    generator: torch.Generator,
    steps: int = 50,
) -> float:
    """The relative error, at all points, of one trained critic of this width: its largest over that of the limit."""
    points = torch.cat([fake, real])
    limit = train(kernel, fake, real, objective, time, steps)(points)
    critic = WideCritic(kernel, points.shape[1], width, generator)
    train_wide(critic, fake, real, objective, time, step)
    with torch.no_grad():
        return float((critic(points) - limit).abs().max() / limit.abs().max())
