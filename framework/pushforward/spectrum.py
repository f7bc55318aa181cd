"""The spectrum of a game: which eigenvalues decide whether play converges, turns or runs away, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pushforward.field import Field
from pushforward.game import Game
from pushforward.linear import Linear, Point
from pushforward.numerics.krylov import Leading, Operator, leading
from pushforward.problem import RunFailed
from pushforward.randomness import Draw

FLAT = 1e-6  # share of the largest modulus (round: distance from 1) below which a direction does not move
NEUTRAL = 1e-6  # share of its own modulus below which a real or imaginary part counts as zero
SINGLE = 1e-3  # the same two where the game can only be linearised in float32


@dataclass(frozen=True)
class Spectrum:
    r"""Eigenvalues at a point, those that decide first.

    Of the field: of :math:`-Dv`, so that the flow :math:`z' = -v(z)` is stable where real parts are negative. Of a
    round: of the map from one state to the next, stable where moduli are below one.

    Args:
        eigenvalues: the least stable first; of a large game only the leading ones.
        residuals: |A u - l u| / |u| of each.
        converged: whether every residual is small enough.
        dimension: how many eigenvalues there are in all.
        exact: whether all of them are here, from the matrix itself.
        of: the field or the round.
        double: whether the game was linearised in float64.
        products: how many products with the Jacobian it took.
        decisive: whether the least stable ones are among them; if not, no point is called stable.
    """

    eigenvalues: list[complex]
    residuals: list[float]
    converged: bool
    dimension: int
    exact: bool
    of: Literal["field", "round"] = "field"
    double: bool = True
    products: int = 0
    decisive: bool = True

    @property
    def flat(self) -> int:
        """How many directions do not move at all: along a manifold of equilibria, or a symmetry of the game."""
        return len(self.eigenvalues) - len(self._sharp)

    @property
    def leading(self) -> complex:
        """The least stable eigenvalue: largest real part of the field, largest modulus of a round; flat ones aside."""
        candidates = [value for value, _ in self._sharp] or self.eigenvalues
        return max(candidates, key=lambda value: value.real if self.of == "field" else abs(value))

    @property
    def rotates(self) -> bool:
        """Whether some direction that moves turns."""
        return any(abs(value.imag) > self._neutral * abs(value) for value, _ in self._sharp)

    @property
    def kind(self) -> str:
        """The class of the point.

        Field: node or spiral (stable), centre, saddle, source (all unstable), unstable (only unstable ones are known),
        flat (nothing moves). Round: contracting, contracting with rotation, neutral, expanding, flat. Undecided where
        an eigenvalue that has not converged, or was not looked for, could change the answer. Flat directions decide
        nothing.
        """
        signs = {self._side(value, residual) for value, residual in self._sharp}
        if not (self.converged and self.decisive) and "unstable" not in signs:
            return "undecided"
        if not signs:
            return "flat"
        if self.of == "round":
            if "unstable" in signs:
                return "expanding"
            if "neutral" in signs:
                return "neutral"
            return "contracting with rotation" if self.rotates else "contracting"
        if "unstable" in signs:
            return "saddle" if "stable" in signs else "source" if self.exact and signs == {"unstable"} else "unstable"
        if "neutral" in signs:
            return "centre"
        return "spiral" if self.rotates else "node"

    @property
    def _neutral(self) -> float:
        return NEUTRAL if self.double else SINGLE

    @property
    def _sharp(self) -> list[tuple[complex, float]]:
        """The directions that move."""
        pairs = list(zip(self.eigenvalues, self.residuals, strict=True))
        share = FLAT if self.double else SINGLE
        if self.of == "round":
            return [pair for pair in pairs if abs(pair[0] - 1) > share]
        largest = max((abs(value) for value in self.eigenvalues), default=0.0)
        return [pair for pair in pairs if abs(pair[0]) > share * largest]

    def _side(self, value: complex, residual: float) -> Literal["stable", "neutral", "unstable"]:
        growth = value.real if self.of == "field" else abs(value) - 1
        if abs(growth) <= max(self._neutral * abs(value), residual):
            return "neutral"
        return "unstable" if growth > 0 else "stable"


def field_spectrum(
    game: Game,
    draw: Draw,
    at: Point | None = None,
    wanted: int = 8,
    which: Literal["both", "real", "modulus"] = "both",
    dense_below: int = 300,
    tolerance: float = 1e-8,
    limit: int = 1000,
    seed: int = 0,
) -> Spectrum:
    """Eigenvalues of the joint field of a game, on one turn of data; nothing of the game changes.

    Args:
        game: the game.
        draw: the turn: its data and noise.
        at: parameters by name; those left out, or None, are as the game has them.
        wanted: how many leading eigenvalues of a large game.
        which: of a large game the least stable ones, those of largest modulus (the stiffest), or both.
        dense_below: with fewer parameters, all eigenvalues are computed.
        tolerance: the residual at which an eigenvalue has converged, as in `leading`.
        limit: products for each kind after which the iteration gives up and says so.
        seed: of the iteration's start.

    Raises:
        RunFailed: if a parameter or gradient is not finite, a player's cost does not depend on its parameters, no
            player follows a gradient, or the game cannot be differentiated twice.
    """
    linear, double = linearised(game, draw, at)
    kinds: list[Literal["real", "modulus"]] = ["real", "modulus"] if which == "both" else [which]
    exact = linear.size < dense_below
    if exact:
        kinds, wanted = kinds[:1], linear.size
    if not double:
        tolerance = max(tolerance, 1e-4)
    dtype = next(iter(linear.inputs.values())).dtype

    def descent(rows: Tensor) -> Tensor:
        together = len(rows) if exact else 1  # large batches of data leave nothing to gain from more vectors at once
        return -torch.cat([linear.block(part.to(dtype)) for part in rows.split(together)]).to(torch.float64)

    found = [leading(descent, linear.size, wanted, kind, tolerance=tolerance, limit=limit, seed=seed) for kind in kinds]
    return _joined(found, linear.size, "field", double, exact or "real" in kinds)


def operator_spectrum(
    operator: Operator,
    size: int,
    of: Literal["field", "round"],
    wanted: int = 8,
    dense_below: int = 300,
    tolerance: float = 1e-8,
    limit: int = 1000,
    seed: int = 0,
) -> Spectrum:
    """The same of a linear map that is already known by its products: rows (k, size) to (k, size), float64."""
    which: Literal["real", "modulus"] = "real" if of == "field" else "modulus"
    wanted = size if size < dense_below else wanted
    return _joined([leading(operator, size, wanted, which, tolerance=tolerance, limit=limit, seed=seed)], size, of)


def linearised(game: Game, draw: Draw, at: Point | None = None) -> tuple[Linear, bool]:
    """The Jacobian of a game's field in the parameters of the players that follow gradients, and whether in float64.

    Parameters, buffers, data and noise are the game's own numbers, converted to float64. A game that cannot take
    them so (it keeps float32 tensors that are no buffers) is linearised in its own type.
    """
    field = Field(game)
    own = {k: p for player, own in field.own.items() if player not in game.responders for k, p in own.items()}
    point = {**own, **{key: value for key, value in (at or {}).items() if key in own}}
    if not own:
        raise RunFailed("no spectrum: no player of this game follows a gradient")
    for key, value in point.items():
        if not bool(torch.isfinite(value).all()):
            raise RunFailed(f"no spectrum: parameter {key} is not finite at this point")
    try:
        return _linear(field, Doubled(draw), at, torch.float64), True
    except RuntimeError:
        types = {value.dtype for value in point.values()}
    try:
        return _linear(field, draw, at, None), types == {torch.float64}
    except RuntimeError as problem:
        first = str(problem).splitlines()[0]
        raise RunFailed(f"no spectrum: the field of this game cannot be differentiated: {first}") from problem


def _linear(field: Field, draw: Draw, at: Point | None, dtype: torch.dtype | None) -> Linear:
    game = field.game
    held = {**dict(game.named_parameters()), **dict(game.named_buffers()), **(at or {})}
    copies = {key: _cast(value.detach().clone(), dtype) for key, value in held.items()}
    field.buffers = {key: value for key, value in copies.items() if key not in field.live}
    field.deal([draw])
    with torch.random.fork_rng():  # a network's own noise, dropout, is drawn once and gives nothing away
        torch.manual_seed(draw.seed)
        direction, whole = field.linearise(at={key: copies[key] for key in field.live})
    for key, gradient in direction.gradients.items():
        if not bool(torch.isfinite(gradient).all()):
            raise RunFailed(f"no spectrum: the gradient of {key} is not finite at this point")
    linear = Linear({key: whole.inputs[key] for key in whole.outputs}, whole.outputs)
    linear.times({})  # builds what every product reuses, and says now if it cannot
    return linear


def _joined(
    found: list[Leading], size: int, of: Literal["field", "round"], double: bool = True, decisive: bool = True
) -> Spectrum:
    """One spectrum of several searches; an eigenvalue that two of them found is there once."""
    pairs = list(zip(found[0].values, found[0].residuals, strict=True))
    largest = max(abs(value) for search in found for value in search.values)
    for search in found[1:]:
        known = [value for value, _ in pairs]
        for value, residual in zip(search.values, search.residuals, strict=True):
            same = [other for other in known if abs(other - value) <= FLAT * largest]
            if same:
                known.remove(min(same, key=lambda other: abs(other - value)))
            else:
                pairs.append((value, residual))
    pairs.sort(key=lambda pair: -(pair[0].real if of == "field" else abs(pair[0])))
    return Spectrum(
        eigenvalues=[value for value, _ in pairs],
        residuals=[residual for _, residual in pairs],
        converged=all(all(search.converged) for search in found),
        dimension=size,
        exact=len(found[0].values) == size,
        of=of,
        double=double,
        products=sum(search.products for search in found),
        decisive=decisive,
    )


class Doubled(Draw):
    """A draw whose numbers are another's, in float64: noise drawn in float64 would be other noise."""

    def __init__(self, draw: Draw) -> None:
        x = None if draw.x is None else _cast(draw.x, torch.float64)
        super().__init__(
            draw.seed, draw.key, draw.total, draw.rows, draw.position, x, draw.labels, draw.device, torch.float64
        )
        self.original = draw

    def normal(self, name: str, *shape: int) -> Tensor:
        """The other's normal numbers."""
        return self.original.normal(name, *shape).double()

    def uniform(self, name: str, *shape: int) -> Tensor:
        """The other's uniform numbers."""
        return self.original.uniform(name, *shape).double()

    def with_data(self, x: Tensor | None, labels: Tensor | None = None) -> Draw:
        """The other with these data."""
        return Doubled(self.original.with_data(x, labels))

    def _slice(self, first: int, last: int) -> Draw:
        return Doubled(self.original._slice(first, last))


def _cast(value: Tensor, dtype: torch.dtype | None) -> Tensor:
    return value if dtype is None or not value.is_floating_point() else value.to(dtype)
