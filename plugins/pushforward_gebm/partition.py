"""The constant of an energy on a base law: estimated once for each state of the weights, with its error."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable

import torch
from torch import Tensor

from pushforward import Draw, Energy, Estimate
from pushforward.numerics.weights import estimate_from_log_weights
from pushforward_gebm.base_law import BaseLaw

ROWS = 8192  # samples of the base held at once


class Partition:
    r"""Importance sampling of a log-partition from the base itself, with one fixed draw.

    .. math:: A = \log \mathbb{E}_G e^{-E} \approx \log \tfrac{1}{N} \sum_i e^{-E(x_i)}, \qquad x_i \sim G

    Args:
        samples: how many samples N of the base.
    """

    def __init__(self, samples: int) -> None:
        self.samples = samples
        self._known: tuple[str, Estimate] | None = None

    def __call__(self, base: BaseLaw, energy: Energy) -> Estimate:
        """The estimate; computed again only when a weight of base or energy has changed."""
        tensors = [t for m in (energy, base.model) for t in (*m.parameters(), *m.buffers())]
        state = fingerprint(tensors)
        if self._known is None or self._known[0] != state:
            like = next((t for t in tensors if t.is_floating_point()), torch.zeros(()))
            self._known = (state, self._estimate(base, energy, like))
        return self._known[1]

    @torch.no_grad()
    def _estimate(self, base: BaseLaw, energy: Energy, like: Tensor) -> Estimate:
        began = time.perf_counter()
        log_weights = []
        for first in range(0, self.samples, ROWS):
            n = min(ROWS, self.samples - first)
            draw = Draw(0, ("log-partition", first), n, device=like.device, dtype=like.dtype)
            log_weights.append(-energy(base.push(base.noise(draw))))
        seconds = time.perf_counter() - began
        return estimate_from_log_weights(torch.cat(log_weights), evaluations=self.samples, seconds=seconds)


def fingerprint(tensors: Iterable[Tensor]) -> str:
    """A hash of the numbers in some tensors: torch's own version counters miss weights that are swapped in."""
    digest = hashlib.blake2b(digest_size=16)
    for tensor in tensors:
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
