"""What happened to a run and why: what was seen of it, the spectrum of its game, and what to change."""

from __future__ import annotations

import torch

from pushforward.builder import Built
from pushforward.contraction import measured_contraction, state_at
from pushforward.judgement import History, Measured, Verdict, advised, judged, prescribed, turn_for
from pushforward.linear import Point
from pushforward.problem import RunFailed
from pushforward.remedies import Prospect, remedies
from pushforward.round_map import present, round_spectrum, scales_of
from pushforward.settle import find_equilibrium
from pushforward.spectrum import Spectrum, field_spectrum


def diagnose(
    built: Built,
    measures: Measured,
    history: History | None = None,
    failure: str = "",
    thorough: bool = False,
) -> Verdict:
    """The verdict on a run: `{"state", "why", "evidence"}`, with `kind`, `remedy` and `overrides` where they are known.

    Args:
        built: the recipe as objects, at the last round that was kept.
        measures: the final measures by name.
        history: the numbers of metrics.csv.
        failure: the sentence that stopped the run, if one did.
        thorough: take the spectrum of large games too, and look for remedies; games of a few numbers always have both.
    """
    play = built.play
    if play.players_optimizers and not play.schedules and all(o.lr == 0 for o in play.players_optimizers.values()):
        return {"state": "undecided", "why": "every step is 0, so nobody moves", "evidence": {}}
    verdict = judged(built, measures, history or {}, failure)
    if not (play.trace.small or thorough) or not finite(built):
        return advised(built, verdict["state"]) | verdict
    try:
        with play.as_begun():
            return verdict | _spectral(built, verdict)
    except (RunFailed, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        return verdict | {"evidence": verdict["evidence"] | {"no-spectrum": reason}}


def finite(built: Built) -> bool:
    """Whether all parameters are numbers."""
    return all(bool(torch.isfinite(p).all()) for p in built.play.field.live.values())


def _spectral(built: Built, verdict: Verdict) -> Verdict:
    """Eigenvalues at the equilibrium, or where play is, and what follows from them."""
    play = built.play
    small = play.trace.small
    point = find_equilibrium(play, turn_for(built, 0)) if small else None
    at: Point = point or {key: p.detach().clone() for key, p in play.field.live.items()}
    field = field_spectrum(play.game, turn_for(built, 0), at, which="real", limit=400)
    turns = [turn_for(built, index) for index in range(play.turns)]
    state = state_at(play, at)._replace(memory=scales_of(play)) if small else present(play)
    after = round_spectrum(play, turns, state, wanted=4 if not small else 8, tolerance=1e-8 if small else 1e-4)
    evidence = verdict["evidence"] | spectral_evidence(field, after, point is not None)
    why = verdict["why"]
    found: Verdict = {"spectrum": {"field": _listed(field), "round": _listed(after)}}
    still = field.kind == "flat"  # nobody has a reason to move anywhere near
    if point is not None and not still:
        seen = measured_contraction(play, at, turns, isolated=not field.flat)
        evidence |= {"measured-contraction": seen} if seen is not None else {}
        why += _not_isolated(field)
    found |= {"kind": field.kind} if point is not None else {}
    if verdict["state"] == "converging":
        turning = point is not None and field.kind == "centre" and after.kind == "neutral"
        why += "; slower than by any factor, since at the equilibrium itself the field only turns" if turning else ""
        return found | {"evidence": evidence, "why": why}
    choices = remedies(Prospect(built, at, lambda index: turn_for(built, index))) if point and not still else []
    changes = prescribed(choices) if choices else advised(built, verdict["state"])
    return changes | found | {"evidence": evidence, "why": why}


def _not_isolated(field: Spectrum) -> str:
    """What is to be said where the Jacobian is singular."""
    if not field.flat:
        return ""
    where = "one direction" if field.flat == 1 else f"{field.flat} directions"
    return f"; the equilibrium is not isolated: along {where} nothing moves, and contraction is that of the others"


def spectral_evidence(field: Spectrum, after: Spectrum, settled: bool) -> dict[str, float]:
    """The leading eigenvalues with their residuals; the radius of a round predicts only at an equilibrium."""
    flat = {"flat-directions": float(field.flat)} if field.flat else {}
    return {
        "eigenvalue-real": field.leading.real,
        "eigenvalue-imaginary": abs(field.leading.imag),
        "eigenvalue-residual": max(field.residuals, default=0.0),
        "predicted-contraction" if settled else "radius-here": abs(after.leading),
        "contraction-residual": max(after.residuals, default=0.0),
        "dimension": float(field.dimension),
        **flat,
    }


def _listed(spectrum: Spectrum) -> list[list[float]]:
    """Real part, imaginary part, residual."""
    pairs = zip(spectrum.eigenvalues, spectrum.residuals, strict=True)
    return [[value.real, value.imag, residual] for value, residual in pairs]


__all__ = ["diagnose"]
