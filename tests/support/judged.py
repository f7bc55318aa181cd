"""A recipe played without a folder, and the verdict on it."""

from pushforward.builder import build
from pushforward.check import plan_recipe
from pushforward.diagnosis import diagnose
from pushforward.rounds import Rounds


def play_recipe(name, *overrides):
    """The recipe as objects, after all its rounds."""
    built = build(plan_recipe(name, overrides))
    play = built.play
    play.configure_optimizers()
    rounds = Rounds(play, built.target, built.plan.value("batch"), built.plan.value("report_every"))
    while play.played < built.plan.value("rounds"):
        play.training_step(rounds.deal(play.played), 0)
    return built


def judge(name, *overrides, **options):
    """The verdict on it."""
    return diagnose(play_recipe(name, *overrides), {}, **options)
