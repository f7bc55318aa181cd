"""What theory advises a game with a critic, where no spectrum was taken: every cause of rotation, removed."""

from __future__ import annotations

from typing import Any

import torch

from pushforward.builder import Built
from pushforward.optimizers import Adam
from pushforward.plan import Planned
from pushforward.remedies import Remedy
from pushforward.rules.turns import Simultaneous

DAMPING = 0.1  # strength of R1 for data of unit variance: see `advise`
ILL = ("diverging", "cycling", "critic saturated", "collapsed", "overfitting", "stuck")


def advise(built: Built, state: str) -> Remedy | None:
    r"""The changes that take a game with a critic back to what is proved to converge locally.

    A critic without a penalty on its slope turns for ever (the Jacobian's lower block vanishes); momentum feeds
    rotation; moving all players at once makes every rotation grow; and while steps are constant the noise of batches
    remains. Where none of this is amiss a quarter of the step is advised, and where the critic overfits four times the
    penalty. The strength of R1 scales with the data,

    .. math:: \gamma = 0.1\, \operatorname{tr} \operatorname{Cov}(x) / d,

    since (gamma/2) E|grad D|^2 has to weigh the same when data are measured in another unit.

    Reference: Mescheder, Geiger, Nowozin, "Which Training Methods for GANs do actually Converge?", 2018,
    arXiv:1801.04406, theorem 4.1; Gidel et al., "Negative Momentum for Improved Game Dynamics", 2018, arXiv:1807.04740.
    """
    if state not in ILL:
        return None
    if state == "overfitting":
        words, overrides = _penalty(built) or _stronger(built)
        return Remedy(words, tuple(overrides)) if words else None
    found = [change for change in (_penalty(built), _momentum(built), _rule(built)) if change is not None]
    found += [change for change in [_step(built, 1.0 if found else 0.25)] if change is not None]
    return Remedy("; ".join(words for words, _ in found), tuple(o for _, overrides in found for o in overrides))


Change = tuple[str, list[str]]


def _penalty(built: Built) -> Change | None:
    """R1 where the critic's slope on data has no zero-centred penalty."""
    penalties = getattr(built.play.game, "penalties", None)
    if penalties is None:
        return None
    planned = built.plan.model.argument("penalties") or []
    strength = DAMPING * spread(built)
    for index, item in enumerate(p for p in planned if isinstance(p, Planned)):
        name, path = item.component.name, f"model.penalties.{index}"
        if name == "lazy":
            inner = item.argument("penalty")
            name, path = inner.component.name if isinstance(inner, Planned) else "r1", f"{path}.penalty"
        if name in ("r1", "r2", "approximate-r1", "approximate-r2", "zero-centred"):
            if float(penalties[index].weight) > 0:
                return None
            return f"give {name} the weight {strength:.2g}", [f"{path}.weight={strength:.2g}"]
    kept = [show(p) for p in planned]
    words = f"add the penalty r1 with the weight {strength:.2g}: without it the critic is not damped and play rotates"
    return words, [f"model.penalties=[{', '.join([*kept, f'{{use: r1, weight: {strength:.2g}}}'])}]"]


def _stronger(built: Built) -> Change:
    """Four times the penalty on the critic's slope: a flat critic cannot know its data one by one."""
    penalties = getattr(built.play.game, "penalties", None) or []
    weights = [(f"model.penalties.{i}.weight", 4 * float(penalty.weight)) for i, penalty in enumerate(penalties)]
    text = ", ".join(f"{weight:.3g}" for _, weight in weights)
    words = f"make penalties four times as strong, {text}: a flatter critic cannot know its data one by one"
    return (words if weights else ""), [f"{path}={weight:.3g}" for path, weight in weights]


def _momentum(built: Built) -> Change | None:
    """No momentum: it feeds rotation."""
    overrides = []
    for path, optimizer in optimizer_paths(built):
        if isinstance(optimizer, Adam) and optimizer.betas[0] > 0:
            overrides.append(f"{path}.betas=[0.0,{optimizer.betas[1]:g}]")
        if getattr(optimizer, "momentum", 0.0) > 0:
            overrides.append(f"{path}.momentum=0.0")
    return ("take the momentum out: it feeds rotation", overrides) if overrides else None


def _rule(built: Built) -> Change | None:
    """In turn instead of at once."""
    if type(built.play.rule) is not Simultaneous or len(built.play.field.players) < 2:
        return None
    return "let players move in turn: at once, every rotation grows", ["model.rule=alternating"]


def _step(built: Built, share: float) -> Change | None:
    """A smaller step where nothing else is amiss; and one that falls to nothing, or the noise of batches remains."""
    with built.play.as_begun():
        steps = [(f"{path}.lr", optimizer, optimizer.lr * share) for path, optimizer in optimizer_paths(built)]
    scheduled = {id(component) for component, name, _ in built.play.schedules if name == "lr"}
    words = [f"take a quarter of the step, {', '.join(f'{lr:.3g}' for _, _, lr in steps)}"] if share < 1 else []
    if any(id(optimizer) not in scheduled for _, optimizer, _ in steps):
        words.append("let the step fall to 0 over the run, so that the noise of batches dies out")
    if not words:
        return None
    return " and ".join(words), [f"{path}={{use: cosine, from: {lr:.3g}, to: 0}}" for path, _, lr in steps]


def optimizer_paths(built: Built) -> list[tuple[str, Any]]:
    """Every optimizer of a recipe with its path."""
    given = built.plan.model.argument("optimizer")
    if isinstance(given, dict):
        return [(f"model.optimizer.{name}", built.made[f"model.optimizer.{name}"][0]) for name in given]
    return [("model.optimizer", next(iter(built.play.players_optimizers.values())))]


def spread(built: Built) -> float:
    """The variance of a coordinate of the data, over held-out rows."""
    x = built.target.held_out("validation", 1000).x.flatten(1).double()
    return float(x.var(0).mean()) if bool(torch.isfinite(x).all()) and len(x) > 1 else 1.0


def show(planned: Planned) -> str:
    """A component as an override writes it."""
    given = ", ".join(f"{key}: {value}" for key, value in planned.own.arguments.items())
    return f"{{use: {planned.component.name}{', ' if given else ''}{given}}}"
