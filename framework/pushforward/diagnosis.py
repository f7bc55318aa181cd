"""What happened to a run and why: orbit, measured series, critic and spectrum, weighed into one word."""

from __future__ import annotations

import math
from typing import Any

import torch

from pushforward.builder import Built
from pushforward.contraction import measured_contraction, state_at
from pushforward.health import critic_health
from pushforward.linear import Point
from pushforward.motion import Motion, of_orbit, of_series
from pushforward.problem import RunFailed, UserError
from pushforward.randomness import Draw
from pushforward.remedies import Prospect, Remedy, remedies
from pushforward.round_map import present, round_spectrum, scales_of
from pushforward.settle import find_equilibrium, flat
from pushforward.spectrum import Spectrum, field_spectrum

COLLAPSED = 0.75  # a model that surely (by two standard errors) covers fewer of the modes has collapsed ...
NEAR = 0.5  # ... if at least this share of its samples is near any: else it has not got there yet
AT_REST = 2.0  # a distance of at most so many times that between two sets of data has nothing left to fall
MOVING = ("converging", "cycling", "diverging")  # states whose factor a round says something
BATCH = 512  # samples of the turn on which a game with data is linearised

Verdict = dict[str, Any]
History = dict[str, list[tuple[int, float]]]  # name in metrics.csv -> (round, value)


