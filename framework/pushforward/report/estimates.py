"""Estimates of log Z side by side, from whatever runs they come: what each says, claims, costs and doubts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pushforward.report.folder import RunFolder
from pushforward.report.rounding import duration, edge, short, with_error

HEAD = ("", "run", "log Z", "95 % interval", "error", "held", "ess", "k-hat", "U", "gradients", "time")


def estimate_rows(runs: Sequence[RunFolder]) -> list[tuple[str, ...]]:
    """One row an estimate, with a head; `error` and `held` (whether the interval does) where the truth is known.

    An exclamation mark stands behind an estimate that is doubted. No rows at all where nothing was estimated.
    """
    rows = [
        _row(run, name, measured)
        for run in runs
        for name, measured in run.measures.items()
        if "khat" in measured and "evaluations" in measured
    ]
    return [HEAD, *rows] if rows else []


def doubts(runs: Sequence[RunFolder]) -> list[str]:
    """What is wrong with an estimate, in words: a sentence each."""
    return [
        f"! {run.name}, {name}: {measured['warning']}"
        for run in runs
        for name, measured in run.measures.items()
        if measured.get("warning")
    ]


def _row(run: RunFolder, name: str, measured: dict[str, Any]) -> tuple[str, ...]:
    value, low, high, error = (measured.get(key) for key in ("value", "low", "high", "error"))
    spread = measured.get("standard_error")
    numbers = [number for number in (low, value, error, high) if isinstance(number, int | float)]
    held = ""
    if len(numbers) == 4:  # one that is not finite is text
        held = "yes" if numbers[0] <= numbers[1] - numbers[2] <= numbers[3] else "no"
    seconds = run.results.get("measure_seconds", {}).get(name)
    return (
        f"{called(name, measured, run.recipe)}{' !' if measured.get('warning') else ''}",
        run.name,
        with_error(value, spread),
        f"{edge(low, spread)} to {edge(high, spread)}" if low is not None else "",
        short(error, 2),
        held,
        short(measured.get("ess"), 2),
        short(measured.get("khat"), 2),
        short(measured.get("evaluations")),
        short(measured.get("gradient_evaluations", 0)),
        duration(seconds),
    )


def called(name: str, measured: dict[str, Any], recipe: dict[str, Any]) -> str:
    """The name of a measure; an estimate of the model has that of who estimated beside it: the model or its estimator.

    Example:
        >>> called("log-z", {"khat": 0.1, "evaluations": 10}, {"model": {"use": "neis"}})
        'log-z (neis)'
    """
    if "/" in name or "khat" not in measured or "evaluations" not in measured:
        return name
    model = recipe.get("model", {})
    estimator = model.get("estimator", model) if isinstance(model, dict) else model
    return f"{name} ({estimator.get('use', 'model') if isinstance(estimator, dict) else estimator})"
