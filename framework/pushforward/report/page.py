"""A run as one page: self-contained, without scripts, and written from the run's folder alone."""

from __future__ import annotations

import base64
import os
import shlex
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from pushforward.report.cells import grid_pictures, grid_table
from pushforward.report.curves import DASHES, Chart, charts, colour_of
from pushforward.report.estimates import called
from pushforward.report.folder import RunFolder, flattened, read_folder
from pushforward.report.rounding import beside, duration, short, with_error
from pushforward.report.verdict import changes, drawn

# How a verdict or a status is coloured; the word itself always stands beside.
TONES = {
    "good": ("completed", "converging", "converged", "estimated"),
    "bad": ("failed", "diverging", "collapsed", "critic saturated", "critic-saturated", "non-finite"),
    "warn": ("cycling", "doubtful", "overfitting", "stopped", "unfinished"),
}


def write_report(folder: Path, sections: Sequence[tuple[str, str]] = ()) -> Path:
    """Write report.html into a run's folder, from what is there: of an unfinished or failed run too.

    Args:
        folder: the run's folder.
        sections: further pairs of a heading and a text; the text is escaped, and its blank lines part paragraphs.

    Returns:
        The file.

    Raises:
        UserError: if there is no such folder, or nothing of a run in it.
    """
    run = read_folder(folder)
    html = _template().render(
        run=run,
        css=Markup(files(__package__).joinpath("page.css").read_text(encoding="utf-8")),
        facts=_facts(run),
        measures=_measures(run),
        evidence=[(path, _number(value)) for path, value in _pairs(run.verdict.get("evidence"))],
        changes=changes(run.path, run.verdict),
        diagnosis=[(name, caption, _inline(path)) for name, caption, path in drawn(run)],
        pictures=_pictures(run),
        grid=grid_table(run),
        drawn=[(title, _inline(path)) for title, path in grid_pictures(run)],
        charts=_charts(run),
        sections=[(heading, [p for p in text.split("\n\n") if p.strip()]) for heading, text in sections],
        environment=_environment(run.environment),
        packages=_pairs(run.environment.get("packages")),
        commands=_commands(run),
    )
    out = run.path / "report.html"
    part = out.with_name(".report.html.part")
    part.write_text(html, encoding="utf-8")
    os.replace(part, out)
    return out


def tone(word: Any) -> str:
    """good, bad, warn or plain."""
    return next((tone for tone, words in TONES.items() if str(word).lower() in words), "plain")


def _template() -> jinja2.Template:
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["tone"] = tone
    return environment.from_string(files(__package__).joinpath("page.html").read_text(encoding="utf-8"))


def _facts(run: RunFolder) -> list[tuple[str, str]]:
    facts = [
        ("recipe", str(run.results.get("recipe") or "")),
        ("rounds", short(run.rounds)),
        ("time", duration(run.results.get("seconds"))),
        ("seed", short(run.results.get("seed", run.recipe.get("seed")))),
    ]
    return [(name, text) for name, text in facts if text]


def _measures(run: RunFolder) -> list[dict[str, Any]]:
    own = ("value", "standard_error", "n", "warning")
    return [
        {
            "name": called(name, m, run.recipe),
            "value": with_error(m.get("value"), m.get("standard_error")),
            "n": short(m.get("n")),
            "further": [(key, beside(key, m)) for key in m if key not in own],
            "warning": str(m.get("warning") or ""),
        }
        for name, m in run.measures.items()
    ]


def _pictures(run: RunFolder) -> list[dict[str, Any]]:
    pictures = []
    for name in dict.fromkeys([*run.stills, *run.films]):
        still, film = run.stills.get(name), run.films.get(name)
        pictures.append(
            {
                "name": name,
                "round": still[0] if still else None,
                "still": _inline(still[1]) if still else "",
                "film": _inline(film) if film else "",
            }
        )
    return [picture for picture in pictures if picture["still"] or picture["film"]]


def _charts(run: RunFolder) -> list[tuple[str, list[dict[str, Any]]]]:
    drawn, count = [], 0
    for heading, group in charts(run.metrics):
        shown = []
        for chart in group:
            count += 1
            shown.append({"chart": chart, "svg": Markup(chart.svg(f"chart-{count}")), "legend": _legend(chart)})
        drawn.append((heading, shown))
    return drawn


def _legend(chart: Chart) -> list[dict[str, str]]:
    return [
        {"name": line.name, "colour": colour_of(i), "dash": DASHES[i % len(DASHES)], **line.summary}
        for i, line in enumerate(chart.lines)
    ]


def _environment(environment: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        pair
        for key, value in environment.items()
        if key not in ("packages", "command")
        for pair in _pairs({key: value})
    ]


def _commands(run: RunFolder) -> list[tuple[str, str]]:
    """What was typed, and what brings the same run from this page alone."""
    typed = run.environment.get("command")
    typed = shlex.join(map(str, typed)) if isinstance(typed, list) else str(typed or "")
    packages = run.environment.get("packages")
    version = packages.get("pushforward") if isinstance(packages, dict) else None
    commands = [("what was typed", typed)] if typed else []
    if run.recipe_text:
        install = f"pip install pushforward=={version}\n" if version else ""
        commands.append(("with the recipe above saved as recipe.yaml", f"{install}pushforward run recipe.yaml"))
    return commands


def _pairs(value: Any) -> list[tuple[str, str]]:
    return list(flattened(value)) if isinstance(value, dict) and value else []


def _number(text: str) -> str:
    try:
        return short(float(text))
    except ValueError:
        return text


def _inline(path: Path) -> str:
    """A picture as a data URL; empty where it cannot be read."""
    try:
        data = base64.b64encode(path.read_bytes()).decode()
    except OSError:
        return ""
    return f"data:image/{path.suffix[1:]};base64,{data}" if data else ""
