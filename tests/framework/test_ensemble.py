"""Copies played at once are the copies played one after another."""

import pytest
import torch
from torch import nn

from pushforward import Draw, Game
from pushforward.ensemble import Ensemble
from pushforward.functional import FunctionalPlay
from pushforward.optimizers import SGD, Adam
from pushforward.problem import RunFailed
from pushforward.projections import Box
from pushforward.rules import (
    KPV,
    Alternating,
    Competitive,
    Consensus,
    Extragradient,
    Lookahead,
    NegativeMomentum,
    Optimistic,
    RungeKutta,
    Simultaneous,
    Symplectic,
)

RULES = [
    Simultaneous(),
    Alternating(),
    Extragradient(),
    Optimistic(),
    Consensus(),
    Symplectic(),
    Lookahead(rounds=2),
    NegativeMomentum(),
    Competitive(),
    KPV(),
    RungeKutta(),
]


class Dirac(Game):
    """The Dirac-GAN with R1 and a noisy datum."""

    def __init__(self, gamma=0.3, noise=0.0, start=(1.0, 1.0)):
        super().__init__()
        self.gamma, self.noise = gamma, noise
        self.critic, self.point = (nn.ParameterList([torch.tensor([x], dtype=torch.float64)]) for x in start)
        self.projections = {"critic": Box(-5.0, 5.0)}

    @property
    def players(self):
        return {"critic": self.critic, "point": self.point}

    def costs(self, names, draw):
        psi, theta = self.critic[0], self.point[0]
        datum = self.noise * draw.normal("datum", 1).double().mean()
        value = nn.functional.logsigmoid(-psi * theta) + nn.functional.logsigmoid(psi * datum)
        costs = {"critic": {"cost": -value.sum(), "r1": 0.5 * self.gamma * psi.square().sum()}}
        costs["point"] = {"cost": value.sum()}
        return {name: costs[name] for name in names}


def functional(game, rule, lr=0.2, pure=False, optimizer=SGD):
    return FunctionalPlay(game, rule, {name: optimizer(lr) for name in game.players}, clip=0.7, pure=pure)


def turns(play, k, seed=0):
    return [Draw(seed, (k, i), 4) for i in range(play.rule.turns(play.field))]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
@pytest.mark.parametrize("optimizer", [SGD, Adam])
def test_copies_at_once_are_the_copies_one_after_another(rule, optimizer):
    starts = [(1.0, 1.0), (0.2, -0.5), (2.0, 0.1)]
    gammas, steps = torch.tensor([0.0, 0.3, 1.0]).double(), torch.tensor([0.05, 0.2, 0.4]).double()
    template = functional(Dirac(), rule, pure=True, optimizer=optimizer)
    numbers = {(template.game, "gamma"): gammas}
    numbers |= {(chosen, "lr"): steps for chosen in template.optimizers.values()}
    ensemble = Ensemble(template, numbers)
    state = Ensemble.stack([functional(Dirac(start=s), rule, optimizer=optimizer).start() for s in starts])
    for k in range(6):
        state = ensemble.round(state, turns(template, k))
    for i, start in enumerate(starts):
        play = functional(Dirac(gammas[i].item(), start=start), rule, steps[i].item(), optimizer=optimizer)
        single = play.start()
        for k in range(6):
            single = play.round(single, turns(play, k))
        for key, value in single.point.items():
            torch.testing.assert_close(Ensemble.copy(state, i).point[key], value, rtol=1e-12, atol=1e-12)
    assert template.game.gamma == 0.3  # what was set for the copies is put back


def test_copies_with_seeds_of_their_own_see_their_own_noise():
    seeds, rule = [0, 1, 7], Alternating()
    template = functional(Dirac(noise=0.5), rule, pure=True)
    ensemble = Ensemble(template)
    state = Ensemble.stack([functional(Dirac(noise=0.5), rule).start() for _ in seeds])
    for k in range(5):
        state = ensemble.round(state, [turns(template, k, seed) for seed in seeds])
    for i, seed in enumerate(seeds):
        play = functional(Dirac(noise=0.5), rule)
        single = play.start()
        for k in range(5):
            single = play.round(single, turns(play, k, seed))
        for key, value in single.point.items():
            torch.testing.assert_close(Ensemble.copy(state, i).point[key], value, rtol=1e-12, atol=1e-12)


def test_a_copy_that_diverges_leaves_the_others_alone():
    template = functional(Dirac(), Simultaneous(), pure=True)
    template.clip = None
    template.game.projections, template.field.projections = {}, {}
    ensemble = Ensemble(template, {(template.game, "gamma"): torch.tensor([1e300, 0.3]).double()})
    state = Ensemble.stack([template.start()] * 2)
    for k in range(50):
        state = ensemble.round(state, turns(template, k))
    critic = state.point["critic.0"]
    assert not torch.isfinite(critic[0]).all() and critic[1].abs().item() < 1.0


def test_a_game_with_a_generator_of_its_own_cannot_share_it_between_seeds():
    class Shuffled(Dirac):
        def costs(self, names, draw):
            draw.generator("order")
            return super().costs(names, draw)

    template = functional(Shuffled(), Simultaneous(), pure=True)
    with pytest.raises(RunFailed, match="copies with different seeds"):
        Ensemble(template).round(Ensemble.stack([template.start()] * 2), [turns(template, 0, s) for s in (0, 1)])
