"""How a verb of the command line is declared: its parser, the arguments that several share, its two examples."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from pushforward.problem import UserError

Act: TypeAlias = "Callable[[argparse.Namespace], int | None]"
Verbs: TypeAlias = "argparse._SubParsersAction[Parser]"


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Texts as they are written, and room for the longest verb."""

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, **({"max_help_position": 30} | options))

    def add_argument(self, action: argparse.Action) -> None:
        """Measure an argument."""
        super().add_argument(action)
        if isinstance(action, argparse._SubParsersAction):
            self._action_max_length += 2  # argparse forgets that verbs are indented


class Parser(argparse.ArgumentParser):
    """argparse without abbreviations, whose errors are sentences like all others."""

    def __init__(self, *args: Any, **options: Any) -> None:
        options.setdefault("formatter_class", _Formatter)
        options.setdefault("allow_abbrev", False)
        super().__init__(*args, **options)

    def error(self, message: str) -> NoReturn:
        """Wrong usage.

        Raises:
            UserError: always.
        """
        verb = self.prog.partition(" ")[2]
        raise UserError(f"{verb + ': ' if verb else ''}{message} (`{self.prog} --help` shows how)")


def add_verb(verbs: Verbs, name: str, summary: str, examples: Sequence[str], act: Act, about: str = "") -> Parser:
    """A verb's parser.

    Args:
        verbs: where it is added.
        name: the verb.
        summary: one line for `pushforward --help`.
        examples: real command lines, shown at the end of its help and tried by a test.
        act: what it does; gives the exit status, None meaning 0.
        about: further sentences for its own help.
    """
    description = f"{summary[0].upper()}{summary[1:]}." + (f"\n\n{about}" if about else "")
    parser = verbs.add_parser(name, help=summary, description=description, epilog=epilog(examples))
    parser.set_defaults(act=act)
    return parser


def epilog(examples: Sequence[str]) -> str:
    """Examples as help shows them."""
    return "\n".join(["examples:", *(f"  {example}" for example in examples)])


def add_recipe(parser: Parser, overrides: bool = True) -> None:
    """`RECIPE [key=value ...] [--plugin FILE]`."""
    parser.add_argument("recipe", metavar="RECIPE", help="a recipe's name, such as rings/gan, or its file")
    if overrides:
        text = "a value to change, such as model.optimizer.lr=1e-3"
        parser.add_argument("overrides", metavar="key=value", nargs="*", help=text)
        parser.set_defaults(rest="overrides")
    add_plugin(parser)


def add_plugin(parser: Parser) -> None:
    """`--plugin FILE`, as often as one likes."""
    text = "a plugin's file or folder, beside the installed ones; may be given again"
    parser.add_argument("--plugin", dest="plugins", metavar="FILE", action="append", default=[], help=text)


def add_json(parser: Parser) -> None:
    """`--json`."""
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def add_run(parser: Parser, several: bool = False) -> None:
    """`RUN [--runs FOLDER]`."""
    text = "a run's folder, or a recipe's name for its newest run"
    if several:
        parser.add_argument("run", metavar="RUN", nargs="+", help=text)
        parser.set_defaults(rest="run")
    else:
        parser.add_argument("run", metavar="RUN", help=text)
    parser.add_argument("--runs", metavar="FOLDER", type=Path, default=Path("runs"), help="where runs are (runs)")
