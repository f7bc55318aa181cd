"""What the cells of a grid come to: repeats summarised, the best and the worst, and which verdicts there were."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pushforward.grid import SEED, Cell

Results = dict[str, Any]
Better = Mapping[str, str | None]

OWN = ("value", "standard_error", "n")  # numbers of a measure that are not simply averaged


def grouped(played: Sequence[tuple[Cell, Results]], better: Better) -> list[Results]:
    """Cells that differ in their seed alone, as one: mean over the seeds, standard error of that mean, worst and best.

    A cell without repeats keeps its measures as they are. Cells without measures, because they failed, count in
    `failed` and in no mean.
    """
    groups: dict[str, list[tuple[Cell, Results]]] = {}
    for cell, kept in played:
        groups.setdefault(cell.group, []).append((cell, kept))
    found = []
    for label, members in groups.items():
        cell, kept = members[0]
        names = dict.fromkeys(name for _, other in members for name in other["measures"])
        repeated = SEED in cell.values
        found.append(
            {
                "label": label,
                "values": {path: value for path, value in cell.values.items() if path != SEED},
                "cells": [member.index for member, _ in members],
                "failed": sum(other["status"] == "failed" for _, other in members),
                "measures": {
                    name: repeats([r["measures"][name] for _, r in members if name in r["measures"]], better.get(name))
                    if repeated
                    else kept["measures"][name]
                    for name in names
                },
            }
        )
    return found


def repeats(measured: Sequence[Results], better: str | None) -> Results:
    """One measure over seeds.

    The standard error is that of the mean over seeds; `n` counts them. Further numbers are averaged.
    """
    values = [float(numbers["value"]) for numbers in measured]
    summary: Results = {"value": statistics.fmean(values)}
    if len(values) > 1:
        summary["standard_error"] = _spread(values) / math.sqrt(len(values))
    summary["n"] = len(values)
    summary |= _ends(values, better)
    further = [key for key in measured[0] if key not in OWN and all(_is_number(m.get(key)) for m in measured)]
    return summary | {key: statistics.fmean(float(m[key]) for m in measured) for key in further}


def overall(played: Sequence[tuple[Cell, Results]], groups: Sequence[Results], better: Better) -> dict[str, Results]:
    """Each measure over the whole grid: the mean over its groups with its standard error, the worst and the best.

    The standard error is of this mean over these very groups, and does not come of the differences between them: over
    seeds it is the spread of the grid's mean from seed to seed, since cells of one seed share their random numbers;
    without seeds it is that of the measures. `n` counts groups, or the seeds where there is but one group.
    """
    found: dict[str, Results] = {}
    for name in dict.fromkeys(name for group in groups for name in group["measures"]):
        measured = [group["measures"][name] for group in groups if name in group["measures"]]
        values = [float(numbers["value"]) for numbers in measured]
        summary: Results = {"value": statistics.fmean(values)}
        error = _error(played, groups, name)
        if error is not None:
            summary["standard_error"] = error
        summary["n"] = len(values) if len(groups) > 1 else measured[0].get("n", 1)
        ends = [float(m[key]) for m in measured for key in ("worst", "best") if _is_number(m.get(key))]
        found[name] = summary | _ends([*values, *ends], better.get(name))
    return found


def tally(played: Sequence[tuple[Cell, Results]]) -> Results:
    """The verdict of a grid: the one that all cells share, or `mixed`, with the count of each."""
    states = [str(kept.get("verdict", {}).get("state") or kept["status"]) for _, kept in played]
    counts = Counter(states)
    if not counts:
        return {"state": "undecided", "why": "no cell was played to its end", "evidence": {}}
    said = ", ".join(f"{count} {state}" for state, count in counts.most_common())
    state = states[0] if len(counts) == 1 else "mixed"
    return {"state": state, "why": f"of {len(states)} cells {said}", "evidence": dict(counts.most_common())}


def _ends(values: Sequence[float], better: str | None) -> Results:
    """The worst and the best value, where the measure says which is which; what is no number is the worst."""
    if better is None or not values:
        return {}
    lower = better == "lower"
    broken = [value for value in values if math.isnan(value)]
    fine = [value for value in values if not math.isnan(value)] or broken
    worst = broken[0] if broken else max(fine) if lower else min(fine)
    return {"worst": worst, "best": min(fine) if lower else max(fine)}


def _error(played: Sequence[tuple[Cell, Results]], groups: Sequence[Results], name: str) -> float | None:
    """The standard error of a measure's mean over groups; None where nothing tells it."""
    if not any(SEED in cell.values for cell, _ in played):
        errors = [group["measures"][name].get("standard_error") for group in groups if name in group["measures"]]
        return math.hypot(*errors) / len(errors) if all(_is_number(error) for error in errors) else None
    whole = {index for group in groups if not group["failed"] for index in group["cells"]}
    by_seed: dict[Any, list[float]] = {}
    for cell, kept in played:
        if cell.index in whole and name in kept["measures"]:
            by_seed.setdefault(cell.values[SEED], []).append(float(kept["measures"][name]["value"]))
    means = [statistics.fmean(values) for values in by_seed.values()]
    even = len({len(values) for values in by_seed.values()}) == 1
    return _spread(means) / math.sqrt(len(means)) if len(means) > 1 and even else None


def _spread(values: Sequence[float]) -> float:
    """The standard deviation; not a number where a value is none."""
    return statistics.stdev(values) if all(math.isfinite(value) for value in values) else math.nan


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
