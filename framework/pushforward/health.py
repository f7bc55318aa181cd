"""How a critic is: whether it still has anything to say, and whether it only knows its training data."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from pushforward.builder import Built
from pushforward.randomness import Draw
from pushforward.roles.adversarial import one_logit_a_sample, slope
from pushforward.roles.discriminator import Discriminator

LOOKED_AT = 1000  # samples of each kind
WINS = 0.995  # share of pairs a saturated critic tells apart ...
GAP = 10.0  # ... by so many nats on average: the logistic losses then have a slope below exp(-5)
MEMORISED = 0.6  # share of pairs in which an overfitting critic prefers training data to held-out ones ...
SURE = 4.0  # ... surely, by so many standard errors


def critic_health(built: Built) -> dict[str, Any]:
    """Logits and slopes of the first discriminator on training, held-out and generated data; nothing without one.

    Keys: `accuracy`, the share of pairs (real, generated) told apart; `gap`, their mean difference; `slope-real` and
    `slope-fake`, the mean norms of the gradient in x; `memorised`, the share of pairs (training, held-out) in which
    training data look more real, with `memorised-error`; `saturated` and `overfitting`.
    """
    play, target = built.play, built.target
    critic = next((m for m in play.game.players.values() if isinstance(m, Discriminator)), None)
    if critic is None or "sample" not in built.plan.model.gives or critic.conditional:
        return {}
    draw = Draw(play.seed, ("health",), LOOKED_AT, device=play.device)
    training = play.game.training
    play.game.eval()
    try:
        with torch.random.fork_rng(devices=[]), play.averaged(), torch.no_grad():
            real = target.held_out("validation", LOOKED_AT).x.to(play.device)
            fake = play.game.sample(LOOKED_AT, draw)
            own = target.batch(draw).x.to(play.device) if target.size("train") is not None else None
        found = _compared(critic, real, fake)
        if own is not None:
            found |= _memorised(_logits(critic, own), _logits(critic, real))
    finally:
        play.game.train(training)
    return found


def _compared(critic: Discriminator, real: Tensor, fake: Tensor) -> dict[str, Any]:
    on_real, on_fake = _logits(critic, real), _logits(critic, fake)
    accuracy, gap = _ahead(on_real, on_fake), float(on_real.mean() - on_fake.mean())
    return {
        "accuracy": accuracy,
        "gap": gap,
        "slope-real": _slope(critic, real),
        "slope-fake": _slope(critic, fake),
        "saturated": accuracy > WINS and gap > GAP,
    }


def _memorised(training: Tensor, held_out: Tensor) -> dict[str, Any]:
    share = _ahead(training, held_out)
    n, m = len(training), len(held_out)
    error = math.sqrt((n + m + 1) / (12 * n * m))  # of the share if both were alike: Mann and Whitney
    return {
        "memorised": share,
        "memorised-error": error,
        "overfitting": share > MEMORISED and share - 0.5 > SURE * error,
    }


def _ahead(high: Tensor, low: Tensor) -> float:
    """The share of pairs in which the first is larger; ties count half."""
    ordered = low.sort().values
    below = torch.searchsorted(ordered, high, right=False).double()
    upto = torch.searchsorted(ordered, high, right=True).double()
    return float((below + upto).mean() / (2 * len(low)))


@torch.no_grad()
def _logits(critic: Discriminator, x: Tensor) -> Tensor:
    return one_logit_a_sample(critic(x), len(x))


def _slope(critic: Discriminator, x: Tensor) -> float:
    return float(slope(critic, x).detach().flatten(1).norm(dim=1).mean())
