"""What each density of unknown or known log Z is before it is built: its shape, and which arguments it refuses.

As `metadata.py`, for the targets that estimators are asked about.
"""

from __future__ import annotations

from pushforward import Metadata, UserError
from pushforward_targets.limits import a_covariance, above_zero, at_least


def gaussian(
    mean: list[float] = [1.0, -1.0],  # noqa: B006
    covariance: list[list[float]] | None = None,
) -> Metadata:
    """Of `gaussian`."""
    if not mean:
        raise UserError("mean is empty: give the centre, such as [0, 0]")
    if covariance is not None:
        a_covariance("covariance", covariance, len(mean))
    return Metadata((len(mean),))


def four_modes() -> Metadata:
    """Of `four-modes`."""
    return Metadata((10,))


def funnel(dimension: int = 10, scale: float = 3.0) -> Metadata:
    """Of `funnel`."""
    at_least("dimension", dimension, 2, "one that opens the funnel and one across it")
    above_zero("scale", scale)
    return Metadata((dimension,))


def funnel_ball(dimension: int = 10, scale: float = 3.0, radius: float = 25.0) -> Metadata:
    """Of `funnel-ball`."""
    above_zero("radius", radius)
    return funnel(dimension, scale)


def many_well(pairs: int = 16) -> Metadata:
    """Of `many-well`."""
    at_least("pairs", pairs, 1)
    return Metadata((2 * pairs,))


def neumann_square(strength: float = 0.9) -> Metadata:
    """Of `neumann-square`."""
    if not 0 <= strength < 1:
        raise UserError(f"strength is {strength}: expected at least 0 and below 1, or the density is not positive")
    return Metadata((2,))


def breast_cancer() -> Metadata:
    """Of `breast-cancer`."""
    return Metadata((31,))


def diabetes(noise_variance: float = 0.5) -> Metadata:
    """Of `diabetes`."""
    above_zero("noise_variance", noise_variance)
    return Metadata((11,))
