"""What a series of numbers does: comes nearer, runs away, goes round, or stands still."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pushforward.contraction import growth

MOVED = 0.05  # change of the log of a distance over the later half of a run that counts as coming nearer or going away
ARRIVED = 1e-6  # a distance below this share of the largest has arrived
SURE = 3.0  # standard errors
SCATTER = 3.0  # a series that scatters by so many times its own error does not settle ...
WOBBLE = 0.05  # ... and by so much of its level
LOST = 1 / 3  # a series that was better before by so much of its present level has moved away
BACK = 0.25  # an orbit is back where what lies between, squared, is below this share of what it was at most
SHARE = 0.1  # a trend of so much of the level is one


@dataclass(frozen=True)
class Motion:
    """What was seen.

    Args:
        state: in one word.
        rate: the factor a round of a distance; of a measured series, its change over the later half against its level.
        evidence: the numbers that decided.
    """

    state: Literal["converging", "cycling", "diverging", "resting", "undecided"]
    rate: float
    evidence: dict[str, float]
    falls: bool = False  # whether a measured series is surely still getting better


def of_orbit(rounds: Tensor, points: Tensor, centre: Tensor) -> Motion:
    """The motion of an orbit about a point.

    Args:
        rounds: when, (T,), evenly spaced.
        points: where, (T, N).
        centre: the equilibrium, (N,).
    """
    if len(points) < 8:
        return Motion("undecided", 1.0, {"rounds": float(len(points))})
    distance = torch.linalg.vector_norm(points - centre, dim=1)
    every = float(rounds[1] - rounds[0])
    later = distance[len(distance) // 2 :]
    turn = one_turn(points[len(points) // 2 :]) or one_turn(points)
    size = float(distance.max())
    first, last = _quarter(later, 0), _quarter(later, -1)
    evidence = {"distance-first": float(distance[0]), "distance-last": float(distance[-1])}
    if bool((points == points[0]).all()):
        return Motion("resting", 1.0, evidence)
    if size == 0 or last <= ARRIVED * size:
        early = distance[distance > ARRIVED * size]
        return Motion("converging", growth(early) ** (1 / every) if len(early) > 8 else 0.0, evidence)
    if turn is not None:
        change = _turn_by_turn(distance, turn)
        rate = math.exp(change / len(later) / every)
    else:
        change = math.log(last / first) if first > 0 else math.inf
        rate = growth(later) ** (1 / every)
    path = float((points[len(points) // 2 :].diff(dim=0)).norm(dim=1).sum())
    evidence |= {"change-of-log-distance": change, "path-over-distance": path / last}
    if abs(change) > MOVED and (change < 0) != (rate < 1):  # its ends and its slope disagree
        return Motion("undecided", rate, evidence)
    if abs(change) > MOVED:
        return Motion("converging" if change < 0 else "diverging", rate, evidence)
    return Motion("cycling" if path > last else "resting", rate, evidence)


def one_turn(points: Tensor) -> int | None:
    """After how many points an orbit, (T, N), comes back to where it was; None where it does not within half of them.

    That is where the mean square of what lies between two points so far apart is least, for the first time after it
    was largest.
    """
    points = points - points.mean(0)
    count, lags = len(points), len(points) // 2
    spectrum = torch.fft.rfft(points, 2 * count, dim=0)
    products = torch.fft.irfft(spectrum.abs().square(), 2 * count, dim=0)[:count].sum(1)
    squares = torch.cat([points.new_zeros(1), points.square().sum(1).cumsum(0)])
    lag = torch.arange(lags + 1)
    apart = (squares[-1] - squares[lag] + squares[count - lag] - 2 * products[: lags + 1]) / (count - lag)
    least = (apart[1:-1] < apart[:-2]) & (apart[1:-1] <= apart[2:])
    back = least & (apart[1:-1] < BACK * apart.cummax(0).values[1:-1])
    found = back.nonzero()
    return int(found[0]) + 1 if len(found) else None


def _turn_by_turn(distance: Tensor, turn: int) -> float:
    """The change of the log of a distance, (T,), over its later half, from comparing like places of full turns."""
    log = distance.clamp_min(1e-300).log()
    later = len(distance) - len(distance) // 2
    changes = (log[turn:] - log[:-turn])[-later:]
    whole = changes[-(len(changes) // turn) * turn :]
    return float(whole.mean()) * later / turn


def _quarter(series: Tensor, which: int) -> float:
    """The middle of the first or the last part of a series, in logarithm."""
    part = series[: len(series) // 3] if which == 0 else series[-(len(series) // 3) :]
    return float(part.clamp_min(1e-300).log().mean().exp())


def of_series(values: list[float], errors: list[float], better: Literal["lower", "higher"]) -> Motion:
    """The motion of a measured series: its trend and its scatter over the later half, against its own errors.

    Args:
        values: in order.
        errors: the standard error of each.
        better: which way is better.
    """
    if len(values) < 5:
        return Motion("undecided", 0.0, {"reports": float(len(values))})
    half = len(values) // 2
    y = torch.tensor(values[half:], dtype=torch.float64)
    error = max(float(torch.tensor(errors[half:], dtype=torch.float64).square().mean().sqrt()), 1e-12)
    t = torch.linspace(-0.5, 0.5, len(y), dtype=torch.float64)
    slope = float((t * y).sum() / (t * t).sum())
    rest = y - y.mean() - slope * t
    scatter = float((rest.square().sum() / max(len(y) - 2, 1)).sqrt())
    slope_error = max(scatter, error) / float((t * t).sum().sqrt())
    level = abs(float(y.mean())) or 1e-12
    worse = slope if better == "lower" else -slope
    gain = values[0] - float(y.mean()) if better == "lower" else float(y.mean()) - values[0]
    evidence = {"trend": slope, "trend-error": slope_error, "scatter": scatter, "error": error, "level": level}
    lost = float(y.mean()) - min(values) if better == "lower" else max(values) - float(y.mean())
    if lost > SURE * max(error, scatter) and lost > LOST * level:
        return Motion("diverging", slope / level, evidence | {"lost": lost})
    if worse > SURE * slope_error and worse > SHARE * level:
        return Motion("diverging", slope / level, evidence)
    if scatter > SCATTER * error and scatter > WOBBLE * level:
        return Motion("cycling", slope / level, evidence)
    if gain > SURE * max(error, scatter) or -worse > SURE * slope_error:
        return Motion("converging", slope / level, evidence, falls=-worse > SURE * slope_error)
    return Motion("resting", slope / level, evidence)
