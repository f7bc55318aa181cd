"""How measures that compare two sets of points gather them, and what they say when a point is not finite."""

from __future__ import annotations

import abc
import math

import torch
from torch import Tensor

from pushforward.measures.features import Identity
from pushforward.measures.seen import seen
from pushforward.problem import UserError
from pushforward.roles.estimator import Features
from pushforward.roles.measure import Measure


class TwoSamples(Measure):
    """Abstract: a measure of how far two sets of points are from each other.

    A look is whole in every process, so that nothing is gathered over processes.

    Args:
        samples: how many samples of the model and at most how many held-out rows are compared.

    Raises:
        UserError: if `samples` is below 2.
    """

    x: list[Tensor]
    y: list[Tensor]

    def __init__(self, samples: int = 2000) -> None:
        super().__init__(sync_on_compute=False)
        if samples < 2:
            raise UserError(f"{type(self).__name__}: samples is {samples}, but two or more are needed")
        self.samples = samples
        self.add_state("x", default=[], dist_reduce_fx="cat")
        self.add_state("y", default=[], dist_reduce_fx="cat")

    def update(self, x: Tensor, y: Tensor) -> None:
        """Take in samples of the model, (n, *shape), and of the target, (m, *shape)."""
        self.x.append(x.detach().flatten(1).double().cpu())
        self.y.append(y.detach().flatten(1).double().cpu())

    def compute(self) -> dict[str, float]:
        """The comparison of all that was taken in; NaN, with the count, where a number is not finite.

        Raises:
            UserError: if the two sets are of different dimensions, or have fewer than two points.
        """
        x, y = (torch.cat(points) if points else torch.empty(0, 0) for points in (self.x, self.y))
        if x.shape[1] != y.shape[1] or min(len(x), len(y)) < 2:
            raise UserError(
                f"{type(self).__name__} got {len(x)} points in {x.shape[1]} dimensions against {len(y)} in "
                f"{y.shape[1]}: it compares two sets of at least two points in equal dimensions"
            )
        non_finite = sum(int((~points.isfinite()).any(1).sum()) for points in (x, y))
        if non_finite:
            n = min(len(x), len(y))
            return {"value": math.nan, "standard_error": math.nan, "n": n, "non_finite": non_finite}
        return self.compare(x, y)

    @abc.abstractmethod
    def compare(self, x: Tensor, y: Tensor) -> dict[str, float]:
        """The value with its error, for finite points x, (n, D), and y, (m, D), in float64."""


class FeatureSamples(TwoSamples):
    """Abstract: a measure that compares two sets of points in a space of features.

    Args:
        features: what is compared; None means the data themselves (`identity`).
        samples: how many samples of the model and at most how many held-out rows are compared.

    Raises:
        UserError: if `samples` is below 2.
    """

    short: str | None = None  # its name over Inception features

    def __init__(self, features: Features | None = None, samples: int = 2000) -> None:
        super().__init__(samples)
        self.features = features or Identity()

    def label(self, name: str) -> str:
        """The name, that of the features, and the number of samples: what its value depends on."""
        if self.short is not None and self.features.name == "inception":
            return f"{self.short}/{self.samples}"
        return f"{name}/{self.features.name}/{self.samples}"

    def update(self, x: Tensor, y: Tensor) -> None:
        """Take in samples of the model, (n, *shape), and of the target, (m, *shape); of these, features are kept."""
        with torch.no_grad():
            super().update(self.features(x), seen(self.features, y))

    def fair(self, train: Tensor, held_out: Tensor) -> dict[str, float]:
        """The comparison of training rows with held-out ones: what a perfect model would get."""
        with torch.no_grad():
            x, y = (seen(self.features, rows).flatten(1).double().cpu() for rows in (train, held_out))
        return self.compare(x, y)

    def of(self, x: Tensor, y: Tensor) -> dict[str, float]:
        """The comparison of these two sets alone."""
        self.reset()
        self.update(x, y)
        return self.compute()
