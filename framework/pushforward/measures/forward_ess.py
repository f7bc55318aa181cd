"""Effective sample size seen from the target's own samples: the one that a missed mode cannot flatter."""

from __future__ import annotations

import math

from torch import Tensor

from pushforward.measures.weighed import Weighed
from pushforward.numerics.weights import effective_fraction, log_mean_exp, pareto_khat


class ForwardESS(Weighed):
    r"""Effective sample size of importance sampling from the model, by exact samples of the target.

    .. math:: \frac{Z^2}{\mathbb{E}_q w^2} = \frac{Z}{\mathbb{E}_p w}, \qquad w = \frac{e^{-U}}{q}, \quad
        \frac1Z = \mathbb{E}_p \frac1w \text{ where log Z is not known}

    As a fraction: 1 for a perfect model, 1 / (1 + the relative variance of a weight) for any. Samples of the target
    are in every mode; so where the model misses one the value falls to zero, while the effective size of its own
    weights, `reverse`, may be near 1. Beside these stands `khat`, the tail index of w, and of 1 / w where log Z is not
    known: above .5 the standard error, by the delta method, means little, above 1 the value itself. `non_finite` counts
    samples of the target where the model has no density; then the value is 0.

    Reference: Midgley, Stimper, Simm, Schölkopf, Hernández-Lobato, "Flow Annealed Importance Sampling Bootstrap", 2023,
    arXiv:2208.01893.

    Args:
        samples: how many samples of the model, and at most how many of the target, are looked at.

    Raises:
        UserError: if `samples` is below 2.
    """

    better = "higher"

    def _of_weights(self, model: Tensor, truth: Tensor, log_z: float | None) -> dict[str, float]:
        n, non_finite = len(truth), int((~truth.isfinite()).sum())
        reverse = effective_fraction(model) if math.isfinite(log_mean_exp(model)) else 0.0
        if non_finite:
            error = math.nan if bool(truth.isnan().any()) else 0.0
            return {"value": error, "standard_error": error, "n": n, "reverse": reverse, "non_finite": non_finite}
        log_mean = log_mean_exp(truth)
        relative, khat = (truth - log_mean).exp(), pareto_khat(truth)  # w over its mean, in which the value falls
        if log_z is None:
            log_z = -log_mean_exp(-truth)
            relative, khat = relative + (log_z - truth).exp(), max(khat, pareto_khat(-truth))
        value = math.exp(log_z - log_mean)
        return {
            "value": value,
            "standard_error": value * float(relative.std()) / math.sqrt(n),
            "n": n,
            "reverse": reverse,
            "khat": khat,
            "non_finite": 0,
        }
