"""Importance weights of a model at its own samples and at its target's: what two measures are made of."""

from __future__ import annotations

import abc

import torch
from torch import Tensor

from pushforward.problem import UserError
from pushforward.roles.measure import Look, Measure

ROWS = 1024  # evaluated at once


class Weighed(Measure):
    r"""Abstract: a measure of the weights w = exp(-U) / q at samples of the model q and of the target.

    Args:
        samples: how many samples of the model, and at most how many of the target, are looked at.

    Raises:
        UserError: if `samples` is below 2.
    """

    model: list[Tensor]
    truth: list[Tensor]

    def __init__(self, samples: int = 5000) -> None:
        super().__init__(sync_on_compute=False)
        if samples < 2:
            raise UserError(f"{type(self).__name__}: samples is {samples}, but two or more are needed")
        self.samples = samples
        self._log_z: float | None = None
        self.add_state("model", default=[], dist_reduce_fx="cat")
        self.add_state("truth", default=[], dist_reduce_fx="cat")

    def measure(self, look: Look) -> dict[str, float]:
        """Weigh samples of the model and of the target."""
        self.reset()
        model, truth = look.fake(self.samples), look.real(self.samples).x
        self.update(_log_weights(look, model), _log_weights(look, truth), look.log_z)
        return self.compute()

    def update(self, model: Tensor, truth: Tensor, log_z: float | None = None) -> None:
        """Take in log-weights of samples of the model, (n,), and of the target, (m,), and log Z where it is known."""
        self.model.append(model.detach().double().cpu())
        self.truth.append(truth.detach().double().cpu())
        self._log_z = log_z

    def compute(self) -> dict[str, float]:
        """What the weights say.

        Raises:
            UserError: if there are fewer than two of either kind.
        """
        model, truth = (torch.cat(w) if w else torch.empty(0) for w in (self.model, self.truth))
        if min(len(model), len(truth)) < 2:
            raise UserError(f"{type(self).__name__} got {len(model)} and {len(truth)} weights: it needs two of each")
        return self._of_weights(model, truth, self._log_z)

    @abc.abstractmethod
    def _of_weights(self, model: Tensor, truth: Tensor, log_z: float | None) -> dict[str, float]:
        """The value with its error."""


@torch.no_grad()
def _log_weights(look: Look, x: Tensor) -> Tensor:
    """log w at rows of x, (n,), in float64."""
    pieces = []
    for rows in x.split(ROWS):
        model = look.game.log_density(rows.to(look.device)).double().cpu()
        pieces.append(look.target.log_density(rows.double()).cpu() - model)
    return torch.cat(pieces)
