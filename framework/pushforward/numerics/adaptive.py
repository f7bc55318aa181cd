"""Dormand and Prince's integrator with a step of its own for every row, so that no row depends on its batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from pushforward.problem import RunFailed

State = tuple[Tensor, ...]
Rates = Callable[[Tensor, State], State]  # times (n,) and a state of (n, ...) to its rates

NODES = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
STAGES = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),  # the fifth-order solution
)
ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)  # fifth less fourth order
SMALLEST = 1e-9  # of the whole interval: a step below this means that the rates are not finite, or have no bound


class Solved(NamedTuple):
    """What a solve gives.

    Attributes:
        state: at the end.
        evaluations: of the rates, for each row, (n,).
    """

    state: State
    evaluations: Tensor


def dormand_prince(
    rates: Rates, state: State, start: float, stop: float, tolerance: float = 1e-5, most: int = 10_000
) -> Solved:
    r"""The state at `stop`, each row by steps of its own, whose estimated error stays below the tolerance.

    .. math:: \Bigl(\tfrac1D \sum_i \bigl(\tfrac{e_i}{\tau\,(1 + \max(|y_i|, |y_i'|))}\bigr)^2\Bigr)^{1/2} \le 1

    Steps are chosen without a graph. Where gradients are wanted the accepted steps are then played again with one, so
    that derivatives of any order are those of the numbers that come out; no derivative is taken of a step's length.
    A row that is not finite at the start is not finite at the end, and moves no other row.

    Reference: Dormand, Prince, "A Family of Embedded Runge-Kutta Formulae", 1980; the control is that of Hairer,
    Norsett, Wanner, "Solving Ordinary Differential Equations I", 1993, section II.4.

    Args:
        rates: from the time of each row, (n,), and the state to the rates of change.
        state: tensors (n, ...), all of one number of rows.
        start: the first time.
        stop: the last one; below `start` goes backward.
        tolerance: tau, relative and absolute.
        most: evaluations of the rates that a row may take.

    Raises:
        RunFailed: if a row needs more than that, or its rates are not finite however short the step.

    Example:
        >>> y = torch.ones(1, 1, dtype=torch.float64)
        >>> (y,), _ = dormand_prince(lambda t, s: (s[0],), (y,), 0.0, 1.0, tolerance=1e-9)
        >>> bool(abs(y - torch.e) < 1e-7)
        True
    """
    with torch.no_grad():
        steps, end = _controlled(rates, tuple(y.detach() for y in state), start, stop, tolerance, most)
    evaluations = 6 * end.tries + 1  # the last slope of a step is the first of the next
    if not torch.is_grad_enabled():
        return Solved(end.state, evaluations)
    time = state[0].new_full(state[0].shape[:1], start)
    slope = rates(time, state) if steps else ()
    for h in steps:
        state, slope, _ = _step(rates, time, state, slope, h)
        time = time + h
    return Solved(state, evaluations)


class _End(NamedTuple):
    state: State
    tries: Tensor


def _controlled(
    rates: Rates, state: State, start: float, stop: float, tolerance: float, most: int
) -> tuple[list[Tensor], _End]:
    """Every accepted step of every row, (n,) each with 0 where a row stood still, and where they lead."""
    like = state[0]
    span = stop - start
    time = like.new_full(like.shape[:1], start)
    wanted = like.new_full(like.shape[:1], span / 16)
    tries = torch.zeros_like(time, dtype=torch.int64)
    moving = torch.stack([_rows(y).isfinite().all(1) for y in state]).all(0)
    lost = ~moving
    slope = rates(time, state) if bool(moving.any()) else ()
    steps = []
    while bool(moving.any()):
        left = stop - time
        h = torch.where(wanted.abs() < left.abs(), wanted, left)
        ahead, last_slope, error = _step(rates, time, state, slope, h * moving)
        size = _size(error, state, ahead, tolerance)
        accepted = moving & (size <= 1)
        taken = torch.where(accepted, h, torch.zeros_like(h))
        state, slope = _where(accepted, ahead, state), _where(accepted, last_slope, slope)
        last = accepted & (h == left)
        time = torch.where(last, torch.full_like(time, stop), time + taken)
        tries = tries + moving
        factor = torch.where(size > 0, 0.9 * size.clamp(min=1e-12) ** -0.2, torch.full_like(size, 5.0)).clamp(0.2, 5.0)
        wanted = torch.where(moving, h * factor.nan_to_num(0.2), wanted)
        if bool(accepted.any()):
            steps.append(taken)
        moving = moving & ~last
        _stop_if_hopeless(moving, wanted, span, tries, most, time)
    nowhere = torch.full((), float("nan"), dtype=like.dtype, device=like.device)
    state = tuple(torch.where(_like(lost, y), nowhere.to(y), y) for y in state)
    return steps, _End(state, tries)


def _stop_if_hopeless(moving: Tensor, wanted: Tensor, span: float, tries: Tensor, most: int, time: Tensor) -> None:
    stuck = moving & (wanted.abs() < SMALLEST * abs(span))
    if bool(stuck.any()):
        row = int(stuck.nonzero()[0])
        raise RunFailed(
            f"an ordinary differential equation cannot be solved past t = {float(time[row]):.4g} (row {row}): its rates"
            " are not finite there or grow without bound; take a smoother velocity, or smaller weights"
        )
    spent = moving & (6 * tries + 1 > most)
    if bool(spent.any()):
        row = int(spent.nonzero()[0])
        raise RunFailed(
            f"an ordinary differential equation took more than {most} evaluations and is at t = {float(time[row]):.4g}"
            f" (row {row}): allow more evaluations, or a larger tolerance"
        )


def _step(rates: Rates, time: Tensor, state: State, slope: State, h: Tensor) -> tuple[State, State, State]:
    """One step of length h, (n,), for every row: where it leads, the slope there, and the estimate of its error."""
    slopes = [slope]
    ahead = state
    for node, row in zip(NODES[1:], STAGES, strict=True):
        ahead = tuple(y + _like(h, y) * _sum(row, k) for y, k in zip(state, zip(*slopes, strict=True), strict=True))
        slopes.append(rates(time + node * h, ahead))
    error = tuple(_like(h, y) * _sum(ERROR, k) for y, k in zip(state, zip(*slopes, strict=True), strict=True))
    return ahead, slopes[-1], error


def _where(rows: Tensor, yes: State, no: State) -> State:
    return tuple(torch.where(_like(rows, y), new, y) for new, y in zip(yes, no, strict=True))


def _sum(weights: tuple[float, ...], slopes: tuple[Tensor, ...]) -> Tensor:
    return torch.stack([w * k for w, k in zip(weights, slopes, strict=True) if w], 0).sum(0)


def _size(error: State, before: State, after: State, tolerance: float) -> Tensor:
    """Root mean square of the error of each row, in tolerances, (n,); infinite where it is no number."""
    parts = []
    for e, y, new in zip(error, before, after, strict=True):
        parts.append(_rows(e) / (tolerance * (1 + torch.maximum(_rows(y).abs(), _rows(new).abs()))))
    return torch.cat(parts, 1).square().mean(1).sqrt().nan_to_num(float("inf"))


def _rows(y: Tensor) -> Tensor:
    return y.flatten(1) if y.ndim > 1 else y[:, None]


def _like(row: Tensor, y: Tensor) -> Tensor:
    return row.view(-1, *[1] * (y.ndim - 1))
