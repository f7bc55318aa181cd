"""Every help ends with two examples that are real: each is understood, and the quick ones are run."""

import shlex

import pytest

from pushforward import cli
from pushforward.commands import VERBS

QUICK = ("recipes", "show", "check", "explain", "components", "describe")


def examples(verb=""):
    parser, verbs = cli.make_parser()
    text = (verbs.choices[verb] if verb else parser).epilog
    return [line.strip() for line in text.partition("examples:")[2].splitlines() if line.strip()]


def test_the_programs_own_help_has_two_examples():
    assert len(examples()) == 2


@pytest.mark.parametrize("verb", VERBS)
def test_each_example_of_a_verb_is_understood_by_its_parser(verb, say):
    assert say(verb, "--help").out.rstrip().splitlines()[-2:] == [f"  {example}" for example in examples(verb)]
    assert len(examples(verb)) == 2
    for example in [*examples(verb), *examples()]:
        program, *words = shlex.split(example.partition(" > ")[0])
        args = cli.parse(words)
        assert program == "pushforward" and callable(args.act)


@pytest.mark.parametrize("verb", QUICK)
def test_quick_examples_do_what_they_say(verb, say):
    for example in examples(verb):
        said = say(*shlex.split(example.partition(" > ")[0])[1:])
        assert said.status == 0, said.err
        assert said.out


def test_the_copied_example_is_a_recipe_that_checks(say):
    first, second = (shlex.split(example)[1:] for example in examples("copy"))
    assert say(*first).status == 0 and say(*second).status == 0
    assert say("check", "rings-gan.yaml").status == 0