def diagnose(
    built: Built,
    measures: dict[str, dict[str, Any]],
    history: History | None = None,
    failure: str = "",
    thorough: bool = False,
) -> Verdict:
    """The verdict on a run: `{"state", "why", "evidence"}`, with `kind`, `remedy` and `overrides` where they are known.

    Args:
        built: the recipe as objects, at the last round that was kept.
        measures: the final measures by name.
        history: the numbers of metrics.csv.
        failure: the sentence of the non-finite guard, if it stopped the run.
        thorough: take the spectrum of large games too, and look for remedies; games of a few numbers always have both.
    """
    play = built.play
    if play.players_optimizers and not play.schedules and all(o.lr == 0 for o in play.players_optimizers.values()):
        return {"state": "undecided", "why": "every step is 0, so nobody moves", "evidence": {}}
    verdict = judged(built, measures, history or {}, failure)
    if not (play.trace.small or thorough) or not finite(built):
        return verdict if "remedy" in verdict else verdict | _general(built, verdict["state"])
    try:
        with play.as_begun():
            return verdict | _spectral(built, verdict)
    except (RunFailed, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        return verdict | {"evidence": verdict["evidence"] | {"no-spectrum": reason}}


def finite(built: Built) -> bool:
    """Whether all parameters are numbers."""
    return all(bool(torch.isfinite(p).all()) for p in built.play.field.live.values())


def judged(built: Built, measures: dict[str, dict[str, Any]], history: History, failure: str) -> Verdict:
    """The state, from what was seen."""
    if failure:
        return {"state": "diverging", "why": failure, "evidence": {"non-finite": failure}}
    coverage = measures.get("mode-coverage")
    if coverage is not None and _collapsed(coverage):
        kept = {key: coverage[key] for key in ("quality", "n") if key in coverage}
        return {
            "state": "collapsed",
            "why": f"samples are near {coverage['value']:.0%} of the modes of the target, and good there",
            "evidence": {"mode-coverage": coverage["value"], **kept},
        }
    if built.play.trace.small:
        return _of_orbit(built)
    critic = critic_health(built)
    if critic.get("saturated"):
        why = f"the critic tells real from generated in {critic['accuracy']:.1%} of pairs, by {critic['gap']:.3g} nats"
        return {"state": "critic saturated", "why": why, "evidence": _numbers(critic)}
    if critic.get("overfitting"):
        why = f"the critic prefers training data to held-out data in {critic['memorised']:.1%} of pairs"
        return {"state": "overfitting", "why": why, "evidence": _numbers(critic)}
    return _of_series(built, history, _numbers(critic))


def _collapsed(coverage: dict[str, Any]) -> bool:
    surely = coverage["value"] + 2 * coverage.get("standard_error", 0.0) < COLLAPSED
    return surely and coverage.get("quality", 1.0) >= NEAR


def _of_orbit(built: Built) -> Verdict:
    trace, play = built.play.trace, built.play
    points = trace.points
    if points is None or len(points) < 8:
        return {"state": "undecided", "why": "too few rounds were played", "evidence": {}}
    guesses = [points[-1], points[len(points) // 2 :].mean(0)]
    centre = find_equilibrium(play, _turn(built, 0), guesses)
    away = flat(centre, play) if centre is not None else points[len(points) // 2 :].mean(0)
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


def _of_series(built: Built, history: History, evidence: dict[str, float]) -> Verdict:
    """From the measure that chooses the best round, or else the first distance, or else the first that can be good."""
    directed = [name for name, measure in built.measures.items() if measure.better is not None]
    best = built.plan.value("best")
    ranked = sorted(directed, key=lambda name: (name != best, built.measures[name].better != "lower"))
    for name in ranked:
        series = [value for _, value in history.get(f"validation/{name}", [])]
        errors = [value for _, value in history.get(f"validation/{name}/standard_error", [])]
        if len(errors) != len(series) or not series:
            continue
        motion = of_series(series, errors, built.measures[name].better or "lower")
        floor = _floor(built, name) if motion.state == "resting" else None
        if floor is not None and motion.evidence["level"] <= AT_REST * floor:
            why = f"{name} rests at {motion.evidence['level']:.3g}; two sets of held-out data are {floor:.3g} apart"
            motion = Motion("converging", motion.rate, motion.evidence | {"floor": floor})
        else:
            why = _said(name, motion)
        return {
            "state": {"resting": "undecided"}.get(motion.state, motion.state),
            "why": why,
            "evidence": {f"{name}-{key}": value for key, value in motion.evidence.items()} | evidence,
        }
    return {"state": "undecided", "why": "nothing measured here decides it", "evidence": evidence}


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
        return f"{name} was reported too rarely to tell: in {e['reports']:.0f} reports"
    scatter = f"it scatters by {e['scatter']:.3g} about {e['level']:.3g}, its own error is {e['error']:.2g}"
    return {
        "converging": f"over the later half of the run {name} has come down to {e['level']:.3g} and stays: {scatter}",
        "cycling": f"over the later half of the run {name} does not settle: {scatter}",
        "diverging": f"over the later half of the run {name} is worse than it was: {scatter}",
        "resting": f"over the later half of the run {name} changes little, and is no better than at first: {scatter}",
    }[motion.state]


def _spectral(built: Built, verdict: Verdict) -> Verdict:
    """Eigenvalues at the equilibrium, or where play is, and what follows from them."""
    play = built.play
    small = play.trace.small
    point = find_equilibrium(play, _turn(built, 0), _guesses(built)) if small else None
    at: Point = point or {key: p.detach().clone() for key, p in play.field.live.items()}
    field = field_spectrum(play.game, _turn(built, 0), at, which="real", limit=400)
    turns = [_turn(built, index) for index in range(play.turns)]
    state = state_at(play, at)._replace(memory=scales_of(play)) if small else present(play)
    after = round_spectrum(play, turns, state, wanted=4 if not small else 8, tolerance=1e-8 if small else 1e-4)
    evidence = verdict["evidence"] | spectral_evidence(field, after, small)
    if small:
        seen = measured_contraction(play, at, turns)
        evidence |= {"measured-contraction": seen} if seen is not None else {}
    found: Verdict = {"evidence": evidence} | ({"kind": field.kind} if small else {})
    found["spectrum"] = {"field": _listed(field), "round": _listed(after)}
    if verdict["state"] == "converging":
        slow = "; slower than by any factor, since at the equilibrium itself the field only turns"
        turning = small and field.kind == "centre" and after.kind == "neutral"
        return found | ({"why": verdict["why"] + slow} if turning else {})
    choices = remedies(Prospect(built, at, lambda index: _turn(built, index))) if small else []
    return found | (_prescribed(choices) if choices else _general(built, verdict["state"]))


def _guesses(built: Built) -> list[torch.Tensor]:
    points = built.play.trace.points
    here = flat({key: p.detach() for key, p in built.play.field.live.items()}, built.play)
    return [here] if points is None else [here, points[len(points) // 2 :].mean(0)]


def spectral_evidence(field: Spectrum, after: Spectrum, settled: bool) -> dict[str, float]:
    """The leading eigenvalues with their residuals; the radius of a round predicts only where play could settle."""
    return {
        "eigenvalue-real": field.leading.real,
        "eigenvalue-imaginary": abs(field.leading.imag),
        "eigenvalue-residual": max(field.residuals, default=0.0),
        "predicted-contraction" if settled else "radius-here": abs(after.leading),
        "contraction-residual": max(after.residuals, default=0.0),
        "dimension": float(field.dimension),
    }


def _listed(spectrum: Spectrum) -> list[list[float]]:
    """Real part, imaginary part, residual."""
    pairs = zip(spectrum.eigenvalues, spectrum.residuals, strict=True)
    return [[value.real, value.imag, residual] for value, residual in pairs]


def _prescribed(choices: list[Remedy]) -> Verdict:
    best = choices[0]
    predicted = "" if best.radius is None else f" (a round then shrinks distances by {best.radius:.4g})"
    return {
        "remedy": f"{best.change}{predicted}",
        "overrides": list(best.overrides),
        "remedies": [{"change": c.change, "overrides": list(c.overrides), "contraction": c.radius} for c in choices],
    }


def _general(built: Built, state: str) -> Verdict:
    """What theory advises where nothing was computed."""
    from pushforward.advice import advise

    advice = advise(built, state)
    return {} if advice is None else _prescribed([advice])


def _turn(built: Built, index: int) -> Draw:
    """A turn for looking at play: the same whenever this run is diagnosed."""
    play, target = built.play, built.target
    draw = Draw(play.seed, ("diagnosis", index), BATCH, device=play.device)
    return draw.with_data(*target.batch(draw)) if play.game.needs_data else draw


def _numbers(evidence: dict[str, Any]) -> dict[str, float]:
    return {
        key: float(value)
        for key, value in evidence.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }


__all__ = ["UserError", "diagnose"]
