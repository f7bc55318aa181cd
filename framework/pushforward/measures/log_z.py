"""Log Z as a measure: an estimate of the target's normaliser, next to what is known of it."""

from __future__ import annotations

import math
import re
import warnings
from typing import Any

from pushforward.doubts import Doubt
from pushforward.game import Game
from pushforward.problem import UserError
from pushforward.randomness import Draw
from pushforward.roles.estimator import Estimate, Estimator
from pushforward.roles.measure import Look, Measure

FAR = 4.0  # standard errors from a known log Z at which an estimate is doubted
ROUNDING = 1e-6  # of densities in single precision


class LogZ(Measure):
    r"""Estimate of log Z of the target, with how far to trust it.

    .. math:: \log Z = \log \int e^{-U(x)}\, dx

    By the model itself where it can estimate, or by an estimator for comparison at the same cost. Beside the `value`
    and its delta-method `standard_error` stand the 95 % interval `low` and `high`, the effective sample size `ess` as
    a fraction of the `n` weights, the tail index `khat`, the `evaluations` of U and the `gradient_evaluations` spent,
    how many weights are `non_finite`, the `bound` where the weights give one and, where the target knows its log Z, the
    `error`: value minus truth. What is wrong with the estimate is said as a doubt. An estimator beside the model that
    gives no answer says why as a doubt, and its numbers are none, so that the others of the run are not lost with it.

    Args:
        estimator: what estimates; None means the model. It reports as ``log-z/<class of the estimator>``.
        evaluations: how often U and its gradient may be evaluated, together and at most; None means
            `budget.evaluations`, or a million.

    Raises:
        UserError: if there is no evaluation to spend, or no estimator and a model that cannot estimate.
    """

    better = None

    def __init__(self, estimator: Estimator | None = None, evaluations: int | None = None) -> None:
        super().__init__(sync_on_compute=False)
        if evaluations is not None and evaluations < 1:
            raise UserError(f"log-z: evaluations is {evaluations}, but at least one is needed")
        self.estimator, self.evaluations = estimator, evaluations
        self._estimate: Estimate | None = None
        self._truth: float | None = None

    def together(self, game: Game) -> bool:
        """Where whoever estimates can share the work."""
        return bool(getattr(self.estimator or game, "shared", False))

    def label(self, name: str) -> str:
        """The registered name, with that of the estimator's class where there is one."""
        if self.estimator is None:
            return name
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", type(self.estimator).__name__)
        return f"{name}/{words.lower()}"

    def measure(self, look: Look) -> dict[str, float]:
        """Estimate, with the randomness of this look."""
        estimate: Any = self.estimator.estimate if self.estimator else getattr(look.game, "estimate", None)
        if estimate is None:
            raise UserError(f"log-z: {type(look.game).__name__} estimates no log Z; give log-z an estimator")
        self.reset()
        try:
            found = estimate(look.target, self.evaluations or look.evaluations or 1_000_000, self._draw(look))
        except UserError as error:
            if self.estimator is None:
                raise
            found = Estimate(math.nan, math.inf, (-math.inf, math.inf), 0.0, math.inf, 0, 0, 0, warning=str(error))
        self.update(found, look.log_z)
        return self.compute()

    def _draw(self, look: Look) -> Draw:
        return look.part("log-z") if self.together(look.game) else look.draw("log-z", 1)

    def update(self, estimate: Estimate, truth: float | None = None) -> None:
        """Take in an estimate, and the known log Z: a later one replaces it."""
        self._estimate, self._truth = estimate, truth
        said = [estimate.warning] if estimate.warning else []
        off = 0.0 if truth is None else abs(estimate.log_z - truth)
        if off > FAR * max(estimate.standard_error, ROUNDING * abs(truth or 0.0)):
            said.append(f"the known log Z, {truth:.7g}, is {off:.3g} away, far more than the standard error says")
        if said:
            warnings.warn("; ".join(said), Doubt, stacklevel=2)

    def compute(self) -> dict[str, float]:
        """The last estimate, in numbers."""
        if self._estimate is None:
            raise UserError("log-z has no estimate yet: call measure or update first")
        e = self._estimate
        out: dict[str, float] = {
            "value": e.log_z,
            "standard_error": e.standard_error,
            "low": e.interval[0],
            "high": e.interval[1],
            "n": e.n,
            "ess": e.ess,
            "khat": e.khat,
            "non_finite": e.non_finite,
            "evaluations": e.evaluations,
            "gradient_evaluations": e.gradient_evaluations,
        }
        out |= {"bound": e.bound} if e.bound is not None else {}
        return out if self._truth is None else {**out, "error": e.log_z - self._truth}
