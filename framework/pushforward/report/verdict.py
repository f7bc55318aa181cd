"""A verdict as people read it: its evidence in rows, what to try, and the command line that tries it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pushforward.report.folder import RunFolder
from pushforward.report.rounding import short, signed

MOST = 4  # eigenvalues of each kind that are told; pairs count as one
NAMED = re.compile(r"[a-z][a-z-]*")

# What the rows of the spectrum and of contraction already say.
SAID = (
    "eigenvalue-real",
    "eigenvalue-imaginary",
    "eigenvalue-residual",
    "predicted-contraction",
    "contraction-residual",
    "measured-contraction",
)


@dataclass(frozen=True)
class Change:
    """One thing to try.

    Args:
        words: what changes, with its number.
        overrides: as they stand behind `pushforward run RECIPE`.
        contraction: the factor a round that is then predicted; empty where none is.
        command: the whole command line.
    """

    words: str
    overrides: tuple[str, ...]
    contraction: str
    command: str


def changes(folder: Path, verdict: dict[str, Any]) -> list[Change]:
    """What to try, the best first; nothing where the verdict knows no remedy.

    The command names the run's own recipe.yaml, in which every override of that run stands already.
    """
    listed = verdict.get("remedies")
    found = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    if verdict.get("remedy"):
        found = [{**(found[0] if found else {}), "change": verdict["remedy"], **_kept(verdict)}, *found[1:]]
    return [_change(folder, item) for item in found if item.get("change")]


def _kept(verdict: dict[str, Any]) -> dict[str, Any]:
    return {"overrides": verdict["overrides"]} if "overrides" in verdict else {}


def _change(folder: Path, item: dict[str, Any]) -> Change:
    given = item.get("overrides")
    overrides = tuple(map(str, given)) if isinstance(given, list) else ()
    command = run_command(folder, overrides) if overrides else ""
    return Change(str(item["change"]), overrides, short(item.get("contraction")), command)


def run_command(folder: Path, overrides: Sequence[str]) -> str:
    """The run again, with these overrides."""
    return shlex.join(["pushforward", "run", (folder / "recipe.yaml").as_posix(), *overrides])


def headline(verdict: dict[str, Any]) -> str:
    """State, class of the point, and reason, in one line."""
    kind = f" ({verdict['kind']})" if verdict.get("kind") else ""
    why = f": {verdict['why']}" if verdict.get("why") else ""
    return f"{verdict.get('state', '?')}{kind}{why}"


def evidence_rows(verdict: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What decided, as name, value and remark."""
    evidence = verdict.get("evidence")
    evidence = evidence if isinstance(evidence, dict) else {}
    rows = [*_eigenvalues(verdict, "field"), *_eigenvalues(verdict, "round")]
    if "predicted-contraction" in evidence:
        predicted = short(evidence["predicted-contraction"], 6)
        rows.append(("contraction predicted", predicted, "a round, near the point, by the spectrum"))
    if "measured-contraction" in evidence:
        measured = short(evidence["measured-contraction"], 6)
        rows.append(("contraction measured", measured, "a round, near the point, by play that was nudged off it"))
    return rows + [(name, short(value, 6), "") for name, value in evidence.items() if name not in SAID]


def _eigenvalues(verdict: dict[str, Any], of: str) -> list[tuple[str, str, str]]:
    """The first few of a spectrum, conjugate pairs as one."""
    rows, told = [], set()
    for real, imaginary, residual in listed(verdict, of):
        pair = short(real, 6), short(abs(imaginary), 6)
        if pair in told and imaginary:
            continue
        told.add(pair)
        value = pair[0] + (f" ± {pair[1]}i" if imaginary else "")
        size = f", modulus {short(abs(complex(real, imaginary)), 6)}" if of == "round" else ""
        name = "eigenvalue of the field" if of == "field" else "eigenvalue of a round"
        rows.append((name, value, f"residual {signed(f'{residual:.1g}')}{size}"))
    return rows[:MOST]


def listed(verdict: dict[str, Any], of: str) -> list[tuple[float, float, float]]:
    """Real part, imaginary part and residual of each eigenvalue that a verdict holds."""
    spectrum = verdict.get("spectrum")
    held = spectrum.get(of) if isinstance(spectrum, dict) else None
    try:
        return [(float(real), float(imaginary), float(residual)) for real, imaginary, residual in held or []]
    except (TypeError, ValueError):
        return []


def drawn(run: RunFolder) -> list[tuple[str, str, Path]]:
    """The pictures that were made for this verdict: name, caption, file."""
    pictures = run.verdict.get("pictures")
    pictures = pictures if isinstance(pictures, dict) else {}
    named = {name: str(caption) for name, caption in pictures.items() if NAMED.fullmatch(name)}
    return [(name, caption, picture_file(run.path, name)) for name, caption in named.items()]


def picture_file(folder: Path, name: str) -> Path:
    """Where a picture of a diagnosis is kept."""
    return folder / "images" / f"diagnosis-{name}.png"
