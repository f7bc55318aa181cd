"""How much the weights of a NEIS spread, on walkers that training has not seen, and seen from the target's side."""

from __future__ import annotations

import math
import warnings
from typing import Any

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor

from pushforward import Doubt, Look, Measure, Target, UserError
from pushforward.numerics.weights import Weights


class RelativeVariance(Measure):
    r"""Variance of the weights over their squared mean, on fresh walkers.

    .. math:: v = \mathbb{E}[A^2] / \mathbb{E}[A]^2 - 1 = 1 / \mathrm{ESS} - 1

    What training lowers: an estimate from n walkers has a standard error of about :math:`\sqrt{v / n}`. The value knows
    only what its walkers have met: a mode that hardly any of them meets makes it smaller, not larger. Where the target
    can be sampled and its log Z is known, `forward` is the same number seen from the target,

    .. math:: v = \mathbb{E}_{x \sim \rho_0 A / Z}[A] / Z - 1,

    on starts whose trajectories lead to exact samples, so that no mode is missed; `forward_standard_error` is its error
    and `forward_ess` the effective sample size that it says, as a fraction. Stop rules should look at the value, which
    needs no truth. `khat` is the tail index of the weights: above one half the value has no finite error.

    Standard error: by the delta method.

    Args:
        samples: how many walkers are looked at.
        forward: how many exact samples; 0 looks from the base alone.
        final: how many walkers are looked at once the run has ended, for a number to quote; None means `samples`.

    Raises:
        UserError: if there are fewer than two walkers, or the model has none.
    """

    better = "lower"

    def __init__(
        self, samples: PositiveInt = 10_000, forward: NonNegativeInt = 10_000, final: PositiveInt | None = None
    ) -> None:
        super().__init__(sync_on_compute=False)
        if samples < 2 or forward < 0:
            raise UserError(f"relative-variance: samples is {samples} and forward {forward}: expected 2 and 0 or more")
        if final is not None and final < 2:
            raise UserError(f"relative-variance: final is {final}: expected 2 or more, or None for {samples}")
        self.samples, self.forward_samples, self.final = samples, forward, final
        self._found: dict[str, float] = {}

    def measure(self, look: Look) -> dict[str, float]:
        """Follow walkers from the base, and back from samples of the target where there are any."""
        game: Any = look.game
        if not hasattr(game, "weigh"):
            raise UserError(f"relative-variance: {type(look.game).__name__} has no walkers; it is for neis")
        n = self.final or self.samples if look.split == "test" else self.samples
        weights, kept = Weights(n), []
        for block in game.weigh(n, look.draw("relative-variance", 1)):
            weights.add(block)
            kept.append(block.double().cpu())
        found = _variance(weights, torch.cat(kept))
        if self.forward_samples and look.log_z is not None and _is_sampled(look):
            log_a = game.weigh_from(look.real(self.forward_samples).x.to(look.device), look.draw("forward", 1))
            ratio = (log_a.double().cpu() - look.log_z).exp()
            error = float(ratio.std()) / math.sqrt(len(ratio))
            found |= {
                "forward": float(ratio.mean()) - 1,
                "forward_standard_error": error,
                "forward_ess": 1 / float(ratio.mean()),
            }
        self.update(found)
        return self.compute()

    def update(self, found: dict[str, float]) -> None:
        """Take in the numbers of a look: a later one replaces it."""
        self._found = found

    def compute(self) -> dict[str, float]:
        """The last look, in numbers."""
        if not self._found:
            raise UserError("relative-variance has looked at nothing yet: call measure first")
        return dict(self._found)


def _variance(weights: Weights, log_weights: Tensor) -> dict[str, float]:
    n = weights.n
    if not math.isfinite(weights.log_mean):
        said = "weights that are not finite" if weights.non_finite else "no weight above zero"
        warnings.warn(f"relative variance: {said} among {n}, so that there is none", Doubt, stacklevel=2)
        return {"value": math.inf, "standard_error": math.inf, "n": n, "khat": math.inf}
    ratio = (log_weights - weights.log_mean).exp()
    value = float((ratio - 1).square().sum()) / (n - 1)
    influence = (ratio - 1).square() - 2 * (1 + value) * (ratio - 1) + 2 * (ratio - 1)  # of E[A^2] / E[A]^2
    return {
        "value": value,
        "standard_error": float(influence.std()) / math.sqrt(n),
        "n": n,
        "khat": weights.khat,
    }


def _is_sampled(look: Look) -> bool:
    return type(look.target).sample is not Target.sample
