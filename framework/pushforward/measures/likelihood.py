"""Held-out log-density: how probable a model finds data that it has not seen, against a fitted Gaussian."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward.problem import UserError
from pushforward.roles.measure import Look, Measure
from pushforward.roles.target import Target

ROWS = 1024  # evaluated at once
WIDEST = 4096  # dimensions up to which a full covariance is fitted


class LogDensity(Measure):
    r"""Mean log-density of held-out rows under the model, in nats.

    .. math:: \tfrac{1}{n} \sum_i \log p(x_i)

    The measure of a model with a density. Beside the `value` stands `gaussian`, the same rows under the Gaussian with
    the mean and covariance of training rows: what any model worth its name beats. It is left out where that Gaussian
    has no density (a constant coordinate, too few rows) or more than 4096 dimensions. The standard error is that of a
    mean; `non_finite` counts rows whose log-density is not finite, and these are not dropped from the mean.

    Where the target knows its own normalised density, `truth` is its mean on the same rows and `excess` the mean of
    the model's less the truth's, row by row, with `excess_standard_error`: above two of these, a model fits these rows
    better than the law they come from.

    Args:
        samples: at most how many held-out rows are looked at; None means all.
        train_rows: at most how many training rows the Gaussian is fitted to.

    Raises:
        UserError: if either is below 2.
    """

    better = "higher"
    model: list[Tensor]
    gaussian: list[Tensor]
    truth: list[Tensor]

    def __init__(self, samples: int | None = 10_000, train_rows: int = 50_000) -> None:
        super().__init__(sync_on_compute=False)
        if min(train_rows, 2 if samples is None else samples) < 2:
            raise UserError(f"log-density: samples {samples} and train_rows {train_rows} must be at least 2")
        self.samples = samples  # type: ignore[assignment]
        self.train_rows = train_rows
        self._fitted: tuple[Target, torch.distributions.MultivariateNormal | None] | None = None
        self.add_state("model", default=[], dist_reduce_fx="cat")
        self.add_state("gaussian", default=[], dist_reduce_fx="cat")
        self.add_state("truth", default=[], dist_reduce_fx="cat")

    def measure(self, look: Look) -> dict[str, float]:
        """Evaluate the held-out rows of the split."""
        self.reset()
        gaussian = self._gaussian(look.target)
        for x in look.real(self.samples).x.split(ROWS):
            with torch.no_grad():
                log_density = look.game.log_density(x.to(look.device))
            fitted = None if gaussian is None else gaussian.log_prob(x.flatten(1).double().cpu())
            self.update(log_density, fitted, _truth(look.target, x))
        return self.compute()

    def update(self, log_density: Tensor, gaussian: Tensor | None = None, truth: Tensor | None = None) -> None:
        """Take in log-densities, (n,), of rows under the model and, where there are such, under Gaussian and truth."""
        self.model.append(log_density.detach().double().cpu())
        if gaussian is not None:
            self.gaussian.append(gaussian)
        if truth is not None:
            self.truth.append(truth.detach().double().cpu())

    def compute(self) -> dict[str, float]:
        """The mean with its standard error."""
        values = torch.cat(self.model)
        out = {
            "value": float(values.mean()),
            "standard_error": float(values.std()) / math.sqrt(len(values)),
            "n": len(values),
            "non_finite": int((~values.isfinite()).sum()),
        }
        if self.gaussian:
            out["gaussian"] = float(torch.cat(self.gaussian).mean())
        if self.truth:
            truth = torch.cat(self.truth)
            out["truth"] = float(truth.mean())
            out["excess"] = float((values - truth).mean())
            out["excess_standard_error"] = float((values - truth).std()) / math.sqrt(len(values))
        return out

    def _gaussian(self, target: Target) -> torch.distributions.MultivariateNormal | None:
        if self._fitted is None or self._fitted[0] is not target:
            self._fitted = (target, fitted_gaussian(target.held_out("train", self.train_rows).x))
        return self._fitted[1]


def _truth(target: Target, x: Tensor) -> Tensor | None:
    """The target's own normalised log-density at x, (n,), where it knows it."""
    if target.log_z is None or type(target).log_density is Target.log_density:
        return None
    return target.log_density(x.double()) - target.log_z


def fitted_gaussian(x: Tensor) -> torch.distributions.MultivariateNormal | None:
    """The Gaussian with mean and covariance of the rows of x, (n, *shape), in float64; None where it is singular."""
    x = x.flatten(1).double().cpu()
    if x.shape[1] > WIDEST or len(x) <= x.shape[1]:
        return None
    covariance = torch.atleast_2d(torch.cov(x.T))
    factor, failed = torch.linalg.cholesky_ex(covariance)
    scale = covariance.diagonal().sqrt()
    if failed or not bool((factor.diagonal() > 1e-6 * scale).all()):  # a coordinate that the others determine
        return None
    return torch.distributions.MultivariateNormal(x.mean(0), scale_tril=factor)
