"""A model's bounds on log Z from below and from above: how far it is from its target, without knowing Z."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward.measures.weighed import Weighed


class EvidenceBounds(Weighed):
    r"""The gap between a model's upper and lower bound on the log Z of its target, in nats.

    .. math:: \mathrm{ELBO} = \mathbb{E}_{x \sim q} \log w(x) \le \log Z \le \mathbb{E}_{x \sim p} \log w(x)
        = \mathrm{EUBO}, \qquad w = \frac{e^{-U}}{q}

    .. math:: \mathrm{EUBO} - \mathrm{ELBO} = \mathrm{KL}(q \,\|\, p) + \mathrm{KL}(p \,\|\, q)

    For models with a density on targets with a density and exact samples. The lower bound does not see a mode that the
    model misses, the upper one does. Beside the `value` stand `elbo` and `eubo` with their standard errors, and, where
    the target knows its log Z, `reverse_kl` = log Z - ELBO and `forward_kl` = EUBO - log Z. A sample of the model
    where the target has no density makes the lower bound minus infinity; `outside` counts these, and `non_finite` what
    is NaN or plus infinity. Nothing is dropped.

    Reference: Blessing, Jia, Esslinger, Vargas, Neumann, "Beyond ELBOs: A Large-Scale Evaluation of Variational
    Methods for Sampling", 2024, arXiv:2406.07423.

    Args:
        samples: how many samples of the model, and at most how many of the target, are looked at.

    Raises:
        UserError: if `samples` is below 2.
    """

    better = "lower"

    def _of_weights(self, model: Tensor, truth: Tensor, log_z: float | None) -> dict[str, float]:
        lower, upper = float(model.mean()), float(truth.mean())
        errors = [float(w.std()) / math.sqrt(len(w)) for w in (model, truth)]
        both = torch.cat([model, truth])
        out = {
            "value": upper - lower,
            "standard_error": math.hypot(*errors),
            "n": len(model),
            "elbo": lower,
            "elbo_standard_error": errors[0],
            "eubo": upper,
            "eubo_standard_error": errors[1],
            "outside": int(model.isneginf().sum()),
            "non_finite": int((both.isnan() | both.isposinf()).sum()),
        }
        if log_z is not None:
            out |= {"reverse_kl": log_z - lower, "forward_kl": upper - log_z}
        return out
