"""The command line: from words to one verb, and from whatever happens to an exit status and plain sentences."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import os
import sys
import traceback
from collections.abc import Sequence

from pushforward.commands import VERBS
from pushforward.problem import DONE, FAILED, INTERRUPTED, UserError, did_you_mean
from pushforward.verbs import Parser, Verbs, epilog

DEBUG = "PUSHFORWARD_DEBUG"
DEEP = ("torch", "pytorch_lightning", "lightning_fabric", "torchmetrics")  # where an error ends, and seldom begins
EXAMPLES = ("pushforward recipes", "pushforward run rings/gan budget.rounds=1000")
STATUS = "exit status: 0 done, 1 the run failed, 2 the recipe or the usage is wrong, 3 a plugin is, 130 interrupted"


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the words say.

    Args:
        argv: the words after the program's name; None takes those of this process.

    Returns:
        The exit status: 0 done, 1 the run failed, 2 the recipe or the usage is wrong, 3 a plugin is, 130 interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an ASCII terminal shows ? for ±, and no traceback
    try:
        args = parse(list(sys.argv[1:] if argv is None else argv))
        status: int = args.act(args) or DONE
        sys.stdout.flush()
        return status
    except SystemExit as leave:  # argparse, after --help or --version
        return leave.code if isinstance(leave.code, int) else DONE
    except UserError as error:
        return _say(error)
    except KeyboardInterrupt:
        print("pushforward: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader has what it wanted, as in `pushforward components | head`
        _hush()
        return DONE
    except Exception as error:
        return _fell(error)


def parse(words: list[str]) -> argparse.Namespace:
    """The words as arguments, with the function `act` that does them.

    Raises:
        UserError: if they are no usage; what looks like something known is named.
        SystemExit: after giving help.
    """
    words = words or ["--help"]
    word = next((w for w in words if not w.startswith("-")), "")
    parser, verbs = make_parser(word)
    if not word:
        parser.parse_args(words)
        parser.error("expected a verb")
    if word not in verbs.choices:
        hint = did_you_mean(word, verbs.choices) or f": there are {', '.join(verbs.choices)}"
        raise UserError(f"there is no verb {word!r}{hint}")
    args, rest = parser.parse_known_args(words)
    more: str = getattr(args, "rest", "")
    for extra in rest:
        if extra.startswith("-") or not more:
            raise UserError(_unknown(word, extra, verbs.choices[word]))
        getattr(args, more).append(extra)  # argparse takes no more positionals after an option between them
    return args


def make_parser(word: str = "") -> tuple[Parser, Verbs]:
    """The parser with the verb that is asked for; with every verb, plugins' included, where it is none of the host's.

    Args:
        word: the first word of the command line that is no option.
    """
    from pushforward import __version__

    parser = Parser(
        prog="pushforward",
        description="Generative models as games: recipes, runs, and what happened in them.",
        epilog=f"{STATUS}\n\n{epilog(EXAMPLES)}",
    )
    parser.add_argument("--version", action="version", version=f"pushforward {__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", dest="verb")
    for name in (word,) if word in VERBS else VERBS:
        importlib.import_module(f"pushforward.commands.{name}").add(verbs)
    if word not in VERBS:
        from pushforward.registry import Registry

        for _ in Registry().ask("commands", verbs=verbs):
            pass
    return parser, verbs


def _unknown(word: str, extra: str, parser: argparse.ArgumentParser) -> str:
    if not extra.startswith("-"):
        return f"{word}: one word too many: {extra!r} (`pushforward {word} --help` says what it takes)"
    options = [option for option in parser._option_string_actions if option.startswith("--")]
    name = extra.partition("=")[0]
    return f"{word}: unknown option {name!r}" + (did_you_mean(name, options) or f": there are {', '.join(options)}")


def _say(error: UserError) -> int:
    """One line for each problem."""
    if os.environ.get(DEBUG):
        traceback.print_exc()
    for problem in error.problems:
        print(problem if problem.place else f"pushforward: {problem}", file=sys.stderr)
    return error.status


def _fell(error: Exception) -> int:
    """What nobody foresaw: one line that says where, and how to see more."""
    if os.environ.get(DEBUG):
        traceback.print_exc()
        return FAILED
    frames = traceback.extract_tb(error.__traceback__)
    near = [f for f in frames if not any(f"/{package}/" in f.filename for package in DEEP)] or frames
    where = f" ({near[-1].filename}:{near[-1].lineno})" if near else ""
    what = " ".join(str(error).split()) or "no reason given"
    print(f"pushforward: {type(error).__name__}: {what}{where}; {DEBUG}=1 shows the traceback", file=sys.stderr)
    return FAILED


def _hush() -> None:
    """Let nothing be written at exit either."""
    with contextlib.suppress(OSError, ValueError):  # where it is no real file, there is nothing to hush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
