"""One round as a map from state to state, linearised: what a step does to every number that the next one depends on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pushforward.field import State
from pushforward.functional import FunctionalPlay
from pushforward.linear import Linear, Point
from pushforward.randomness import Draw


def linearised_round(play: FunctionalPlay, state: State, turns: Sequence[Draw]) -> Linear:
    """The Jacobian of one round at a state, with the rule's own memory, momenta and what the game remembers.

    Numbers are named ``point/..``, ``momentum/..``, ``rule/..`` and ``buffer/..``. What optimizers divide by (Adam's
    second moments) is held: it changes slowly, and at an equilibrium without noise it has no derivative.

    Args:
        play: a functional play with `create_graph`.
        state: where.
        turns: the round's turns.
    """
    leaves = {key: value.detach().clone().requires_grad_() for key, value in _numbers(play, state).items()}
    after = play.round(_with(state, leaves), turns)
    return Linear(leaves, _numbers(play, after))


def _numbers(play: FunctionalPlay, state: State) -> Point:
    found = {f"point/{key}": value for key, value in state.point.items()}
    for key, kept in state.memory.items():
        moving = play.optimizers[play.owner[key]].momenta
        found |= {f"momentum/{key}/{name}": kept[name] for name in moving if name in kept}
    found |= {f"rule/{key}": value for key, value in state.rule.items()}
    found |= {f"buffer/{key}": value for key, value in state.buffers.items()}
    return {key: value for key, value in found.items() if value.is_floating_point()}


def _with(state: State, numbers: Point) -> State:
    def pick(room: str, old: Point) -> Point:
        return {key: numbers.get(f"{room}/{key}", value) for key, value in old.items()}

    memory = {
        parameter: {name: numbers.get(f"momentum/{parameter}/{name}", value) for name, value in kept.items()}
        for parameter, kept in state.memory.items()
    }
    return State(pick("point", state.point), memory, pick("rule", state.rule), pick("buffer", state.buffers))


def flat(point: Point) -> Tensor:
    """All numbers in one vector, in their order."""
    return torch.cat([value.reshape(-1) for value in point.values()])
