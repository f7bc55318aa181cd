"""What nearest neighbours tell of samples: how many look real, how much of the data they reach, what was memorised."""

from __future__ import annotations

import math

import torch
from pydantic import PositiveInt
from torch import Tensor

from pushforward.measures.frechet import train_rows
from pushforward.measures.seen import seen
from pushforward.measures.two_samples import FeatureSamples
from pushforward.problem import UserError
from pushforward.roles.estimator import Features
from pushforward.roles.measure import Look


class Manifold(FeatureSamples):
    r"""Precision, recall, density and coverage, by balls that reach to the k-th neighbour in feature space.

    .. math:: \text{precision} = \tfrac1n \sum_j 1[x_j \in \cup_i B(y_i)], \quad
        \text{density} = \tfrac{1}{kn} \sum_{j, i} 1[x_j \in B(y_i)], \quad
        \text{coverage} = \tfrac1m \sum_i 1[\exists j: x_j \in B(y_i)]

    for samples x and data y, each ball B reaching to the k-th neighbour among its own kind; recall is precision with
    the sides exchanged. The `value` is the smaller of precision and recall. Beside them stands what training rows have
    against held-out ones, as `held_out_precision` and `held_out_recall`: what a perfect model would get. The standard
    error is the binomial one of the value; neighbours make it a little too small.

    Reference: Kynkaanniemi, Karras, Laine, Lehtinen, Aila, "Improved Precision and Recall Metric for Assessing
    Generative Models", 2019, arXiv:1904.06991; Naeem, Oh, Uh, Choi, Yoo, "Reliable Fidelity and Diversity Metrics for
    Generative Models", 2020, arXiv:2002.09797.

    Args:
        features: in which space; None means that of the data (`identity`).
        samples: how many samples of the model and at most how many held-out rows are compared.
        k: the neighbour that a ball reaches to.

    Raises:
        UserError: if there are not more than k points on a side.
    """

    better = "higher"

    def __init__(self, features: Features | None = None, samples: int = 2000, k: PositiveInt = 3) -> None:
        super().__init__(features, samples)
        self.k = k

    def measure(self, look: Look) -> dict[str, float]:
        """Samples against held-out data, and training rows against the same."""
        self.features.prepare(look.target)
        held_out, train = look.real(self.samples).x, train_rows(look.target, self.samples)
        found = {}
        if train is not None:
            fair = self.fair(train, held_out)
            found = {f"held_out_{key}": fair[key] for key in ("precision", "recall")}
        return {**self.of(look.fake(self.samples), held_out), **found}

    def compare(self, x: Tensor, y: Tensor) -> dict[str, float]:
        """All four."""
        if min(len(x), len(y)) <= self.k:
            raise UserError(f"manifold: {min(len(x), len(y))} points have no neighbour number {self.k}: ask for more")
        apart = torch.cdist(x, y)  # (n, m)
        in_data, in_samples = apart <= radii(y, self.k)[None], apart <= radii(x, self.k)[:, None]
        precision, recall = float(in_data.any(1).double().mean()), float(in_samples.any(0).double().mean())
        value, n = min((precision, len(x)), (recall, len(y)))
        return {
            "value": value,
            "standard_error": math.sqrt(value * (1 - value) / n),
            "n": min(len(x), len(y)),
            "precision": precision,
            "recall": recall,
            "density": float(in_data.sum()) / (self.k * len(x)),
            "coverage": float(in_data.any(0).double().mean()),
        }


class Memorisation(FeatureSamples):
    r"""How often a sample is nearer to the training rows than held-out data are.

    .. math:: P\big(\min_t |f(x) - f(t)| < \min_t |f(y) - f(t)|\big)

    for a sample x, a held-out row y and training rows t, in feature space. It is 1/2 where samples are as near as new
    data, and near 1 for a model that repeats its training rows; samples that are no good have it below. The standard
    error is that of Mann and Whitney's statistic.

    Args:
        features: in which space; None means that of the data (`identity`).
        samples: how many samples of the model and at most how many held-out rows are compared.
        rows: at most how many training rows are searched.

    Raises:
        UserError: if the target has no training rows.
    """

    neutral = 0.5

    def __init__(self, features: Features | None = None, samples: int = 2000, rows: PositiveInt = 20_000) -> None:
        super().__init__(features, samples)
        self.rows = rows

    def measure(self, look: Look) -> dict[str, float]:
        """Distances of samples and of held-out rows to the nearest training row."""
        self.features.prepare(look.target)
        train = train_rows(look.target, self.rows)
        if train is None:
            raise UserError("memorisation: this target has no training rows that could have been memorised")
        with torch.no_grad():
            known = seen(self.features, train).flatten(1).double().cpu()
            sides = [self.features(look.fake(self.samples)), seen(self.features, look.real(self.samples).x)]
            distances = [nearest(side.flatten(1).double().cpu(), known)[:, None] for side in sides]
        return self.of(*distances)

    def update(self, x: Tensor, y: Tensor) -> None:
        """Take in distances to the nearest training row, of samples (n, 1) and of held-out rows (m, 1)."""
        self.x.append(x)
        self.y.append(y)

    def compare(self, x: Tensor, y: Tensor) -> dict[str, float]:
        """The share of pairs, from distances (n, 1) and (m, 1)."""
        ordered, own = y[:, 0].sort().values, x[:, 0].contiguous()
        below = torch.searchsorted(ordered, own, right=False).double()
        upto = torch.searchsorted(ordered, own, right=True).double()
        n, m = len(x), len(y)
        share = 1 - float((below + upto).mean()) / (2 * m)
        error = math.sqrt((n + m + 1) / (12 * n * m))  # if both were alike
        return {"value": share, "standard_error": error, "n": min(n, m), "distance": float(own.median())}


def radii(x: Tensor, k: int) -> Tensor:
    """The distance of every point to its k-th neighbour, (n,)."""
    return torch.cdist(x, x).kthvalue(k + 1, dim=1).values  # the first is the point itself


def nearest(x: Tensor, known: Tensor) -> Tensor:
    """The distance of every row to the nearest known one, (n,)."""
    return torch.cat([torch.cdist(part, known).amin(1) for part in x.split(1024)])
