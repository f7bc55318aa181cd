"""Competitive gradient descent: every player answers what the others are about to do."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, gmres
from torch import Tensor

from pushforward.field import Field, State
from pushforward.linear import Linear, Point
from pushforward.problem import RunFailed
from pushforward.rules.rule import Move, Rule

DENSE = 64  # up to so many numbers the system is solved as a matrix


class Competitive(Rule):
    r"""The step is the equilibrium of the game's local bilinear picture.

    .. math:: \theta \leftarrow \theta - h\, g, \qquad (I + J_{\text{off}} H)\, g = v

    J_off is the Jacobian of the field without each player's own Hessian, H holds the players' steps. Contracts the
    bilinear game at every step: radius 1 / sqrt(1 + (hc)^2). The system is solved to rounding.

    Reference: Schäfer, Anandkumar, "Competitive Gradient Descent", 2019, arXiv:1905.12103.
    """

    def turns(self, field: Field) -> int:
        """One."""
        return 1

    def round(self, field: Field, move: Move, state: State) -> State:
        """One step along the solution."""
        direction, jacobian = field.linearise(at=state.point)
        v = direction.gradients
        system = _System(field, jacobian, {key: move.lr(key) for key in v})
        size = sum(value.numel() for value in v.values())
        return move(direction.along(system.dense(v) if size <= DENSE else system.krylov(v)), state)


class _System:
    """I + J_off H, and its transpose, at one point."""

    def __init__(self, field: Field, jacobian: Linear, lr: dict[str, float]) -> None:
        self.jacobian, self.lr = jacobian, lr
        self.players = [list(own) for name, own in field.own.items() if name not in field.game.responders]

    def times(self, g: Point) -> Point:
        scaled = {key: self.lr[key] * value for key, value in g.items()}
        others = self._without_own(scaled, self.jacobian.times(scaled))
        return {key: g[key] + others[key] for key in g}

    def transposed(self, g: Point) -> Point:
        others = self._without_own(g, self.jacobian.transposed(g))
        return {key: g[key] + self.lr[key] * others[key] for key in g}

    def _without_own(self, u: Point, product: Point) -> Point:
        """A product with J less each player's own Hessian, which is symmetric."""
        product = dict(product)
        for own in self.players:
            hessian = self.jacobian.transposed({key: u[key] for key in own})
            for key in own:
                product[key] = product[key] - hessian[key]
        return product

    def dense(self, v: Point) -> Point:
        """By elimination."""
        flat = _flat(v)
        identity = torch.eye(flat.numel(), dtype=flat.dtype, device=flat.device)
        columns = [_flat(self.times(_pieces(unit, v))) for unit in identity]
        return _pieces(torch.linalg.solve(torch.stack(columns, 1), flat), v)

    def krylov(self, v: Point) -> Point:
        """By GMRES; differentiable where the field is, since the derivative of a solution is a solution again."""
        with torch.no_grad():
            found = _pieces(_Solved.apply(_flat(v), self, v), v)
        if not self.jacobian.create_graph:
            return found
        residual = _flat(v) - _flat(self.times(found))
        return _pieces(_flat(found) + _Solved.apply(residual, self, v), v)


class _Solved(torch.autograd.Function):
    """The system's inverse as a linear map: its derivative is the inverse of the transposed system."""

    @staticmethod
    def forward(ctx: object, flat: Tensor, system: _System, like: Point, transpose: bool = False) -> Tensor:
        ctx.saved = (system, like, transpose)  # type: ignore[attr-defined]
        return _gmres(system.transposed if transpose else system.times, flat, like)

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        system, like, transpose = ctx.saved  # type: ignore[attr-defined]
        return _Solved.apply(gradient, system, like, not transpose), None, None, None


def _gmres(times: Callable[[Point], Point], flat: Tensor, like: Point) -> Tensor:
    def matvec(x: np.ndarray) -> np.ndarray:
        u = torch.from_numpy(np.asarray(x).reshape(-1)).to(flat)
        return _flat(times(_pieces(u, like))).detach().double().cpu().numpy()

    size = flat.numel()
    b = flat.detach().double().cpu().numpy()
    tolerance = math.sqrt(torch.finfo(flat.dtype).eps) * 1e-2
    found, failed = gmres(LinearOperator((size, size), matvec, dtype=np.float64), b, rtol=tolerance, restart=40)
    if failed:
        raise RunFailed("rule competitive: the system of the players' answers could not be solved: take smaller steps")
    return torch.from_numpy(found).to(flat)


def _flat(point: Point) -> Tensor:
    return torch.cat([value.reshape(-1) for value in point.values()])


def _pieces(flat: Tensor, like: Point) -> Point:
    values = flat.split([value.numel() for value in like.values()])
    return {key: piece.view_as(value) for piece, (key, value) in zip(values, like.items(), strict=True)}
