"""`pushforward diagnose`: what happened to a run and why, in numbers and pictures, and what to change."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pushforward.printing import print_json, print_table
from pushforward.problem import UserError
from pushforward.verbs import Verbs, add_json, add_run, add_verb

EXAMPLES = ("pushforward diagnose rings/gan", "pushforward diagnose runs/dirac-r1-1 --json")


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    about = (
        "Looks at the last checkpoint, of a failed or interrupted run too, takes the spectrum of its game and tries\n"
        "remedies. Writes the verdict into results.json and, with pictures, into report.html; nothing else changes."
    )
    parser = add_verb(verbs, "diagnose", "say what happened to a run, why, and what to change", EXAMPLES, act, about)
    add_run(parser)
    add_json(parser)


def act(args: argparse.Namespace) -> None:
    """Judge, write and print."""
    from pushforward.find_run import find_run
    from pushforward.report.verdict import changes

    folder = find_run(args.run, args.runs)
    played, verdict, page = diagnose_run(folder)
    tries = changes(folder, verdict)
    if args.json:
        command = tries[0].command if tries else None
        answer = {"folder": str(folder), "report": str(page), "rounds": played, "verdict": verdict}
        print_json(answer | {"command": command})
        return
    print_verdict(page, played, verdict)
    if tries:
        print(f"what to try: {tries[0].words}")
        print_table([(change.command,) for change in tries[:1] if change.command], indent="  ")
    if tries[1:]:
        print("or:")
        print_table([(" ".join(c.overrides), c.contraction, c.words) for c in tries[1:]], indent="  ")


def diagnose_run(folder: Path) -> tuple[int, dict[str, Any], Path]:
    """Judge a run from its last checkpoint; the round, the verdict and the page, both written.

    Raises:
        UserError: if it is no run, a grid, or has no checkpoint.
    """
    from pushforward.commands.report import sections
    from pushforward.diagnosis import diagnose
    from pushforward.folder import read_json, write_json
    from pushforward.public import open_run
    from pushforward.report.diagnosis import draw_diagnosis
    from pushforward.report.folder import read_folder
    from pushforward.report.page import write_report

    results = read_json(folder / "results.json")
    if "cells" not in results and not (folder / "checkpoints" / "last.ckpt").is_file():
        raise UserError(f"{folder} cannot be diagnosed: there is no checkpoint {folder / 'checkpoints' / 'last.ckpt'}")
    run = open_run(folder, weights="last")
    history = read_folder(folder).metrics
    measures = {name: numbers for name, numbers in results.get("measures", {}).items() if "value" in numbers}
    verdict = diagnose(run.built, measures, history, _failure(results), thorough=True)
    played = run.built.play.played
    verdict |= {"round": played, "pictures": draw_diagnosis(run.built, verdict, history, folder)}
    write_json(folder / "results.json", results | {"verdict": verdict})
    return played, verdict, write_report(folder, sections(folder))


def _failure(results: dict[str, Any]) -> str:
    """The sentence that stopped a run."""
    return str(results.get("reason", "")) if results.get("status") == "failed" else ""


def print_verdict(page: Path, played: int, verdict: dict[str, Any]) -> None:
    """Where the report is, the verdict in a line, and what it rests on."""
    from pushforward.report.verdict import evidence_rows, headline

    print(page)
    print(f"verdict at round {played}: {headline(verdict)}")
    print_table(evidence_rows(verdict), indent="  ")
