"""One round as a map from state to state, linearised: what a step does to every number that the next one depends on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pushforward.field import State
from pushforward.functional import FunctionalPlay
from pushforward.linear import Linear, Point
from pushforward.play import Play
from pushforward.problem import RunFailed
from pushforward.randomness import Draw
from pushforward.spectrum import Doubled, Spectrum, operator_spectrum


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


def present(play: Play) -> State:
    """The state of a play as it stands, as a function of rounds takes it: what its optimizers remember included."""
    functional = play.functional()
    state = functional.start()
    memory: dict[str, Point] = {}
    for player, own in play.field.own.items():
        if player in play.game.responders:
            continue
        optimizer, kept = play.players_optimizers[player], play.torch_state(player)
        memory |= {key: optimizer.remembered(kept.get(parameter, {}), parameter) for key, parameter in own.items()}
    return State(state.point, memory, {key: value.clone() for key, value in play.state.rule.items()}, state.buffers)


def scales_of(play: Play) -> dict[str, Point]:
    """What optimizers remember now, at rest: their scales as they are, their momenta at zero."""
    return {
        key: {
            name: torch.zeros_like(v) if name in play.players_optimizers[play.owner[key]].momenta else v
            for name, v in kept.items()
        }
        for key, kept in present(play).memory.items()
    }


def round_spectrum(
    play: Play,
    turns: Sequence[Draw],
    at: State | None = None,
    wanted: int = 8,
    dense_below: int = 300,
    tolerance: float = 1e-8,
    limit: int = 400,
) -> Spectrum:
    """Eigenvalues of one round at a state: below 1 in modulus, what is near comes nearer.

    Args:
        play: the play; nothing of it changes.
        turns: the turns on which the round is played.
        at: the state; None means the present one.
        wanted: how many leading eigenvalues of a large game.
        dense_below: with fewer numbers, all eigenvalues are computed.
        tolerance: the residual at which an eigenvalue has converged.
        limit: products after which the iteration gives up and says so.

    Raises:
        RunFailed: if a number is not finite, or the round cannot be differentiated.
    """
    state = at or present(play)
    for key, value in state.point.items():
        if not bool(torch.isfinite(value).all()):
            raise RunFailed(f"no spectrum: parameter {key} is not finite at this point")
    functional = play.functional(create_graph=True)
    with torch.random.fork_rng():
        try:
            linear = linearised_round(functional, doubled(state), [Doubled(turn) for turn in turns])
        except RuntimeError:
            linear = linearised_round(functional, state, turns)

    def operator(rows: Tensor) -> Tensor:
        dtype = next(iter(linear.inputs.values())).dtype
        return linear.block(rows.to(dtype)).to(torch.float64)

    return operator_spectrum(operator, linear.size, "round", wanted, dense_below, tolerance, limit)


def doubled(state: State) -> State:
    """The state in float64."""

    def cast(value: Tensor) -> Tensor:
        return value.double() if value.is_floating_point() else value

    return State(*torch.utils._pytree.tree_map(cast, tuple(state)))
