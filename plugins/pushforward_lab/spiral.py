"""A damped rotation: how its two numbers, damping and turning, decide eigenvalues and the largest stable steps."""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterable


def roots(damping: float, turning: float) -> list[complex]:
    r"""Eigenvalues of the flow :math:`-Dv` of a game with field matrix [[0, a], [-a, g]].

    .. math:: \lambda = -\tfrac g2 \pm \sqrt{\tfrac{g^2}{4} - a^2}

    Args:
        damping: the number g; below 2a the pair is complex and play spirals.
        turning: the number a.
    """
    middle, root = -damping / 2, cmath.sqrt(damping**2 / 4 - turning**2)
    return [middle + root, middle - root]


def largest_step_simultaneous(damping: float, turning: float) -> float:
    """The step below which simultaneous descent contracts: h a^2 < g and h^2 a^2 - 2 g h + 4 > 0; 0 where none does."""
    if damping == 0 or turning == 0:
        return 0.0
    if damping <= 2 * turning:
        return damping / turning**2
    return 4 / (damping + math.sqrt(damping**2 - 4 * turning**2))


def largest_step_alternating(damping: float, turning: float) -> float:
    """The step below which alternating descent contracts: 2 h g + h^2 a^2 < 4; 0 where none does."""
    if damping == 0 or turning == 0:
        return 0.0
    return 4 / (damping + math.sqrt(damping**2 + 4 * turning**2))


def by_name(eigenvalues: Iterable[complex]) -> dict[str, float]:
    """Eigenvalues as numbers with names, the least stable first: ``eigenvalue-1-real``, ``eigenvalue-1-imaginary``."""
    ordered = sorted((complex(value) for value in eigenvalues), key=lambda v: (-round(v.real, 12), -v.imag))
    return {
        f"eigenvalue-{number}-{part}": getattr(value, attribute) + 0.0
        for number, value in enumerate(ordered, start=1)
        for part, attribute in (("real", "real"), ("imaginary", "imag"))
    }
