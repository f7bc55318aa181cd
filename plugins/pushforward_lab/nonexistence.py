"""How often a data set leaves a moment-matching game without an equilibrium."""

from __future__ import annotations

import math
from typing import Any

import torch

from pushforward import Look, Measure, UserError
from pushforward_lab.filters import empirical_autocovariance, solvable


class Nonexistence(Measure):
    r"""The probability that no filter has the empirical moments of a data set, so that no equilibrium exists.

    .. math:: P\Big(\min_w\; \hat r_0 + 2 \sum_l \hat r_l \cos(l w) < 0\Big)

    For `moment-gan`: with a spectral density above 0 it vanishes as data sets grow, and with a zero of the filter on
    the unit circle it stays near one half. Fresh data sets are drawn and tested; the model's own is not used. With
    `samples` given it reports as ``nonexistence/<samples>``, so that one recipe may ask for several.

    Args:
        samples: realisations in a data set; None means as many as the game has, where exact moments are never without
            an equilibrium.
        datasets: how many data sets are drawn.
        truth: the filter of the data; None means the game's.
        length: the length of a realisation, around a circle; None means the game's, or 64 for a truth of one's own.

    Raises:
        UserError: if nothing is to be drawn, or the game has no filter and `truth` gives none.
    """

    better = None

    def __init__(
        self,
        samples: int | None = None,
        datasets: int = 400,
        truth: list[float] | None = None,
        length: int | None = None,
    ) -> None:
        super().__init__(sync_on_compute=False)
        for name, number in (("samples", samples), ("datasets", datasets), ("length", length)):
            if number is not None and number < 1:
                raise UserError(f"nonexistence: {name} is {number}, but at least 1 is needed")
        self.samples, self.datasets, self.truth, self.length = samples, datasets, truth, length  # type: ignore[assignment]
        self._count, self._sets = 0, 0

    def label(self, name: str) -> str:
        """The registered name, with the number of samples where it is given."""
        return name if self.samples is None else f"{name}/{self.samples}"

    def measure(self, look: Look) -> dict[str, float]:
        """Draw data sets and test their moments."""
        self.reset()
        game: Any = look.game
        if self.truth is None and not hasattr(game, "true_filter"):
            raise UserError(f"nonexistence: {type(game).__name__} has no filter; give nonexistence a truth")
        own = self.truth is not None
        theta = torch.tensor(self.truth, dtype=torch.float64) if own else game.true_filter()
        samples = self.samples if self.samples is not None else getattr(game, "samples", None)
        length = self.length or (64 if own else game.length)
        order = len(theta) - 1
        if length <= 2 * order:
            raise UserError(f"nonexistence: length is {length}: a filter of {order + 1} numbers needs {2 * order + 1}")
        if samples is None:
            return {"value": 0.0, "standard_error": 0.0, "n": 0}
        for number in range(self.datasets):
            white = look.draw(f"nonexistence-{number}", samples).normal("white", length).cpu().double()
            self.update(solvable(empirical_autocovariance(theta, order, white), order))
        return self.compute()

    def update(self, exists: bool) -> None:
        """Take in whether one data set has an equilibrium."""
        self._count, self._sets = self._count + (not exists), self._sets + 1

    def reset(self) -> None:
        """Forget all data sets."""
        super().reset()
        self._count, self._sets = 0, 0

    def compute(self) -> dict[str, float]:
        """The share of data sets without an equilibrium; its error is that of Jeffreys' posterior, so never 0."""
        if not self._sets:
            raise UserError("nonexistence has seen no data set yet: call measure or update first")
        share = (self._count + 0.5) / (self._sets + 1)
        error = math.sqrt(share * (1 - share) / (self._sets + 2))
        return {"value": self._count / self._sets, "standard_error": error, "n": self._sets}
