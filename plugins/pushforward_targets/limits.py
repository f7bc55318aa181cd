"""Numbers that a target refuses, each in one sentence; nothing here imports torch."""

from __future__ import annotations

import math

from pushforward import UserError

SQUARE = 1e-9  # how far, relative to its diagonal, a covariance may be from symmetric


def above_zero(name: str, *values: float) -> None:
    """Refuse what is not a positive number.

    Raises:
        UserError: naming the first of them.
    """
    for value in values:
        if not 0 < value < float("inf"):
            raise UserError(f"{name} is {value}: it must be a number above 0")


def at_least(name: str, value: int, low: int, why: str = "") -> None:
    """Refuse a count that is too small.

    Raises:
        UserError: with the least that would do.
    """
    if value < low:
        raise UserError(f"{name} is {value}: expected at least {low}{why and f', {why}'}")


def a_covariance(name: str, rows: list[list[float]], dimension: int) -> None:
    """Refuse what is no covariance matrix, by its Cholesky factor.

    Raises:
        UserError: if it is not square, symmetric and positive definite.
    """
    lengths = sorted({len(rows), *map(len, rows)})
    if lengths != [dimension]:
        raise UserError(f"{name} has {len(rows)} rows of {lengths}: expected {dimension} rows of {dimension} numbers")
    factor = [[0.0] * dimension for _ in rows]
    for i in range(dimension):
        for j in range(i + 1):
            tolerance = SQUARE * math.sqrt(abs(rows[i][i] * rows[j][j]))
            if not abs(rows[i][j] - rows[j][i]) <= tolerance:
                raise UserError(f"{name} is not symmetric: {rows[i][j]} at ({i}, {j}), {rows[j][i]} at ({j}, {i})")
            rest = rows[i][j] - sum(a * b for a, b in zip(factor[i][:j], factor[j][:j], strict=True))
            if i == j and not 0 < rest < math.inf:
                raise UserError(f"{name} is not positive definite: its leading {i + 1} by {i + 1} block is not")
            factor[i][j] = math.sqrt(rest) if i == j else rest / factor[j][j]
