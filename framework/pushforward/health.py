"""How a critic is: whether it still has anything to say, whether it only knows its training data, what it follows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from pushforward.builder import Built
from pushforward.game import OBSERVED
from pushforward.measures.coverage import ModeCoverage
from pushforward.play import Play
from pushforward.problem import UserError
from pushforward.randomness import Draw
from pushforward.roles.adversarial import one_logit_a_sample, slope
from pushforward.roles.discriminator import Discriminator
from pushforward.roles.target import Batch

LOOKED_AT = 1000  # samples of each kind ...
NUMBERS = 2**18  # ... but of large images no more than hold so many numbers ...
FEWEST = 4  # ... or so many images ...
LARGE = 2**12  # ... and of those with more numbers than this no more than a move sees, for which memory was planned
WINS = 0.995  # share of pairs a saturated critic tells apart ...
GAP = 10.0  # ... by so many nats on average: the logistic losses then have a slope below exp(-5)
MEMORISED = 0.6  # share of pairs in which an overfitting critic prefers training data to held-out ones ...
SURE = 4.0  # ... surely, by so many standard errors
A_MODE = 30  # samples of a mode that its coverage needs


def critic_health(built: Built) -> dict[str, Any]:
    """Logits and slopes of the first discriminator on training, held-out and generated data; nothing without one.

    Keys: `accuracy`, the share of pairs (real, generated) told apart; `gap`, their mean difference, and
    `gap-training`, that of training data; `slope-real` and `slope-fake`, the mean norms of the gradient in x;
    `memorised`, the share of pairs (training, held-out) in which training data look more real, with
    `memorised-error`; `saturated` and `overfitting`.
    """
    play, target = built.play, built.target
    critic = next((m for m in play.game.players.values() if isinstance(m, Discriminator)), None)
    if critic is None or "sample" not in built.plan.model.gives:
        return {}
    n = looked_at(built)
    draw = Draw(play.seed, ("health",), n, device=play.device)
    training = play.game.training
    play.game.eval()
    try:
        with torch.random.fork_rng(devices=[]), play.averaged(), torch.no_grad():
            held_out = _to(play, target.held_out("validation", n))
            own = _to(play, target.batch(draw)) if target.size("train") is not None else None
            classes = held_out.labels if critic.conditional else None
            count = len(held_out.x)
            noise = Draw(play.seed, ("health",), count, device=play.device)
            fake = Batch(play.game.sample(count, noise, classes), held_out.labels)
            (on_real, slope_real), (on_fake, slope_fake) = _judged(critic, held_out), _judged(critic, fake)
            found = _compared(on_real, on_fake) | {"slope-real": slope_real, "slope-fake": slope_fake}
            if own is not None:
                found |= _memorised(_logits(critic, own), on_real, on_fake)
    finally:
        play.game.train(training)
    return found


def gradient_shares(built: Built, costs: Iterable[str] | None = None) -> dict[str, float]:
    r"""How much each term has in its player's gradient, by ``<player>/<term>``, on one turn.

    .. math:: |\nabla c_t| / \sum_s |\nabla c_s|

    Of games with a discriminator, for players whose cost has several terms. Shares far from what strengths suggest
    tell that a penalty rules, or does nothing. `costs`, the names ``cost/<player>/<term>`` of the ledger, spare the
    players that are known to have one term.
    """
    play = built.play
    if not any(isinstance(m, Discriminator) for m in play.game.players.values()):
        return {}
    single = {player for player, terms in _terms_of(costs or ()).items() if terms == 1}
    n = min(looked_at(built), _in_a_move(built))  # penalties on slopes go back twice ...
    if math.prod(built.target.shape) > LARGE:
        n = max(n // 2, 1)  # ... and every term once more than in a move, along a graph that is kept
    draw = Draw(play.seed, ("health", "shares"), n, device=play.device)
    if play.game.needs_data:
        draw = draw.with_data(*built.target.batch(draw))
    found: dict[str, float] = {}
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        for player, own in play.field.own.items():
            if player not in play.game.responders and player not in single:
                found |= {
                    f"{player}/{t}": share for t, share in _shares(play, player, list(own.values()), draw).items()
                }
    return found


def watched(built: Built, costs: Iterable[str] | None = None) -> dict[str, float]:
    """What is logged at every report, under ``health/``: slopes, gaps, shares (of these `costs`) and coverage."""
    critic = critic_health(built)
    names = {"slope-real": "slope/real", "slope-fake": "slope/generated", "gap": "gap/held-out"}
    names |= {"gap-training": "gap/training"}
    values = {new: float(critic[old]) for old, new in names.items() if old in critic}
    values |= {f"share/{name}": share for name, share in gradient_shares(built, costs).items()}
    if critic and "mode-coverage" not in built.measures:
        values |= _coverage(built)
    return {f"health/{name}": value for name, value in values.items()}


def looked_at(built: Built) -> int:
    """How many samples are looked at: fewer of large images."""
    numbers = max(math.prod(built.target.shape), 1)
    most = LOOKED_AT if numbers <= LARGE else _in_a_move(built)
    return min(most, max(NUMBERS // numbers, FEWEST))


def _in_a_move(built: Built) -> int:
    """The samples whose cost is computed at once."""
    return int(built.plan.value("batch") or 1) // int(built.plan.value("accumulate"))


def _terms_of(costs: Iterable[str]) -> Counter[str]:
    """How many terms each player's cost has."""
    return Counter(player for kind, player, *_ in (name.split("/") for name in costs) if kind == "cost")


