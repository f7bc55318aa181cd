"""Mixing: whether the chains of a sampler agree, and how many independent draws theirs are worth."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from pushforward.numerics.mixing import bulk_effective_size, split_rhat, tail_effective_size
from pushforward.numerics.slopes import LogDensity
from pushforward.problem import UserError
from pushforward.randomness import Draw
from pushforward.roles.estimator import Sampler
from pushforward.roles.measure import Look, Measure
from pushforward.roles.target import Target

FEWEST = 4  # steps of a chain, whose halves have two each


class Mixing(Measure):
    r"""Run a sampler's chains, and say whether they have forgotten where they began.

    .. math:: \hat R = \sqrt{\frac{\frac{n-1}{n} W + \frac1n B}{W}}

    The `value` is the largest rank-normalised split R-hat over the coordinates and the log-density: near 1 where chains
    agree, above 1.01 where they have not mixed. Beside it stand the smallest effective sample sizes, `bulk` and
    `tail`, of the `n` draws of all chains; the `acceptance` and the `step` of the sampler; and how many proposals were
    `non_finite`. Chains begin at noise `spread` times as wide as a standard normal law, or as the model's own noise.

    Reference: Vehtari, Gelman, Simpson, Carpenter, Buerkner, "Rank-Normalization, Folding, and Localization: An
    Improved R-hat", 2021, arXiv:1903.08008.

    Args:
        sampler: the kernel; None means that of the model.
        of: `model`, the law in which the model itself runs chains; or `target`, its log-density.
        chains: how many.
        steps: how many steps of each count, at least four.
        discarded: steps before them, after whatever warm-up the sampler has; None means as many.
        spread: how wide the chains begin.

    Raises:
        UserError: if a number is too small; when looking, if the model runs no chains, the target has no density, or
            there is no sampler.
    """

    better = "lower"

    def __init__(
        self,
        sampler: Sampler | None = None,
        of: Literal["model", "target"] = "model",
        chains: int = 16,
        steps: int = 200,
        discarded: int | None = None,
        spread: float = 1.0,
    ) -> None:
        super().__init__(sync_on_compute=False)
        if chains < 1 or steps < FEWEST or (discarded is not None and discarded < 0) or not spread >= 0:
            raise UserError(
                f"mixing: chains is {chains}, steps {steps}, discarded {discarded}, spread {spread}: expected at least"
                f" 1, {FEWEST}, 0 and 0"
            )
        self.sampler, self.of, self.chains, self.steps = sampler, of, chains, steps
        self.discarded, self.spread = discarded, spread
        self._found: dict[str, float] = {}

    def measure(self, look: Look) -> dict[str, float]:
        """Run the chains, and look at them."""
        draw = look.draw("mixing", self.chains)
        log_density, start = self._law(look, draw)
        sampler = self.sampler or getattr(look.game, "sampler", None)
        if sampler is None:
            raise UserError("mixing: give it a sampler, such as {use: mixing, sampler: nuts, of: target}")
        places: list[Tensor] = []
        discarded = self.steps if self.discarded is None else self.discarded
        _, facts = sampler.run(log_density, self.spread * start, discarded + self.steps, draw, places.append)
        self.update(torch.stack(places[discarded:]), log_density, facts)
        return self.compute()

    def _law(self, look: Look, draw: Draw) -> tuple[LogDensity, Tensor]:
        """The log-density, and where chains begin."""
        if self.of == "target":
            return _density_of(look.target), draw.normal("start", *look.target.shape)
        law = getattr(look.game, "latent_law", None)
        if law is None:
            raise UserError(f"mixing: {type(look.game).__name__} runs no chains; look at the target: `of: target`")
        found: tuple[LogDensity, Tensor] = law(draw)
        return found

    def update(self, places: Tensor, log_density: LogDensity, facts: dict[str, float]) -> None:
        """Take in where chains were, (steps, chains, ...), and what their sampler says of them."""
        with torch.no_grad():
            values = torch.stack([log_density(x) for x in places]).double().cpu()
        numbers = [*places.flatten(2).double().cpu().unbind(2), values]
        self._found = {
            "value": max(map(split_rhat, numbers)),
            "n": values.numel(),
            "bulk": min(map(bulk_effective_size, numbers)),
            "tail": min(map(tail_effective_size, numbers)),
            **{name: facts[name] for name in ("acceptance", "step", "non_finite") if name in facts},
        }

    def compute(self) -> dict[str, float]:
        """The last look."""
        return self._found


def _density_of(target: Target) -> LogDensity:
    if type(target).log_density is Target.log_density:
        raise UserError(f"mixing: {type(target).__name__} has no density: no chain can be run on it")
    return target.law
