"""What would make a game converge, each with its number: a smaller step, more damping, another rule."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from pushforward.builder import Built
from pushforward.contraction import state_at
from pushforward.functional import FunctionalPlay
from pushforward.linear import Point
from pushforward.plan import Planned
from pushforward.problem import RunFailed, UserError
from pushforward.randomness import Draw
from pushforward.registry import load
from pushforward.round_map import doubled, linearised_round, scales_of
from pushforward.rules.rule import Rule
from pushforward.spectrum import Doubled, Spectrum, operator_spectrum

SCALES = [10 ** (k / 4) for k in range(-12, 13)]  # a thousandth to a thousand times
CONTRACTS = 1 - 1e-7  # a radius below it contracts
REFERENCE = ("runge-kutta", "lookahead")  # the flow itself is no way to train; lookahead hides its inner rule


@dataclass(frozen=True)
class Remedy:
    """One change.

    Args:
        change: in words, with its number.
        overrides: what to put after `pushforward run RECIPE`.
        radius: by which factor a round is then predicted to shrink distances; None where that was not computed.
    """

    change: str
    overrides: tuple[str, ...]
    radius: float | None = None


class Prospect:
    """The radius of one round near a point, as it is and as it would be.

    Args:
        built: the recipe as objects; all of it is put back after every look.
        point: the equilibrium, or the point that stands for it.
        turn: the turn of data on which rounds are linearised.
        dense_below: with fewer numbers all eigenvalues are computed.
        tolerance: residual of the leading ones of larger games.
    """

    def __init__(
        self, built: Built, point: Point, turn: Callable[[int], Draw], dense_below: int = 300, tolerance: float = 1e-4
    ) -> None:
        self.built, self.play, self.point, self.turn = built, built.play, point, turn
        self.dense_below, self.tolerance = dense_below, tolerance
        self.optimizers = list({id(o): o for o in self.play.players_optimizers.values()}.values())
        self.memory = scales_of(built.play)

    def spectrum(self, rule: Rule | None = None, scale: float = 1.0) -> Spectrum | None:
        """Of one round, under another rule or with all steps scaled; None where it cannot be computed."""
        play, rule = self.play, rule or self.play.rule
        kept = [o.lr for o in self.optimizers]
        try:
            for optimizer, lr in zip(self.optimizers, kept, strict=True):
                optimizer.lr = lr * scale
            functional = FunctionalPlay(
                play.game, rule, play.players_optimizers, clip=play.clip, create_graph=True, project=play.project
            )
            state = doubled(state_at(play, self.point, functional)._replace(memory=self.memory))
            turns = [Doubled(self.turn(i)) for i in range(rule.turns(functional.field))]
            linear = linearised_round(functional, state, turns)
            return operator_spectrum(
                lambda rows: linear.block(rows).to(torch.float64),
                linear.size,
                "round",
                2,
                self.dense_below,
                self.tolerance,
                limit=120,
            )
        except (RunFailed, RuntimeError, TypeError):
            return None
        finally:
            for optimizer, lr in zip(self.optimizers, kept, strict=True):
                optimizer.lr = lr

    def radius(self, rule: Rule | None = None, scale: float = 1.0) -> float:
        """The largest modulus of a direction that moves; infinite where it cannot be computed, or nothing moves."""
        return _radius(self.spectrum(rule, scale))


def _radius(found: Spectrum | None) -> float:
    if found is None or not found.converged:
        return math.inf
    return math.inf if found.kind == "flat" else abs(found.leading)


def remedies(prospect: Prospect) -> list[Remedy]:
    """Changes after which a round contracts, the first one the best founded.

    Where the flow itself does not come nearer, more damping comes first, since no step helps descent there; then the
    largest stable step of the rule as it is; then other rules at this step, the fastest first.
    """
    return [*_damping(prospect), *_steps(prospect), *_rules(prospect)]


def largest_step(prospect: Prospect) -> float | None:
    """The share of the present steps up to which rounds contract; None where no step does."""

    def stable(scale: float) -> bool:
        return prospect.radius(scale=scale) < CONTRACTS

    low = next((scale for scale in reversed(SCALES) if stable(scale)), None)
    if low is None or low == SCALES[-1]:
        return low
    return _edge(stable, low, SCALES[SCALES.index(low) + 1])


def _steps(prospect: Prospect) -> list[Remedy]:
    largest = largest_step(prospect)
    if largest is None:
        return []
    numbers = _steps_of(prospect.built)
    edge = ", ".join(f"{path.removeprefix('model.optimizer.')} {lr * largest:.4g}" for path, lr in numbers)
    share = largest / 2
    overrides = tuple(f"{path}={lr * share:.3g}" for path, lr in numbers)
    radius = prospect.radius(scale=share)
    size = "smaller" if share < 1 else "larger"
    return [Remedy(f"a {size} step: this rule is stable up to {edge}; half of that", overrides, radius)]


def _steps_of(built: Built) -> list[tuple[str, float]]:
    """The paths of all step sizes, and their present values."""
    given = built.plan.model.argument("optimizer")
    if isinstance(given, dict):
        return [(f"model.optimizer.{name}.lr", built.made[f"model.optimizer.{name}"][0].lr) for name in given]
    return [("model.optimizer.lr", next(iter(built.play.players_optimizers.values())).lr)]


def _damping(prospect: Prospect) -> list[Remedy]:
    found = []
    for name, path, component, attribute in _dampers(prospect.built):
        remedy = _strength(prospect, name, path, component, attribute)
        if remedy is not None:
            found.append(remedy)
    return sorted(found, key=lambda remedy: remedy.radius if remedy.radius is not None else math.inf)


def _dampers(built: Built) -> Iterator[tuple[str, str, Any, str]]:
    """Every number that damps: the game's own, and the weights of its penalties."""
    game = built.play.game
    for name in game.dampers:
        yield name, f"model.{name}", game, name
    for index, penalty in enumerate(getattr(game, "penalties", [])):
        if isinstance(getattr(penalty, "weight", None), float):
            yield f"penalty {index}", f"model.penalties.{index}.weight", penalty, "weight"


