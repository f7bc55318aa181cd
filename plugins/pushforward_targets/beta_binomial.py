"""The posterior of a probability given counts: conjugate, skewed, and with its evidence in closed form."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn.functional import logsigmoid

from pushforward import Draw
from pushforward_targets import density_metadata
from pushforward_targets.endless import Endless
from pushforward_targets.line_law import LineLaw


class BetaBinomial(Endless):
    r"""The log-odds x of a probability under a beta prior, given a count of successes.

    .. math:: e^{-U(x)} = \binom{n}{k} \frac{\sigma(x)^{a + k}\, \sigma(-x)^{b + n - k}}{B(a, b)}, \qquad
        Z = \binom{n}{k} \frac{B(a + k, b + n - k)}{B(a, b)}

    For estimators on a skewed law whose evidence is known: with the uniform prior of the defaults Z = 1 / (n + 1). The
    density is that of the log-odds on the whole line, the Jacobian of the logistic function included.

    Args:
        successes: k.
        trials: n.
        a: of the prior Beta(a, b), above 0.
        b: of the prior, above 0.

    Raises:
        UserError: if the successes are not between 0 and the trials, or a or b is not above 0.
    """

    def __init__(self, successes: int = 9, trials: int = 10, a: float = 1.0, b: float = 1.0) -> None:
        self.shape = density_metadata.beta_binomial(successes, trials, a, b).shape
        self.successes, self.trials, self.a, self.b = successes, trials, a, b
        self._choices = -_log_beta(successes + 1, trials - successes + 1) - math.log(trials + 1)  # log of n over k
        self.log_z = self._choices + _log_beta(a + successes, b + trials - successes) - _log_beta(a, b)
        reach = 40 / min(a + successes, b + trials - successes, 1.0)  # the tails fall like exp(-(a + k) |x|)
        self._line = LineLaw(self._along, -reach, reach)

    def _points(self, draw: Draw) -> Tensor:
        return self._line.quantile(draw.uniform("place", 1))

    def log_density(self, x: Tensor) -> Tensor:
        """-U(x), (n,)."""
        return self._along(x[:, 0])

    def _along(self, x: Tensor) -> Tensor:
        up, down = self.a + self.successes, self.b + self.trials - self.successes
        return up * logsigmoid(x) + down * logsigmoid(-x) + self._choices - _log_beta(self.a, self.b)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
