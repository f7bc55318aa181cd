"""What generator and discriminator pay where the discriminator is linear, as functions of its scores."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

from pushforward import UserError

# By objective: the slope f'(0), which turns play, and the curvature f''(0), which damps it where data are spread out.
AT_ZERO = {
    "minimax": (0.5, -0.25),
    "non-saturating": (0.5, -0.25),
    "wasserstein": (1.0, 0.0),
    "hinge": (1.0, 0.0),
    "relativistic-paired": (0.5, -0.25),
}


class Scores(NamedTuple):
    """The discriminator's realness logits at the points of a quadrature rule.

    Attributes:
        real: of data, (Q,).
        fake: of generated points, (Q,).
        gap: of a generated point minus those of an independent datum, (Q,).
        weights: of the points, (Q,), of sum one.
    """

    real: Tensor
    fake: Tensor
    gap: Tensor
    weights: Tensor


def scores_on_a_line(slope: Tensor, place: Tensor, spread: float | Tensor, nodes: int) -> Scores:
    r"""Scores of D(x) = slope * x on data N(0, spread^2) and on the same law moved by `place`.

    Expectations over the normal law are sums over the points of a Gauss-Hermite rule, so play has no noise. The gap
    of two independent points is normal with variance 2 spread^2: the same rule serves it.

    Args:
        slope: the discriminator's number, 0-dim.
        place: the generator's number, 0-dim.
        spread: the standard deviation. A plain zero is a point mass and costs one point; a tensor, which may be swept
            from zero on, always takes the full rule.
        nodes: points of the rule.
    """
    if is_off(spread):
        fake = (slope * place)[None]
        return Scores(torch.zeros_like(fake), fake, fake, torch.ones_like(fake))
    points, weights = (slope.new_tensor(numbers) for numbers in gauss_hermite(nodes))
    noise = spread * points
    fake, gap = slope * (place + noise), slope * (place + math.sqrt(2) * noise)
    return Scores(slope * noise, fake, gap, weights)


def discriminator_cost(objective: str, scores: Scores) -> Tensor:
    """The discriminator's cost of that objective."""
    terms: dict[str, Callable[[], Tensor]] = {
        "minimax": lambda: softplus(-scores.real) + softplus(scores.fake),
        "non-saturating": lambda: softplus(-scores.real) + softplus(scores.fake),
        "wasserstein": lambda: scores.fake - scores.real,
        "hinge": lambda: relu(1 - scores.real) + relu(1 + scores.fake),
        "relativistic-paired": lambda: softplus(scores.gap),
    }
    return (scores.weights * terms[objective]()).sum()


def generator_cost(objective: str, scores: Scores) -> Tensor:
    """The generator's cost of that objective."""
    terms: dict[str, Callable[[], Tensor]] = {
        "minimax": lambda: -softplus(scores.fake),
        "non-saturating": lambda: softplus(-scores.fake),
        "wasserstein": lambda: -scores.fake,
        "hinge": lambda: -scores.fake,
        "relativistic-paired": lambda: softplus(-scores.gap),
    }
    return (scores.weights * terms[objective]()).sum()


@functools.lru_cache(maxsize=8)
def gauss_hermite(nodes: int) -> tuple[list[float], list[float]]:
    """Points and weights that integrate polynomials of degree below 2 * nodes against N(0, 1) exactly.

    Plain numbers: a tensor that is kept from within a transform of torch must not leave it.
    """
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    return points.tolist(), (weights / math.sqrt(2 * math.pi)).tolist()


def is_off(strength: float | Tensor) -> bool:
    """Whether a term is left out: only for a plain zero, since a tensor may be a number that is being swept."""
    return not isinstance(strength, Tensor) and strength == 0


def known_objective(objective: str) -> str:
    """The objective's name, if it is one.

    Raises:
        UserError: if it is not.
    """
    if objective not in AT_ZERO:
        raise UserError(f"objective {objective!r}: expected one of {', '.join(AT_ZERO)}")
    return objective


def strength(name: str, value: float) -> float:
    """A strength, if it is finite and not negative.

    Raises:
        UserError: if it is not.
    """
    if not 0 <= value < math.inf:
        raise UserError(f"{name} is {value}: expected a finite number of 0 or more")
    return value


def enough_nodes(nodes: int) -> int:
    """The number of quadrature points, if a Gauss-Hermite rule of it is accurate in float64.

    Raises:
        UserError: if it is not.
    """
    if not 2 <= nodes <= 128:
        raise UserError(f"nodes are {nodes}: expected 2 to 128")
    return nodes
