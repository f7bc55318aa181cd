"""What happened to a run and why, as far as its numbers show it."""

from __future__ import annotations

from typing import Any

COLLAPSED = 0.5  # a model that surely (by two standard errors) covers fewer of the modes has collapsed ...
NEAR = 0.5  # ... if at least this share of its samples is near any: else it has not got there yet


def verdict(measures: dict[str, dict[str, Any]], failure: str = "") -> dict[str, Any]:
    """The verdict: `{"state", "why", "evidence"}`, and a remedy where there is one.

    Args:
        measures: the final measures by name.
        failure: the sentence of the non-finite guard, if it stopped the run.
    """
    if failure:
        return {
            "state": "diverging",
            "why": failure,
            "evidence": {"non-finite": failure},
            "remedy": "halve every optimizer's lr, or clip gradients with model.clip=1",
        }
    coverage = measures.get("mode-coverage")
    if coverage is not None and _collapsed(coverage):
        return {
            "state": "collapsed",
            "why": f"samples cover {coverage['value']:.0%} of the modes of the target",
            "evidence": {
                "mode-coverage": coverage["value"],
                "quality": coverage.get("quality"),
                "n": coverage.get("n"),
            },
            "remedy": "add the penalties r1 and r2 with weight 1, or use the objective relativistic-paired",
        }
    evidence = {"mode-coverage": coverage["value"]} if coverage is not None else {}
    return {"state": "undecided", "why": "nothing measured here decides it", "evidence": evidence}


def _collapsed(coverage: dict[str, Any]) -> bool:
    surely = coverage["value"] + 2 * coverage.get("standard_error", 0.0) < COLLAPSED
    return surely and coverage.get("quality", 1.0) >= NEAR
