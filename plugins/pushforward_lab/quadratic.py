"""Games whose field is linear: the bilinear, the strongly monotone, and any other matrix. Every rule is exact here."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from pushforward import Costs, Draw, UserError
from pushforward_lab.laboratory import LaboratoryGame, Numbers, start_at
from pushforward_lab.spiral import by_name

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")


class Pair(LaboratoryGame):
    """Abstract: two players with n numbers each and their equilibrium at 0.

    Args:
        n: numbers of each player.
        start: where they begin, the first player's n numbers and then the second's; None draws them at random.

    Raises:
        UserError: if n is below one, or `start` has not 2 n numbers.
    """

    def __init__(self, n: int = 1, start: list[float] | None = None) -> None:
        super().__init__()
        if n < 1:
            raise UserError(f"n is {n}: expected at least 1")
        self.n, self.start = n, start
        x, y = start_at(start, 2 * n, "start").split(n)
        self.first, self.second = Numbers(x), Numbers(y)

    @property
    def players(self) -> dict[str, nn.Module]:
        """The first moves first."""
        return {"first": self.first, "second": self.second}

    def equilibrium(self) -> dict[str, Tensor]:
        """Both at 0."""
        return {f"{name}.value": torch.zeros(self.n, dtype=torch.float64) for name in self.players}


class Bilinear(Pair):
    r"""The game that only rotates.

    .. math:: \min_x \max_y\; c\, x \cdot y

    The first test of a rule: simultaneous descent leaves with radius sqrt(1 + h^2 c^2) at every step h, alternating
    descent circles up to h = 2 / |c|, and extragradient converges below h = 1 / |c|.

    Reference: Gidel, Berard, Vignoud, Vincent, Lacoste-Julien, "A Variational Inequality Perspective on Generative
    Adversarial Networks", 2018, arXiv:1802.10551.

    Args:
        c: the coupling.
        n: numbers of each player.
        start: where they begin, x and then y; None draws them at random.

    Raises:
        UserError: if c is 0 or not finite, n is below one, or `start` has not 2 n numbers.
    """

    def __init__(self, c: float = 1.0, n: int = 1, start: list[float] | None = None) -> None:
        super().__init__(n, start)
        self.c = _coupling(c)

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """c x.y and its negative."""
        value = self.c * (self.first.value * self.second.value).sum()
        return {name: {"coupling": value if name == "first" else -value} for name in names}

    def answers(self) -> dict[str, float]:
        """The pair +- i c (n times), and the step up to which alternating descent circles."""
        return {
            **by_name([1j * self.c, -1j * self.c]),
            "largest-step-simultaneous": 0.0,
            "neutral-step-alternating": 2 / abs(self.c),
            "largest-step-extragradient": 1 / abs(self.c),
        }


class StronglyMonotone(Pair):
    r"""The bilinear game with a pull towards the middle: every rule converges at a small step.

    .. math:: c_1 = \tfrac m2 \|x\|^2 + c\, x \cdot y, \qquad c_2 = \tfrac m2 \|y\|^2 - c\, x \cdot y

    The second test of a rule. The field matrix is [[m, c], [-c, m]].

    Reference: Gidel, Berard, Vignoud, Vincent, Lacoste-Julien, "A Variational Inequality Perspective on Generative
    Adversarial Networks", 2018, arXiv:1802.10551.

    Args:
        m: the strength of the pull.
        c: the coupling.
        n: numbers of each player.
        start: where they begin, x and then y; None draws them at random.

    Raises:
        UserError: if m is not above 0, c is 0 or not finite, n is below one, or `start` has not 2 n numbers.
    """

    def __init__(self, m: float = 1.0, c: float = 1.0, n: int = 1, start: list[float] | None = None) -> None:
        super().__init__(n, start)
        if not 0 < m < math.inf:
            raise UserError(f"m is {m}: expected a finite number above 0")
        self.m, self.c = m, _coupling(c)

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """Pull and coupling."""
        value = self.c * (self.first.value * self.second.value).sum()
        signed = {"first": value, "second": -value}
        own = {"first": self.first.value, "second": self.second.value}
        return {name: {"pull": self.m / 2 * (own[name] ** 2).sum(), "coupling": signed[name]} for name in names}

    def answers(self) -> dict[str, float]:
        """The pair -m +- i c (n times), and the largest stable steps of plain descent, the same for both."""
        m, c = self.m, abs(self.c)
        return {
            **by_name([complex(-m, c), complex(-m, -c)]),
            "largest-step-simultaneous": 2 * m / (m**2 + c**2),
            "largest-step-alternating": 2 / (m + c),
        }


class QuadraticGame(LaboratoryGame):
    r"""The game with a given linear field.

    .. math:: v(z) = M z, \qquad c_i = \tfrac12\, x_i^\top M_{ii} x_i + x_i^\top \sum_{j \ne i} M_{ij} x_j

    To see what a rule does to any spectrum, such as the mixed game [[1, 1], [-1, 0]], in which only the first player
    is pulled to the middle.

    Reference: Letcher, Balduzzi, Racaniere, Martens, Foerster, Tuyls, Graepel, "Differentiable Game Mechanics", 2019,
    arXiv:1905.04926.

    Args:
        matrix: the field matrix M, row by row.
        sizes: how many numbers each player has, in order; None means one each.
        start: where they begin, player by player; None draws the numbers at random.

    Raises:
        UserError: if the matrix is not square and finite, the sizes do not sum to its rows, there are more than six
            players, or a player's own block is not symmetric (no cost has such a gradient).
    """

    def __init__(
        self,
        matrix: list[list[float]] = [[1.0, 1.0], [-1.0, 0.0]],  # noqa: B006
        sizes: list[int] | None = None,
        start: list[float] | None = None,
    ) -> None:
        super().__init__()
        rows = len(matrix)
        if not rows or any(len(row) != rows for row in matrix) or not all(math.isfinite(x) for r in matrix for x in r):
            raise UserError(f"matrix has rows of {[len(r) for r in matrix]} numbers: expected a square of finite ones")
        counts = [1] * rows if sizes is None else list(sizes)
        if sum(counts) != rows or min(counts) < 1 or len(counts) > len(ORDINALS):
            raise UserError(f"sizes {counts}: expected at most {len(ORDINALS)} positive numbers that sum to {rows}")
        self.matrix, self.sizes, self.start = matrix, sizes, start
        self._names = ORDINALS[: len(counts)]
        self._rows = dict(zip(self._names, _blocks(counts), strict=True))
        full = self._matrix()
        for name, own in self._rows.items():
            if not torch.equal(full[own, own], full[own, own].T):
                raise UserError(f"the block of player {name!r} is not symmetric, so no cost has it: make it so")
        for name, value in zip(self._names, start_at(start, rows, "start").split(counts), strict=True):
            self.add_module(name, Numbers(value))

    @property
    def players(self) -> dict[str, nn.Module]:
        """In the order of the rows."""
        return {name: self.get_submodule(name) for name in self._names}

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """Each player's own rows of the matrix."""
        z = self._z()
        matrix = self._matrix().to(z.device)
        costs: Costs = {}
        for name in names:
            own = self._rows[name]
            x, pull = z[own], matrix[own, own] @ z[own]
            costs[name] = {"own": x @ pull / 2, "coupling": x @ (matrix[own] @ z - pull)}
        return costs

    def equilibrium(self) -> dict[str, Tensor]:
        """0 where the matrix is regular; else the nearest point of its null space."""
        z, matrix = self._z().detach(), self._matrix()
        nearest = z - torch.linalg.pinv(matrix) @ (matrix @ z)
        return {f"{name}.value": nearest[own] for name, own in self._rows.items()}

    def answers(self) -> dict[str, float]:
        """Eigenvalues of the flow -M z."""
        return by_name(torch.linalg.eigvals(-self._matrix()).tolist())

    def _z(self) -> Tensor:
        return torch.cat([module.value for module in self.players.values()])  # type: ignore[misc]

    def _matrix(self) -> Tensor:
        return torch.tensor(self.matrix, dtype=torch.float64)


def _blocks(sizes: list[int]) -> list[slice]:
    """The rows of each player."""
    ends = torch.tensor(sizes).cumsum(0).tolist()
    return [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]


def _coupling(c: float) -> float:
    if not math.isfinite(c) or c == 0:
        raise UserError(f"c is {c}: expected a finite number other than 0")
    return c
