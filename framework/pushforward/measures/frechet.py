"""The Fréchet distance: two clouds of features, compared as if both were Gaussian."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward.measures.two_samples import FeatureSamples
from pushforward.roles.measure import Look
from pushforward.roles.target import Target


class FrechetDistance(FeatureSamples):
    r"""Fréchet distance between features of samples and of held-out data.

    .. math:: \|\mu_x - \mu_y\|^2 + \operatorname{tr}\big(S_x + S_y - 2 (S_x S_y)^{1/2}\big)

    The squared 2-Wasserstein distance of the fitted Gaussians. It is biased upwards by finite samples, so it is
    reported with `n` and, for scale, with `held_out`: the same between as many rows of the training split and the
    held-out data, which is what a perfect model would get. It has no standard error: its bias is of the same order.
    It reports as ``frechet/<features>/<samples>``; only over Inception features is it called ``fid``.

    Reference: Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter, "GANs Trained by a Two Time-Scale Update Rule
    Converge to a Local Nash Equilibrium", 2017, arXiv:1706.08500.

    Args:
        features: what is compared; None means the data themselves (`identity`).
        samples: how many samples of the model and at most how many held-out rows are compared; where there are fewer
            training rows, as many samples as those.

    Raises:
        UserError: if `samples` is below 2.
    """

    short = "fid"

    def measure(self, look: Look) -> dict[str, float]:
        """Compare samples with held-out data, and training rows with the same."""
        self.features.prepare(look.target)
        held_out, train = look.real(self.samples).x, train_rows(look.target, self.samples)
        scale = {}
        if train is not None:
            scale = {"held_out": self.fair(train, held_out)["value"]}
        fake = look.fake(self.samples)[: self.samples if train is None else len(train)]
        return {**self.of(fake, held_out), **scale}

    def compare(self, x: Tensor, y: Tensor) -> dict[str, float]:
        """The distance, and the size of the smaller set."""
        return {"value": gaussian_distance(x, y), "n": min(len(x), len(y))}


def gaussian_distance(x: Tensor, y: Tensor) -> float:
    """Squared 2-Wasserstein distance of the Gaussians with the means and covariances of x, (n, D), and y, (m, D).

    With S = R^T R for both, the trace of (S_x S_y)^(1/2) is the sum of the singular values of R_x R_y^T: no matrix
    root is taken, and singular covariances do no harm.
    """
    rx, ry = _root(x), _root(y)
    cross = torch.linalg.svdvals(rx @ ry.T).sum()
    gap = (x.mean(0) - y.mean(0)).square().sum()
    return max(float(gap + rx.square().sum() + ry.square().sum() - 2 * cross), 0.0)


def train_rows(target: Target, n: int) -> Tensor | None:
    """Up to n rows of the training split, or None where the target has none."""
    try:
        return target.held_out("train", n).x
    except TypeError:  # it can neither be sampled nor read
        return None


def _root(x: Tensor) -> Tensor:
    return torch.linalg.qr((x - x.mean(0)) / math.sqrt(len(x) - 1), mode="r").R