def _to(play: Play, batch: Batch) -> Batch:
    return Batch(batch.x.to(play.device), None if batch.labels is None else batch.labels.to(play.device))


def _shares(play: Play, player: str, own: list[Tensor], draw: Draw) -> dict[str, float]:
    """Of one player's terms; nothing where there is only one."""
    costs = play.game([player], draw).get(player, {})
    terms = {name: value for name, value in costs.items() if not name.startswith(OBSERVED) and value.requires_grad}
    if len(terms) < 2:
        return {}
    norms: dict[str, float] = {}
    for name, value in terms.items():
        gradient = torch.autograd.grad(value, own, retain_graph=True, allow_unused=True)
        norms[name] = math.sqrt(sum(float(g.square().sum()) for g in gradient if g is not None))
    whole = sum(norms.values())
    return {name: norm / whole for name, norm in norms.items()} if whole > 0 and math.isfinite(whole) else {}


def _coverage(built: Built) -> dict[str, float]:
    """The share of modes, and of samples near one, where the target knows its modes and they are few."""
    modes = built.target.modes
    if modes is None or built.target.mode_scale is None or A_MODE * len(modes) > LOOKED_AT:
        return {}
    play, measure = built.play, ModeCoverage()
    with torch.random.fork_rng(devices=[]), play.averaged(), torch.no_grad():
        measure.update(play.game.sample(LOOKED_AT, Draw(play.seed, ("health",), LOOKED_AT)), built.target)
    try:
        found = measure.compute()
    except UserError:
        return {}
    return {"coverage/modes": found["value"], "coverage/quality": found["quality"]}


def _compared(real: Tensor, fake: Tensor) -> dict[str, Any]:
    accuracy, gap = _ahead(real, fake), float(real.mean() - fake.mean())
    return {"accuracy": accuracy, "gap": gap, "saturated": accuracy > WINS and gap > GAP}


def _memorised(training: Tensor, held_out: Tensor, fake: Tensor) -> dict[str, Any]:
    share = _ahead(training, held_out)
    n, m = len(training), len(held_out)
    error = math.sqrt((n + m + 1) / (12 * n * m))  # of the share if both were alike: Mann and Whitney
    return {
        "gap-training": float(training.mean() - fake.mean()),
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


def _condition(critic: Discriminator, batch: Batch) -> Tensor | None:
    return batch.labels if critic.conditional else None


@torch.no_grad()
def _logits(critic: Discriminator, batch: Batch) -> Tensor:
    return one_logit_a_sample(critic(batch.x, _condition(critic, batch)), len(batch.x))


def _judged(critic: Discriminator, batch: Batch) -> tuple[Tensor, float]:
    """Logits, and the mean norm of their slopes; of a critic that averages over places, of its mean logit."""
    logits: list[Tensor] = []

    def logit(x: Tensor) -> Tensor:
        logits.append(one_logit_a_sample(critic(x, _condition(critic, batch)), len(x)))
        return logits[0]

    norms = slope(logit, batch.x).detach().flatten(1).norm(dim=1)
    return logits[0].detach(), float(norms.mean())
