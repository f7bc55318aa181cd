"""What was seen of a run, weighed into one word: its orbit, its measured series, its critic."""

from __future__ import annotations

import math
import re
from typing import Any

import torch

from pushforward.advice import advise
from pushforward.builder import Built
from pushforward.health import critic_health
from pushforward.motion import Motion, of_orbit, of_series
from pushforward.problem import RunFailed
from pushforward.randomness import Draw
from pushforward.remedies import Remedy
from pushforward.settle import find_equilibrium, flat

COLLAPSED = 0.75  # a model that surely (by two standard errors) covers fewer of the modes has collapsed ...
NEAR = 0.5  # ... if at least this share of its samples is near any: else it has not got there yet
AT_REST = 2.0  # a distance of at most so many times that between two sets of data has nothing left to fall
REPORTS = 20  # reports of a run that are enough to judge it
MOVING = ("converging", "cycling", "diverging")  # states whose factor a round says something
NON_FINITE = re.compile(r"\b(nan|inf)\b|not finite")
BATCH = 512  # samples of the turn on which a game with data is linearised

Verdict = dict[str, Any]
Measured = dict[str, dict[str, Any]]
History = dict[str, list[tuple[int, float]]]  # name in metrics.csv -> (round, value)


def judged(built: Built, measures: Measured, history: History, failure: str) -> Verdict:
    """The state: `{"state", "why", "evidence"}`, with `remedy` and `overrides` where what was seen suggests one.

    Args:
        built: the recipe as objects, at the last round that was kept.
        measures: the final measures by name.
        history: the numbers of metrics.csv.
        failure: the sentence that stopped the run, if one did.
    """
    if NON_FINITE.search(failure):
        return {"state": "diverging", "why": failure, "evidence": {"non-finite": failure}}
    coverage = measures.get("mode-coverage")
    if coverage is not None and _misses_modes(coverage) and coverage.get("quality", 1.0) >= NEAR:
        why = f"samples are near {coverage['value']:.0%} of the modes of the target, and good there"
        return {"state": "collapsed", "why": why, "evidence": _of_modes(coverage)}
    if not built.play.field.players:
        return _of_estimate(measures, failure)
    if built.play.trace.small:
        return _of_orbit(built, failure)
    critic = critic_health(built)
    if critic.get("saturated"):
        why = f"the critic tells real from generated in {critic['accuracy']:.1%} of pairs, by {critic['gap']:.3g} nats"
        return {"state": "critic saturated", "why": why, "evidence": _numbers(critic)}
    if critic.get("overfitting"):
        why = f"the critic prefers training data to held-out data in {critic['memorised']:.1%} of pairs"
        return {"state": "overfitting", "why": why, "evidence": _numbers(critic)}
    verdict = _of_series(built, measures, history, _numbers(critic), failure)
    own = {"log-z": measures["log-z"]} if "log-z" in measures and hasattr(built.play.game, "estimate") else {}
    if verdict["state"] == "undecided" and own and not failure:
        found = _of_estimate(own, failure)
        return found | {"evidence": found["evidence"] | verdict["evidence"]}
    return verdict


def turn_for(built: Built, index: int) -> Draw:
    """A turn for looking at play: the same whenever this run is diagnosed."""
    play, target = built.play, built.target
    draw = Draw(play.seed, ("diagnosis", index), BATCH, device=play.device)
    return draw.with_data(*target.batch(draw)) if play.game.needs_data else draw


def prescribed(choices: list[Remedy]) -> Verdict:
    """Changes to try as a verdict has them, the first one the best."""
    best = choices[0]
    predicted = "" if best.radius is None else f" (a round then shrinks distances by {best.radius:.4g})"
    return {
        "remedy": f"{best.change}{predicted}",
        "overrides": list(best.overrides),
        "remedies": [{"change": c.change, "overrides": list(c.overrides), "contraction": c.radius} for c in choices],
    }


def advised(built: Built, state: str) -> Verdict:
    """What theory advises where nothing was computed."""
    advice = advise(built, state)
    return {} if advice is None else prescribed([advice])


def _misses_modes(coverage: dict[str, Any]) -> bool:
    return bool(coverage["value"] + 2 * coverage.get("standard_error", 0.0) < COLLAPSED)


def _of_modes(coverage: dict[str, Any]) -> dict[str, float]:
    return {"mode-coverage": coverage["value"], **{key: coverage[key] for key in ("quality", "n") if key in coverage}}


def _of_estimate(measures: Measured, failure: str) -> Verdict:
    """A game that nobody plays is there for its first measure, which says itself how far to trust it.

    So is one whose play nothing decides about, where it estimates log Z.
    """
    name, first = next(iter(measures.items()), ("", {}))
    if failure or not first:
        return {"state": "undecided", "why": failure or "nothing was played and nothing measured", "evidence": {}}
    evidence = {f"{name}-{key}": value for key, value in _numbers(first).items()}
    if first.get("warning"):
        return {"state": "doubtful", "why": str(first["warning"]), "evidence": evidence}
    error = f" with a standard error of {first['standard_error']:.3g}" if "standard_error" in first else ""
    return {
        "state": "estimated",
        "why": f"{name} is {first['value']:.7g}{error}, and nothing speaks against it",
        "evidence": evidence,
    }