def _strength(prospect: Prospect, name: str, path: str, component: Any, attribute: str) -> Remedy | None:
    with _put_back(component, attribute) as put:

        @functools.cache
        def spectrum(strength: float) -> Spectrum | None:
            put(strength)
            return prospect.spectrum()

        def radius(strength: float) -> float:
            return _radius(spectrum(strength))

        def still(strength: float) -> bool:
            found = spectrum(strength)
            return found is not None and not found.rotates

        radii = {strength: radius(strength) for strength in SCALES}
        stable = [strength for strength, value in radii.items() if value < CONTRACTS]
        if not stable:
            return None
        below = [s for s in SCALES if s < stable[0]]
        smallest = _edge(lambda s: radius(s) < CONTRACTS, stable[0], below[-1]) if below else stable[0]
        best = min(stable, key=radii.__getitem__)
        words = f"more damping: {name} contracts at this step from {smallest:.4g}"
        quiet = next((s for s in stable if still(s)), None)
        if quiet is not None:
            lower = [s for s in SCALES if smallest <= s < quiet]
            edge = _edge(still, quiet, lower[-1]) if lower else quiet
            words += f", without rotation from {edge:.4g}"
        return Remedy(f"{words}; fastest near {best:.3g}", (f"{path}={best:.3g}",), radii[best])


@contextmanager
def _put_back(component: Any, attribute: str) -> Iterator[Callable[[float], None]]:
    kept = getattr(component, attribute)
    try:
        yield lambda value: setattr(component, attribute, value)
    finally:
        setattr(component, attribute, kept)


def _rules(prospect: Prospect) -> list[Remedy]:
    found = []
    for name, rule in _other_rules(prospect.built):
        radius = prospect.radius(rule)
        if radius < CONTRACTS:
            found.append(Remedy(f"the rule {name} contracts at this step", (f"model.rule={name}",), radius))
    return sorted(found, key=lambda remedy: remedy.radius or 0.0)


def _other_rules(built: Built) -> Iterator[tuple[str, Rule]]:
    """Every registered rule that needs no arguments, but the one that was played."""
    planned = built.plan.model.argument("rule")
    played = planned.component.name if isinstance(planned, Planned) else "alternating"
    for entry in built.plan.registry.entries("rule"):
        name = entry.component.name
        if name == played or name in REFERENCE:
            continue
        try:
            make = load(entry.component.at)
            if all(p.default is not p.empty for p in inspect.signature(make).parameters.values()):
                yield name, make()
        except (UserError, TypeError, ValueError):  # a stranger's rule that cannot be made is none to propose
            continue


def _edge(holds: Callable[[float], bool], inside: float, outside: float, steps: int = 16) -> float:
    """The last value for which something holds, between one where it does and one where it does not."""
    for _ in range(steps):
        middle = math.sqrt(inside * outside)
        inside, outside = (middle, outside) if holds(middle) else (inside, middle)
    return inside


__all__: Sequence[str] = ("Prospect", "Remedy", "largest_step", "remedies")
