"""How many digits of a number are worth reading: as many as its standard error lets stand."""

from __future__ import annotations

import math
from typing import Any


def short(value: Any, digits: int = 4) -> str:
    """A number in `digits` significant digits; whole numbers whole, and what is no number as text."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _listed(value, digits) if isinstance(value, list | tuple | dict) else "" if value is None else str(value)
    if isinstance(value, int) or (math.isfinite(value) and value == int(value) and abs(value) < 1e6):
        return signed(str(int(value)))
    return signed(f"{value:.{digits}g}")


def with_error(value: Any, error: Any = None) -> str:
    """`0.0123 ± 0.0004`: the error in two significant digits (one from 3 on), the value down to the same place."""
    if not (_is_number(value) and _is_number(error)) or error <= 0:
        return short(value)
    place = _last_place(error)
    size = max(abs(value), error)
    if place >= -5 and 1e-3 <= size < 1e6:
        decimals = max(place, 0)
        return signed(f"{value:.{decimals}f} ± {error:.{decimals}f}")
    exponent = math.floor(math.log10(size))
    decimals = max(place + exponent, 0)
    return signed(f"({value / 10**exponent:.{decimals}f} ± {error / 10**exponent:.{decimals}f})e{exponent}")


def beside(key: str, numbers: dict[str, Any]) -> str:
    """A number that belongs to a measured value, the ends of its interval as finely as its error."""
    return edge(numbers[key], numbers.get("standard_error")) if key in ("low", "high") else short(numbers[key])


def edge(value: Any, error: Any = None) -> str:
    """An end of an interval, down to the place of the last digit of an error, and in four significant digits at least.

    Example:
        >>> edge(-499.99034, 0.0005), edge(1.23456, 0.1)
        ('\u2212499.9903', '1.235')
    """
    if not (_is_number(value) and _is_number(error)) or error <= 0 or value == 0:
        return short(value)
    return short(value, max(4, math.floor(math.log10(abs(value))) + 1 + _last_place(error)))


def duration(seconds: Any) -> str:
    """Seconds as a person says them."""
    if not _is_number(seconds):
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def signed(text: str) -> str:
    """A true minus sign before a number, and in its exponent."""
    return text.replace("-", "\u2212")


def _last_place(error: float) -> int:
    """Decimals of the last digit shown."""
    exponent = math.floor(math.log10(error))
    leading = error / 10**exponent
    return -exponent if leading >= 3 else 1 - exponent


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _listed(value: Any, digits: int) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {short(inner, digits)}" for key, inner in value.items())
    return ", ".join(short(inner, digits) for inner in value)
