"""Whatever is typed ends with a status and a sentence, never with a traceback."""

import os
import subprocess
import sys

import pytest

from pushforward import __version__, cli
from pushforward.commands import VERBS


def test_help_lists_every_verb_and_the_exit_statuses(say):
    said = say("--help")
    assert said.status == 0 and said.err == ""
    for verb in VERBS:
        assert f"\n    {verb} " in said.out
    assert "130 interrupted" in said.out
    assert say().out == said.out  # no words at all ask for help


def test_version(say):
    assert say("--version").out == f"pushforward {__version__}\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["chekc"], "there is no verb 'chekc'; did you mean 'check'?"),
        (["xyzzy"], "there is no verb 'xyzzy': there are recipes, show,"),
        (["run", "rings/gan", "--smok"], "run: unknown option '--smok'; did you mean '--smoke'?"),
        (["run"], "run: the following arguments are required: RECIPE"),
        (["--jsno"], "jsno"),
        (["--"], "--"),
        (["recipes", "a", "b"], "recipes: one word too many: 'b'"),
        (["show", "ring/gan"], "there is no recipe 'ring/gan'; did you mean 'rings/gan'?"),
        (["components", "penaltie"], "no component matches 'penaltie'; did you mean 'penalty'?"),
        (["components", "penalti", "r1"], "there is no kind 'penalti'; did you mean 'penalty'?"),
        (["describe", "wassersten"], "there is no component or kind 'wassersten'; did you mean 'wasserstein'?"),
        (["describe", "penalty", "hinge"], "there is no penalty 'hinge'; there is a objective of that name"),
        (["recipes", "ringz"], "no recipe matches 'ringz'"),
        (["sample", "rings/gan"], "there is no run 'rings/gan'"),
        (["sample", "rings/gan", "-n", "many"], "invalid int value: 'many'"),
        (["sample", "rings/gan", "--out", "x.jpg"], "expected a file ending in .npy, .csv, .png"),
        (["new", "plugni", "mine"], "invalid choice: 'plugni'"),
        (["evaluate", "rings/gan", "--split", "train"], "invalid choice: 'train'"),
    ],
)
def test_wrong_usage_is_one_sentence_and_status_2(say, words, sentence):
    said = say(*words)
    assert said.status == 2
    assert sentence in said.err and said.out == ""
    assert len(said.err.splitlines()) == 1 and said.err.startswith("pushforward: ")


def test_what_nobody_foresaw_is_one_line_with_its_place_and_status_1(say, monkeypatch, capsys):
    def broken(path):
        raise ZeroDivisionError("by\nzero")

    monkeypatch.setattr("pushforward.recipe.list_recipes", broken)
    said = say("recipes")
    assert said.status == 1
    assert said.err.startswith("pushforward: ZeroDivisionError: by zero (")
    assert "test_cli.py:" in said.err and len(said.err.splitlines()) == 1
    monkeypatch.setenv("PUSHFORWARD_DEBUG", "1")
    assert cli.main(["recipes"]) == 1 and "Traceback" in capsys.readouterr().err


def test_an_interrupt_is_status_130(say, monkeypatch):
    def interrupted(path):
        raise KeyboardInterrupt

    monkeypatch.setattr("pushforward.recipe.list_recipes", interrupted)
    said = say("recipes")
    assert (said.status, said.err) == (130, "pushforward: interrupted\n")


def test_a_reader_that_leaves_early_is_no_error():
    script = f"set -o pipefail; {sys.executable} -m pushforward components | head -1"
    ended = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.split() == ["kind", "name", "plugin", "summary"]


def test_a_terminal_without_unicode_gets_question_marks_and_no_traceback(tmp_path):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "pushforward", "describe", "frechet"]  # Fréchet
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert ended.returncode == 0 and "Fr?chet" in ended.stdout


def test_the_verb_of_a_plugin_is_found_and_helped(say, monkeypatch, objective):
    import pushforward.registry as registry

    original = registry.Registry.__init__
    monkeypatch.setattr(registry.Registry, "__init__", lambda self, local=(): original(self, [*local, str(objective)]))
    assert say("greet").out == "hello\n"
    assert "say hello" in say("--help").out
    assert "did you mean 'greet'" in say("gret").err
