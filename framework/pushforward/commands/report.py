"""`pushforward report`: the page of a run, made again from its folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from pushforward.verbs import Verbs, add_run, add_verb

EXAMPLES = ("pushforward report rings/gan", "pushforward report runs/rings-gan-1")


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    about = "For a run that was killed, or after copying it elsewhere; nothing is computed."
    add_run(add_verb(verbs, "report", "write report.html of a run again", EXAMPLES, act, about))


def act(args: argparse.Namespace) -> None:
    """Write the page and print where it is."""
    from pushforward.find_run import find_run
    from pushforward.report.page import write_report

    folder = find_run(args.run, args.runs)
    print(write_report(folder, sections(folder)))


def sections(folder: Path) -> list[tuple[str, str]]:
    """What plugins add to the page, those included that the run's recipe names."""
    from pushforward.folder import read_json
    from pushforward.registry import Registry
    from pushforward.report.folder import read_folder

    local = read_folder(folder).recipe.get("plugins")
    local = [path for path in local if isinstance(path, str)] if isinstance(local, list) else []
    results = read_json(folder / "results.json")
    if "cells" in results:  # plugins speak of single runs, each of which has its own page
        return []
    added: list[tuple[str, str]] = []
    for _, answer in Registry(local).ask("report", folder=folder, results=results):
        added += answer
    return added
