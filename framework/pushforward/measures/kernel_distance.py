"""The kernel distance: clouds of features compared up to their third moments, without bias."""

from __future__ import annotations

from torch import Tensor

from pushforward.measures.frechet import train_rows
from pushforward.measures.mmd import squared_discrepancy
from pushforward.measures.two_samples import FeatureSamples
from pushforward.roles.measure import Look


class KernelDistance(FeatureSamples):
    r"""Unbiased squared maximum mean discrepancy between features of samples and of held-out data, cubic kernel.

    .. math:: \mathbb{E}\, k(x, x') + \mathbb{E}\, k(y, y') - 2\, \mathbb{E}\, k(x, y), \quad
        k(x, y) = (x^\top y / D + 1)^3

    It sees differences of the first three moments and nothing else. Unlike the Fréchet distance it is zero in the mean
    for equal laws, whatever the number of samples, so that runs with different numbers can be compared; half of such
    values are negative. `held_out` is the same between as many rows of the training split and the held-out data. The
    standard error is in closed form, as that of `mmd`. It reports as ``kernel-distance/<features>/<samples>``;
    only over Inception features is it called ``kid``.

    Reference: Binkowski, Sutherland, Arbel, Gretton, "Demystifying MMD GANs", 2018, arXiv:1801.01401.

    Args:
        features: what is compared; None means the data themselves (`identity`).
        samples: how many samples of the model and at most how many held-out rows are compared.

    Raises:
        UserError: if `samples` is below 2.
    """

    short = "kid"

    def measure(self, look: Look) -> dict[str, float]:
        """Compare samples with held-out data, and training rows with the same."""
        self.features.prepare(look.target)
        held_out, train = look.real(self.samples).x, train_rows(look.target, self.samples)
        scale = {} if train is None else {"held_out": self.fair(train, held_out)["value"]}
        return {**self.of(look.fake(self.samples), held_out), **scale}

    def compare(self, x: Tensor, y: Tensor) -> dict[str, float]:
        """The squared discrepancy, its error and the size of the smaller set."""
        value, error = squared_discrepancy(x, y, cubic_kernel)
        return {"value": value, "standard_error": error, "n": min(len(x), len(y))}


def cubic_kernel(x: Tensor, y: Tensor) -> Tensor:
    """(x . y / D + 1)^3, (n, m)."""
    return (x @ y.T / x.shape[1] + 1) ** 3
