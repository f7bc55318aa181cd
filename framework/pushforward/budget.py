"""How long a run is, in the unit that matters: rounds."""

from __future__ import annotations


class Budget:
    """Rounds, batch and reports.

    Args:
        rounds: full turns of the rule.
        batch: samples of one turn, over all processes and micro-batches.
        report_every: rounds between reports: measures, pictures, trackers, checkpoint.
        accumulate: micro-batches that a turn is cut into.
        best: the measure, on the validation split, whose best round is kept in best.ckpt; None keeps the last only.
        patience: stop after so many reports without a better `best`; None never does.
        evaluations: for estimators, evaluations of U and of its gradient, together, that the final answer may cost;
            None means the measure's own.
    """

    def __init__(
        self,
        rounds: int = 1000,
        batch: int = 256,
        report_every: int = 200,
        accumulate: int = 1,
        best: str | None = None,
        patience: int | None = None,
        evaluations: int | None = None,
    ) -> None:
        self.rounds, self.batch, self.report_every, self.accumulate = rounds, batch, report_every, accumulate
        self.best, self.patience, self.evaluations = best, patience, evaluations
