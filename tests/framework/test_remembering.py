"""What is remembered between moves: observed, never summed, and written once a move, in place and as a function."""

import pytest
import torch
from torch import nn

from pushforward import Component, Draw, Game, Judge, Remembering, hook, observations
from pushforward.average import Average
from pushforward.field import Field
from pushforward.optimizers import SGD
from pushforward.play import Play
from pushforward.rules.turns import Simultaneous


class Counted(Remembering):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))
        self.register_buffer("moves", torch.tensor(0))
        self.register_buffer("last", torch.tensor(0.0))

    def remember(self, seen):
        self.moves += 1
        self.last.copy_(seen["~size"])


class One(Game):
    needs_data = False

    def __init__(self):
        super().__init__()
        self.part = Counted()

    @property
    def players(self):
        return {"one": self.part}

    def costs(self, names, draw):
        value = self.part.weight
        return {"one": {"square": value**2 / 2, "~size": value.abs()}}


@hook
def components():
    return [Component("model", "one", ":One", "one number")]


def turns(play):
    return [[Draw(0, (k, i), 4) for i in range(play.turns)] for k in range(3)]


def test_what_is_observed_is_no_cost():
    direction = Field(One())
    direction.deal([Draw(0, (0,), 4)])
    found = direction()
    assert found.gradients["part.weight"] == 2.0  # of the square alone
    assert found.terms["one"]["~size"] == 2.0


@pytest.mark.parametrize("accumulate", [1, 2])
def test_each_move_is_remembered_once_with_what_was_seen_of_the_whole_turn(accumulate):
    play = Play(One(), Simultaneous(), SGD(0.5))
    play.prepare(3, 0, accumulate, [])
    play.configure_optimizers()
    for dealt in turns(play):
        play.training_step(dealt, 0)
    part = play.game.part
    assert part.moves == 3 and part.last == 0.5 and part.weight == 0.25
    assert play.ledger.report()["seen/one/size"] == pytest.approx((2 + 1 + 0.5) / 3)


def test_as_a_function_the_same_is_remembered_and_the_game_is_left_alone():
    play = Play(One(), Simultaneous(), SGD(0.5))
    functional = play.functional()
    state = functional.start()
    for dealt in turns(play):
        state = functional.round(state, dealt)
    assert state.buffers["part.moves"] == 3 and state.buffers["part.last"] == 0.5
    assert play.game.part.moves == 0 and play.game.part.weight == 2.0


class Linear(nn.Module):
    couples_samples = False

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x, condition=None):
        self.calls += 1
        return x.sum(1)


def test_a_batch_that_was_scored_is_not_scored_again_and_is_seen_as_it_was_augmented():
    def shift(x, draw):
        return x + draw.uniform("shift", 1)

    critic, draw = Linear(), Draw(0, (0,), 5)
    judge = Judge(critic, draw, augment=[shift])
    real, fake = torch.randn(5, 2), torch.randn(5, 2)
    on_real, on_fake = judge.both(real, fake)
    assert critic.calls == 1
    assert judge(real) is on_real and judge(fake) is on_fake and judge(judge.known_as(fake, fake.detach())) is on_fake
    assert critic.calls == 1
    torch.testing.assert_close(on_real, (real + draw.uniform("shift", 1)).sum(1))
    torch.testing.assert_close(judge(real.clone()), on_real)
    assert critic.calls == 2


def test_observations_are_means_without_a_graph():
    real = torch.tensor([1.0, -3.0, 2.0], requires_grad=True)
    seen = observations(real, real - 1)
    assert seen["~logit-real"] == 0 and seen["~logit-fake"] == -1
    assert seen["~sign-real"] == pytest.approx(1 / 3)
    assert not any(value.requires_grad for value in seen.values())


@pytest.mark.parametrize("batch", [10, 100])
def test_after_a_half_life_of_samples_the_past_counts_half_whatever_the_batch(batch):
    """A parameter jumps from 0 to 1: after H samples its average is one half."""
    game = One()
    average = Average(half_life=1000, warm_up=None)
    average.batch = batch
    with torch.no_grad():
        game.part.weight.zero_()
    game.averaged = ("one",)
    average.follow(game)
    with torch.no_grad():
        game.part.weight.fill_(1.0)
    for k in range(1000 // batch):
        average.update(k + 1)
    assert average.shadow["part.weight"] == pytest.approx(0.5, abs=1e-6)


def test_during_the_warm_up_the_half_life_is_a_share_of_what_was_seen():
    average = Average(half_life=1000, warm_up=0.05)
    average.batch = 10
    assert average.decay_at(1) == pytest.approx(0.5 ** (10 / 0.5))
    assert average.decay_at(1000) == pytest.approx(0.5 ** (10 / 500))
    assert average.decay_at(10_000) == pytest.approx(0.5 ** (10 / 1000))
