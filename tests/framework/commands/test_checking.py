"""`check`, `explain` and `run` find every mistake of a recipe in one go."""

import json

import pytest

SIX = """\
about: A recipe with six mistakes.
seed: zero
target: {use: rngs}
model:
  use: gan
  generator: {use: mlp, widht: 8}
  discriminator: mlp
  objective: r1
  penalties: [{use: r1, weight: strong}]
budget: {rounds: 10}
mesure: [sliced-wasserstein]
"""

EXPECTED = [
    "six.yaml:2:7: seed: expected int, got 'zero'",
    "six.yaml:3:15: target: unknown target 'rngs'; did you mean 'rings'?",
    "six.yaml:6:25: model.generator.widht: unknown argument of 'mlp'; did you mean 'width'?",
    "six.yaml:8:14: model.objective: 'r1' is a penalty, not an objective: known are ",
    "six.yaml:9:33: model.penalties.0.weight: expected float >= 0, got 'strong'",
    "six.yaml:11:1: mesure: unknown key; did you mean 'measure'?",
]


@pytest.fixture
def six(tmp_path):
    (tmp_path / "six.yaml").write_text(SIX)
    return "six.yaml"


@pytest.mark.parametrize("verb", ["check", "explain", "run"])
def test_six_mistakes_give_six_located_lines_in_one_go(say, six, verb):
    said = say(verb, six)
    assert said.status == 2 and said.out == ""
    lines = said.err.splitlines()
    assert len(lines) == 6
    for line, expected in zip(lines, EXPECTED, strict=True):
        assert line.startswith(expected)


def test_programs_get_the_same_six(say, six):
    said = say("check", six, "--json")
    assert said.status == 2 and said.err == ""
    data = json.loads(said.out)
    assert data["ok"] is False
    assert [(p["line"], p["column"]) for p in data["problems"]] == [(2, 7), (3, 15), (6, 25), (8, 14), (9, 33), (11, 1)]
    assert data["problems"][5]["what"] == "unknown key; did you mean 'measure'?"


def test_ok_says_what_was_checked(say):
    said = say("check", "small.yaml")
    assert said.status == 0 and said.err == ""
    assert said.out.startswith("ok: small: 7 components and 11 arguments")
    assert "target rings, model gan, generator mlp" in said.out
    assert "4 rounds with batches of 32" in said.out


def test_overrides_are_checked_and_located_on_the_command_line(say):
    assert "7 rounds" in say("check", "small.yaml", "budget.rounds=7").out
    said = say("check", "small.yaml", "budget.rounds=-1", "model.generator.widht=1")
    assert said.status == 2
    assert "command line: model.generator.widht: unknown argument of 'mlp'; did you mean 'width'?" in said.err
    assert "budget.rounds: expected at least 0, got -1" in say("check", "small.yaml", "budget.rounds=-1").err
    assert "expected key=value" in say("check", "small.yaml", "rounds").err


def test_options_may_stand_between_overrides(say):
    said = say("check", "small.yaml", "budget.rounds=7", "--json", "budget.batch=8")
    data = json.loads(said.out)
    assert (data["rounds"], data["batch"]) == (7, 8)
    assert json.loads(say("check", "--json", "small.yaml", "budget.rounds=7").out)["rounds"] == 7


def test_absent_data_are_a_warning_to_check_and_an_error_to_run(say, tmp_path):
    recipe = tmp_path / "t.yaml"
    say("copy", "small.yaml", recipe)
    words = (recipe, "target={use: table, path: nowhere.csv}")
    said = say("check", *words)
    assert said.status == 0 and said.out.startswith("ok: ")
    assert said.err.startswith("pushforward: warning: ") and "nowhere.csv" in said.err
    assert json.loads(say("check", *words, "--json").out)["warnings"]
    said = say("run", *words)
    assert said.status == 2 and "nowhere.csv" in said.err and not (tmp_path / "runs").exists()


def test_what_explain_prints_is_a_recipe_that_explains_itself(say, tmp_path):
    first = say("explain", "small.yaml", "model.objective=hinge", "seed=3")
    assert first.status == 0 and "# command line" in first.out and "# default" in first.out
    (tmp_path / "explained.yaml").write_text(first.out)
    again = say("explain", "explained.yaml", "--json")
    assert json.loads(again.out) == json.loads(
        say("explain", "small.yaml", "model.objective=hinge", "seed=3", "--json").out
    )


def test_a_broken_plugin_that_is_to_blame_is_status_3(say, tmp_path):
    (tmp_path / "bad.py").write_text('from pushforward import Component\nComponent("objective", "odd", ":X")\n1 / 0\n')
    said = say("check", "rings/gan", "model.objective=odd", "--plugin", "bad.py")
    assert said.status == 3
    assert "'odd' comes from plugin 'bad', which is broken: ZeroDivisionError: division by zero" in said.err


def test_copy_never_overwrites_unless_told_so(say, tmp_path):
    assert say("copy", "rings/gan").out.startswith("rings-gan.yaml: ")
    copied = tmp_path / "rings-gan.yaml"
    assert copied.read_text() == say("show", "rings/gan").out
    copied.write_text("mine")
    said = say("copy", "rings/gan")
    assert said.status == 2 and "--force" in said.err and copied.read_text() == "mine"
    assert say("copy", "rings/gan", "--force").status == 0 and copied.read_text() != "mine"
    (tmp_path / "folder").mkdir()
    assert say("copy", "rings/gan", "folder").status == 0 and (tmp_path / "folder" / "rings-gan.yaml").is_file()
    assert say("copy", "rings/gan", "nowhere/x.yaml").status == 2


def test_copy_says_which_relative_names_do_not_travel(say, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.yaml").write_text("about: a\nplugins: [./loss.py]\n")
    said = say("copy", "deep/a.yaml")
    assert said.status == 0 and "./loss.py" in said.err
