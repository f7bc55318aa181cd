"""What tests of laboratory games ask: the field as one vector, its spectrum, and a played trajectory."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.func import functional_call, grad, jacfwd

from pushforward import Draw, Game, Rule
from pushforward.field import Point, ownership
from pushforward.functional import FunctionalPlay
from pushforward.optimizers import SGD

TURN = Draw(0, (0, 0), 1)


def gradients(game: Game, point: Point) -> Point:
    """Every player's gradient at one point, by parameter, by transforms alone: an independent joint field."""
    found: Point = {}
    for player, own in ownership(game).items():

        def cost(mine: Point, player: str = player) -> Tensor:
            terms = functional_call(game, {**point, **mine}, ((player,), TURN))[player]
            return torch.stack(list(terms.values())).sum()

        found |= grad(cost)({key: point[key] for key in own})
    return found


def field_of(game: Game) -> Callable[[Tensor], Tensor]:
    """The joint field v as a function of one vector, parameters in the order of the players."""
    keys = [key for own in ownership(game).values() for key in own]
    sizes = [p.numel() for own in ownership(game).values() for p in own.values()]

    def field(z: Tensor) -> Tensor:
        found = gradients(game, dict(zip(keys, z.split(sizes), strict=True)))
        return torch.cat([found[key] for key in keys])

    return field


def at_equilibrium(game: Game) -> Tensor:
    """The known equilibrium as one vector."""
    known = game.equilibrium()  # type: ignore[operator]
    return torch.cat([known[key] for own in ownership(game).values() for key in own])


def spectrum(matrix: Tensor) -> Tensor:
    """Eigenvalues, the largest real part first."""
    return ordered(torch.linalg.eigvals(matrix))


def ordered(values: Tensor) -> Tensor:
    """Sorted by falling real and then falling imaginary part, equal up to rounding."""
    by_real = sorted(values.tolist(), key=lambda v: (-round(v.real, 7), -v.imag))
    return torch.tensor(by_real, dtype=torch.complex128)


def flow_spectrum(game: Game, at: Tensor | None = None) -> Tensor:
    """Eigenvalues of -Dv at a point, the equilibrium by default."""
    return spectrum(-jacfwd(field_of(game))(at_equilibrium(game) if at is None else at))


def named_spectrum(answers: Mapping[str, float]) -> Tensor:
    """The eigenvalues that a game says it has."""
    count = sum(key.startswith("eigenvalue-") for key in answers) // 2
    parts = [(answers[f"eigenvalue-{i}-real"], answers[f"eigenvalue-{i}-imaginary"]) for i in range(1, count + 1)]
    return ordered(torch.tensor([complex(*pair) for pair in parts], dtype=torch.complex128))


def close(found: Tensor, known: Tensor, tolerance: float = 1e-10) -> bool:
    """Whether two spectra agree."""
    return found.shape == known.shape and bool((found - known).abs().max() <= tolerance)


def play(game: Game, rule: Rule, step: float, rounds: int) -> Tensor:
    """The trajectory under plain descent, (rounds + 1, parameters), the start included."""
    executor = FunctionalPlay(game, rule, {name: SGD(step) for name in game.players})
    state = executor.start()
    keys = [key for own in executor.field.own.values() for key in own]
    path = [torch.cat([state.point[key] for key in keys])]
    for _ in range(rounds):
        state = executor.round(state, [TURN] * rule.turns(executor.field))
        path.append(torch.cat([state.point[key] for key in keys]).detach())
    return torch.stack(path)


def round_radius(game: Game, rule: Rule, step: float) -> float:
    """The spectral radius of one round at the equilibrium, of a rule that remembers nothing."""
    executor = FunctionalPlay(game, rule, {name: SGD(step) for name in game.players}, create_graph=True)
    start = executor.start()
    keys, z = list(start.point), at_equilibrium(game)
    sizes = [start.point[key].numel() for key in keys]

    def one_round(z: Tensor) -> Tensor:
        state = start._replace(point=dict(zip(keys, z.split(sizes), strict=True)))
        moved = executor.round(state, [TURN] * rule.turns(executor.field))
        return torch.cat([moved.point[key] for key in keys])

    jacobian = torch.autograd.functional.jacobian(one_round, z)
    return float(torch.linalg.eigvals(jacobian).abs().max())


def swept(game: Game, name: str, values: Tensor, z: Tensor) -> Tensor:
    """The field at one vector for many values of one argument at once, (values, parameters)."""
    before, field = getattr(game, name), field_of(game)

    def at(value: Tensor) -> Tensor:
        setattr(game, name, value)
        return field(z)

    try:
        return torch.func.vmap(at)(values)
    finally:
        setattr(game, name, before)
