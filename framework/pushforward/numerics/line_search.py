"""How far to go along a direction: a step that lowers the cost enough and flattens its slope enough."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

DECREASE, FLATTEN = 1e-4, 0.9  # of the two conditions, as usual for quasi-Newton directions


class Probe(NamedTuple):
    """What was found at one step along a direction.

    Attributes:
        step: how far it is.
        value: the cost there.
        slope: its derivative along the direction.
        found: whatever the caller wants to keep of this place.
    """

    step: float
    value: float
    slope: float
    found: Any = None


def strong_wolfe(at: Callable[[float], Probe], start: Probe, step: float, most: int = 25) -> Probe:
    r"""A step that meets the strong Wolfe conditions, or the best one of those that were tried.

    .. math:: c(t) \le c(0) + 10^{-4}\, t\, c'(0), \qquad |c'(t)| \le 0.9\, |c'(0)|

    Bracketed by growing steps, then narrowed by cubic interpolation. A cost that is not finite counts as too high, so
    that a step may try what is out of bounds. Where no step lowers the cost, `start` itself is given back.

    Reference: Nocedal, Wright, "Numerical Optimization", 2nd edition, 2006, algorithms 3.5 and 3.6.

    Args:
        at: cost and slope at a step.
        start: those at step 0; the slope is negative.
        step: the first step to try.
        most: how often `at` may be asked.
    """
    low = start
    for tried in range(1, most + 1):
        probe = at(step)
        if not _lower(probe, start) or (tried > 1 and probe.value >= low.value):
            return _narrow(at, start, low, probe, most - tried)
        if abs(probe.slope) <= -FLATTEN * start.slope:
            return probe
        if probe.slope >= 0:
            return _narrow(at, start, probe, low, most - tried)
        low, step = probe, step + max(1.01 * (step - low.step), min(9 * (step - low.step), _cubic(low, probe) - step))
    return low


def _narrow(at: Callable[[float], Probe], start: Probe, low: Probe, high: Probe, most: int) -> Probe:
    """Between the lowest step so far and one beyond which the cost rises."""
    for _ in range(most):
        if abs(high.step - low.step) <= 1e-9 * high.step:  # a kink: no slope is flat enough there
            break
        probe = at(_between(low, high))
        if not _lower(probe, start) or probe.value >= low.value:
            high = probe
            continue
        if abs(probe.slope) <= -FLATTEN * start.slope:
            return probe
        if probe.slope * (high.step - low.step) >= 0:
            high = low
        low = probe
    return low


def _lower(probe: Probe, start: Probe) -> bool:
    """Whether the cost is finite and has fallen in proportion to the step."""
    fallen = probe.value <= start.value + DECREASE * probe.step * start.slope
    return fallen and math.isfinite(probe.value) and math.isfinite(probe.slope)


def _between(low: Probe, high: Probe) -> float:
    """The lowest point of the cubic, kept a tenth of the way off both ends; the middle where there is none."""
    if not (math.isfinite(high.value) and math.isfinite(high.slope)):
        return (low.step + high.step) / 2
    first, last = sorted((low.step, high.step))
    margin = 0.1 * (last - first)
    return min(max(_cubic(low, high), first + margin), last - margin)


def _cubic(a: Probe, b: Probe) -> float:
    """Where the cubic with the values and slopes of two probes is lowest; their middle where it has no such place."""
    bend = a.slope + b.slope - 3 * (b.value - a.value) / (b.step - a.step)
    square = bend * bend - a.slope * b.slope
    if not square >= 0:
        return (a.step + b.step) / 2
    root = math.copysign(math.sqrt(square), b.step - a.step)
    below = b.slope - a.slope + 2 * root
    return b.step - (b.step - a.step) * (b.slope + root - bend) / below if below else (a.step + b.step) / 2
