"""The hooks: everything the host asks of a plugin, on one page."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import argparse

    from pushforward.plan import Plan
    from pushforward.problem import Problem
    from pushforward.records import Component, Kind

hook = pluggy.HookimplMarker("pushforward")
_spec = pluggy.HookspecMarker("pushforward")


class Hooks:
    """Specifications; a plugin implements any of them, marked with `@pushforward.hook`."""

    @_spec
    def components(self) -> Iterable[Component]:  # type: ignore[empty-body]
        """Records of what the plugin offers. Called once, before any recipe is read."""

    @_spec
    def kinds(self) -> Iterable[Kind]:  # type: ignore[empty-body]
        """New kinds of component, beside the host's own."""

    @_spec
    def recipes(self) -> Iterable[Path]:  # type: ignore[empty-body]
        """Folders of recipes: `FOLDER/target/idea.yaml` is launched as `target/idea`."""

    @_spec
    def commands(self, verbs: argparse._SubParsersAction) -> None:
        """Add verbs to the command line: `verbs.add_parser(...)` with `set_defaults(act=function)`."""

    @_spec
    def plan(self, plan: Plan) -> Iterable[Problem]:  # type: ignore[empty-body]
        """Checks across fields that hints cannot express; what is returned is reported with all other mistakes."""

    @_spec
    def run_start(self, folder: Path, play: Any) -> None:
        """A run begins; `play` is the Lightning module."""

    @_spec
    def run_end(self, folder: Path, results: dict[str, Any]) -> None:
        """A run ended; `results` is what stands in results.json."""

    @_spec
    def report(self, folder: Path, results: dict[str, Any]) -> Iterable[tuple[str, str]]:  # type: ignore[empty-body]
        """Further sections of report.html: pairs of a heading and text. The text is escaped."""