def _of_orbit(built: Built, failure: str) -> Verdict:
    trace, play = built.play.trace, built.play
    points = trace.points
    if points is None or len(points) < 8:
        return {"state": "undecided", "why": failure or "too few rounds were played", "evidence": {}}
    centre = find_equilibrium(play, turn_for(built, 0))
    away = flat(centre, play).to(points.device) if centre is not None else points[len(points) // 2 :].mean(0)
    motion = of_orbit(trace.rounds, points, away)
    words = {
        "converging": "play comes nearer to the equilibrium",
        "cycling": "play goes round the equilibrium and comes no nearer",
        "diverging": "play moves away from the equilibrium",
        "resting": "play has hardly moved, and is away from the equilibrium",
        "undecided": "nothing measured here decides it",
    }
    where = words[motion.state] if centre is not None else f"{words[motion.state]}; none was found near the orbit"
    if motion.state == "resting" and motion.evidence["distance-last"] == 0:
        where = "play began where nobody has a reason to move, and nobody has"
    state = "undecided" if motion.state == "resting" else motion.state
    return {
        "state": state,
        "why": f"{where}, by a factor of {motion.rate:.6g} a round" if motion.state in MOVING else where,
        "evidence": motion.evidence | {"measured-factor": motion.rate},
    }


def _of_series(built: Built, measures: Measured, history: History, evidence: dict[str, float], failure: str) -> Verdict:
    """From the measure that chooses the best round, or else the first distance, or else the first that can be good."""
    directed = [name for name, measure in built.measures.items() if measure.better is not None]
    best = built.plan.value("best")
    ranked = sorted(directed, key=lambda name: (name != best, built.measures[name].better != "lower"))
    for name in ranked:
        series = [value for _, value in history.get(f"validation/{name}", [])]
        errors = [value for _, value in history.get(f"validation/{name}/standard_error", [])]
        if len(errors) == len(series) and series:
            motion = of_series(series, errors, built.measures[name].better or "lower")
            verdict = _read(built, name, motion, measures)
            return verdict | {"evidence": verdict["evidence"] | evidence}
    return {"state": "undecided", "why": failure or "nothing measured here decides it", "evidence": evidence}


def _read(built: Built, name: str, motion: Motion, measures: Measured) -> Verdict:
    """What the motion of a measure says of the run."""
    evidence = {f"{name}-{key}": value for key, value in motion.evidence.items()}
    if motion.state == "undecided":
        return {"state": "undecided", "why": _said(name, motion), "evidence": evidence} | _more_reports(built)
    why, state = _said(name, motion), motion.state
    floor = _floor(built, name) if state == "resting" else None
    if floor is not None and motion.evidence["level"] <= AT_REST * floor:
        state, evidence[f"{name}-floor"] = "converging", floor
        why = f"{name} rests at {motion.evidence['level']:.3g}; two sets of held-out data are {floor:.3g} apart"
    coverage = measures.get("mode-coverage")
    if state == "converging" and not motion.falls and coverage is not None and _misses_modes(coverage):
        why = f"{why}; but that is where samples are near {coverage['value']:.0%} of the modes of the target"
        return {"state": "undecided", "why": why, "evidence": evidence | _of_modes(coverage)} | advised(built, "stuck")
    return {"state": "undecided" if state == "resting" else state, "why": why, "evidence": evidence}


def _more_reports(built: Built) -> Verdict:
    rounds = built.plan.value("rounds")
    every = max(1, rounds // REPORTS)
    if rounds < REPORTS or every == built.plan.value("report_every"):
        return {}
    words = f"report every {every} rounds, so that there is a series to judge"
    return prescribed([Remedy(words, (f"budget.report_every={every}",))])


def _floor(built: Built, name: str) -> float | None:
    """The measure between two halves of held-out data: what a perfect model would be measured at."""
    measure = built.measures[name]
    if measure.better != "lower":
        return None
    try:
        held = built.target.held_out("validation", 2 * measure.samples).x
        half = len(held) // 2
        with torch.random.fork_rng(devices=[]):
            measure.reset()
            measure.update(held[:half], held[half : 2 * half])
            return float(measure.compute()["value"])
    except (RunFailed, RuntimeError, TypeError, ValueError):  # it looks at models, or asks for more than samples
        return None


def _said(name: str, motion: Motion) -> str:
    e = motion.evidence
    if motion.state == "undecided":
        return f"{name} was reported too rarely to tell: in {e['reports']:.0f} report{'s' * (e['reports'] != 1)}"
    scatter = f"it scatters by {e['scatter']:.3g} about {e['level']:.3g}, its own error is {e['error']:.2g}"
    return {
        "converging": f"over the later half of the run {name} has come down to {e['level']:.3g} and stays: {scatter}",
        "cycling": f"over the later half of the run {name} does not settle: {scatter}",
        "diverging": f"over the later half of the run {name} is worse than it was: {scatter}",
        "resting": f"over the later half of the run {name} changes little, and is no better than at first: {scatter}",
    }[motion.state]


def _numbers(evidence: dict[str, Any]) -> dict[str, float]:
    return {
        key: float(value)
        for key, value in evidence.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }
