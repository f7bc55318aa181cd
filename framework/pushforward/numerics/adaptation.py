"""How a warm-up finds the step of a kernel with a test: by the acceptance that it leads to."""

from __future__ import annotations

import math


class DualAverage:
    r"""Nesterov's dual averaging of the logarithm of a step, with the constants of Hoffman and Gelman.

    .. math:: \log h_{t+1} = \mu - \tfrac{\sqrt t}{\gamma}\, \bar H_t, \qquad
        \bar H_t = (1 - \tfrac{1}{t + 10})\, \bar H_{t-1} + \tfrac{1}{t + 10} (a - \alpha_t)

    Here a is the acceptance that is wanted and alpha_t the one that was seen. `settled` is the weighted mean of the
    steps, which is kept when the warm-up is over.

    Reference: Hoffman, Gelman, "The No-U-Turn Sampler", 2014, arXiv:1111.4246, section 3.2.

    Args:
        step: where to begin.
        wanted: the acceptance that is aimed at.
    """

    def __init__(self, step: float, wanted: float) -> None:
        self.wanted, self.target = wanted, math.log(10 * step)
        self.step = self.settled = step
        self._count, self._error, self._log_settled = 0, 0.0, 0.0

    def update(self, acceptance: float) -> None:
        """Take in the mean acceptance of the last proposals."""
        self._count += 1
        weight = 1 / (self._count + 10)
        self._error = (1 - weight) * self._error + weight * (self.wanted - acceptance)
        log_step = self.target - math.sqrt(self._count) / 0.05 * self._error
        share = self._count**-0.75
        self._log_settled = share * log_step + (1 - share) * self._log_settled
        self.step, self.settled = math.exp(log_step), math.exp(self._log_settled)
