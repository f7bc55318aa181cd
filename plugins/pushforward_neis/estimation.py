"""An estimate as a run of its own: a game that nobody plays, whose model is an estimator."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from pushforward import Costs, Draw, Estimate, Estimator, Game, Target, UserError


class Estimation(Game):
    r"""Estimate log Z of the target; nothing is trained.

    .. math:: \log Z = \log \int e^{-U(x)}\, dx

    A game without players: give it `budget: {rounds: 0, evaluations: ...}`, and the measure `log-z` to report the
    estimate. Other estimators stand beside it as further measures, `{use: log-z, estimator: ...}`, at the same cost.
    An estimator with weighted particles can be sampled, so that watchers show them.

    Args:
        estimator: what estimates.
        target: the density whose log Z is wanted.
    """

    needs_data = False

    def __init__(self, estimator: Estimator, target: Target) -> None:
        super().__init__()
        self.estimator, self.target = estimator, target
        # a trained proposal goes into the checkpoint, so that the run can be measured again
        self.proposals = nn.ModuleDict({k: v for k, v in vars(estimator).items() if isinstance(v, nn.Module)})

    @property
    def shared(self) -> bool:
        """Whether processes can share an estimate."""
        return self.estimator.shared

    @property
    def players(self) -> dict[str, nn.Module]:
        """Nobody."""
        return {}

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """No costs."""
        return {}

    def estimate(self, target: Target, evaluations: int, draw: Draw) -> Estimate:
        """log Z of the target."""
        return self.estimator.estimate(target, evaluations, draw)

    def sample(self, n: int, draw: Draw, condition: Tensor | None = None) -> Tensor:
        """n of the estimator's particles, by weight.

        Raises:
            UserError: if a class is asked for.
        """
        if condition is not None:
            raise UserError("a density has no classes: sample without a condition")
        return self.estimator.sample(self.target, n, draw)
