"""Leading eigenvalues of a large real matrix that is known only by its products: block Krylov-Schur, thickly restarted.

The matrix A meets a growing orthonormal basis V in which it is small: A V = V B + W C, with W the next block. The
eigenvalues of B stand for those of A; a pair (l, V y) leaves the residual |C y|, so what has not converged is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.linalg
import torch
from torch import Tensor

from pushforward.problem import RunFailed, UserError

Operator = Callable[[Tensor], Tensor]  # (k, N) float64 to (k, N): the matrix applied to each row
Which = Literal["modulus", "real"]

NEGLIGIBLE = 1e-3  # below this share of the largest modulus an eigenvalue is judged against the largest, not itself
CHUNK = 32  # vectors at a time where a matrix is written out


@dataclass(frozen=True)
class Leading:
    """Some eigenvalues of a matrix, the leading one first, each with what is known of its error.

    Args:
        values: the eigenvalues; a conjugate pair is never split, so there may be one more than was wanted.
        residuals: |A u - l u| / |u| of each, from the products with the matrix themselves.
        converged: whether each residual is small enough.
        products: how many products with the matrix it took.
        vectors: eigenvectors of length one, (values, N) complex, where they were asked for.
    """

    values: list[complex]
    residuals: list[float]
    converged: list[bool]
    products: int
    vectors: Tensor | None = None


def leading(
    operator: Operator,
    size: int,
    wanted: int = 8,
    which: Which = "modulus",
    block: int = 1,
    subspace: int | None = None,
    tolerance: float = 1e-8,
    limit: int = 1000,
    seed: int = 0,
    vectors: bool = False,
) -> Leading:
    r"""The leading eigenvalues of a real matrix, by a block Krylov-Schur iteration in float64.

    .. math:: A V = V B + W C, \qquad B y = \lambda y \;\Rightarrow\; \|A V y - \lambda V y\| = \|C y\|

    For the spectrum of a game with thousands of parameters, where a product costs a few gradients. A residual r means
    that the value is exact for a matrix at distance r: of a normal matrix it is off by at most r, of a defective one
    by a root of r. Values whose multiplicity is above the block may be found fewer times than they occur.

    Reference: Stewart, "A Krylov-Schur Algorithm for Large Eigenproblems", SIAM J. Matrix Anal. Appl. 23, 2002;
    Zhou and Saad, "Block Krylov-Schur method for large symmetric eigenvalue problems", Numer. Algorithms 47, 2008.

    Args:
        operator: rows (k, N) to their products (k, N), float64.
        size: N.
        wanted: how many eigenvalues; all N where there are fewer.
        which: those of largest modulus, or of largest real part.
        block: vectors that go through the operator together. One takes the fewest products; more pay where products
            are much cheaper together, or eigenvalues have multiplicities.
        subspace: the largest basis before a restart; None means 4 for each wanted one and at least 96.
        tolerance: a pair has converged when its residual is below this share of the eigenvalue's modulus (but never
            asked to be below this share of a thousandth of the largest modulus).
        limit: products after which it gives up and says so.
        seed: of the starting block.
        vectors: give the eigenvectors too.

    Raises:
        UserError: if a number of these is out of range.
        RunFailed: if a product is not finite.
    """
    if min(size, wanted, block, limit) < 1 or not tolerance > 0:
        raise UserError(
            f"eigenvalues: expected size, wanted, block and limit of at least 1 and a tolerance above 0,"
            f" got {size}, {wanted}, {block}, {limit} and {tolerance}"
        )
    if which not in ("modulus", "real"):
        raise UserError(f"eigenvalues: which is {which!r}: expected 'modulus' or 'real'")
    largest = max(subspace or max(4 * wanted, 96), wanted + 2 + 2 * block)
    if size < largest + 2 * block:
        return _dense(operator, size, wanted, which, tolerance, vectors)
    basis, look = _Basis(operator, size, largest, block, seed), wanted + 1
    while True:
        basis.expand()
        over = basis.products >= limit and basis.filled > wanted
        if basis.filled < min(look, largest) and not over:
            continue
        values, small = np.linalg.eig(basis.matrix)
        chosen = _first(_units(values, which), wanted)
        estimates = np.linalg.norm(basis.coupling @ small[:, chosen], axis=0)
        behind = _behind(estimates, 0.5 * _bounds(values, chosen, tolerance))
        if over or behind <= 1:
            return _checked(basis, values, small[:, chosen], chosen, tolerance, vectors)
        if basis.filled >= largest:
            basis.restart(max(wanted + 1, basis.filled // 2), which)
        look = basis.filled + max(1, int(np.log10(behind)))  # a product seldom gains more than a factor of ten


class _Basis:
    """The relation A V = V B + W C: rows 0..filled of `rows` are V, the next `block` ones W."""

    def __init__(self, operator: Operator, size: int, largest: int, block: int, seed: int) -> None:
        self.operator, self.block, self.filled, self.products = operator, block, 0, 0
        self.random = torch.Generator().manual_seed(seed)
        self.rows = torch.empty(largest + 2 * block, size, dtype=torch.float64)
        self.images = torch.empty(largest + block, size, dtype=torch.float64)  # A V, as the products gave it
        self.table = np.zeros((largest + 2 * block, largest + block))  # B above C
        for i in range(block):
            self.rows[i] = self._fresh(i)

    @property
    def matrix(self) -> np.ndarray:
        return self.table[: self.filled, : self.filled]

    @property
    def coupling(self) -> np.ndarray:
        return self.table[self.filled : self.filled + self.block, : self.filled]

    def expand(self) -> None:
        """One more block: W joins the basis, and A W gives the next W."""
        first, count = self.filled, self.block
        images = _finite(self.operator(self.rows[first : first + count]))
        self.images[first : first + count] = images
        self.products += count
        for i, image in enumerate(images):
            known = first + count + i
            before = float(image.norm())
            image, coefficients = self._orthogonal(image, known)
            left = float(image.norm())
            self.table[:known, first + i] = coefficients.numpy()
            if left > 1e-14 * before:
                self.table[known, first + i] = left
                self.rows[known] = image / left
            else:  # the basis holds all that its vectors can reach: go on from elsewhere
                self.rows[known] = self._fresh(known)
        self.filled += count

    def restart(self, count: int, which: Which) -> None:
        """Shrink the basis to the invariant subspace of B that belongs to its `count` leading eigenvalues."""
        small, rotation = scipy.linalg.schur(self.matrix, output="real")
        values = _diagonal(small)
        select = np.zeros(self.filled, dtype=int)
        select[_first(_units(values, which), count)] = 1
        small, rotation, *_ = scipy.linalg.lapack.dtrsen(select, small, rotation, job="N", lwork=self.filled)
        kept = int(select.sum())
        if small[kept, kept - 1] != 0:  # rounding made a pair of two real ones
            kept += 1
        following = self.rows[self.filled : self.filled + self.block].clone()
        turn = torch.from_numpy(np.ascontiguousarray(rotation[:, :kept].T))
        self.rows[:kept] = turn @ self.rows[: self.filled]
        self.images[:kept] = turn @ self.images[: self.filled]
        self.rows[kept : kept + self.block] = following
        coupling = self.coupling @ rotation[:, :kept]
        self.table[:] = 0
        self.table[:kept, :kept] = small[:kept, :kept]
        self.table[kept : kept + self.block, :kept] = coupling
        self.filled = kept

    def _orthogonal(self, row: Tensor, known: int) -> tuple[Tensor, Tensor]:
        """What is left of a row beside the first `known` ones, and its shares in them."""
        basis, total, before = self.rows[:known], torch.zeros(known, dtype=torch.float64), row.norm()
        for _ in range(3):
            shares = basis @ row
            row, total = row - shares @ basis, total + shares
            after = row.norm()
            if after > 0.5 * before:  # no cancellation: once is enough
                break
            before = after
        return row, total

    def _fresh(self, known: int) -> Tensor:
        row = torch.randn(self.rows.shape[1], dtype=torch.float64, generator=self.random)
        row, _ = self._orthogonal(row / row.norm(), known)
        return row / row.norm()


def _units(values: np.ndarray, which: Which) -> list[list[int]]:
    """Positions of single eigenvalues and of conjugate pairs, the leading one first."""
    units, i = [], 0
    while i < len(values):
        width = 2 if values[i].imag != 0 and i + 1 < len(values) else 1
        units.append(list(range(i, i + width)))
        i += width
    key = np.abs(values) if which == "modulus" else values.real
    return sorted(units, key=lambda unit: -key[unit[0]])


def _first(units: list[list[int]], count: int) -> list[int]:
    """The positions in the first units that hold at least `count` eigenvalues."""
    chosen: list[int] = []
    for unit in units:
        if len(chosen) >= count:
            break
        chosen += unit
    return chosen


def _diagonal(small: np.ndarray) -> np.ndarray:
    """Eigenvalues of a real Schur form, in their order on its diagonal."""
    values = small.diagonal().astype(complex)
    for i in np.flatnonzero(small.diagonal(-1)):
        turn = np.sqrt(abs(small[i, i + 1])) * np.sqrt(abs(small[i + 1, i]))
        values[i : i + 2] += [1j * turn, -1j * turn]
    return values


def _bounds(values: np.ndarray, chosen: list[int], tolerance: float) -> np.ndarray:
    moduli = np.abs(values)
    return tolerance * np.maximum(moduli[chosen], NEGLIGIBLE * moduli.max())


def _behind(estimates: np.ndarray, bounds: np.ndarray) -> float:
    """By what factor the worst estimate misses its bound."""
    return float(np.max(np.where(estimates <= bounds, 1.0, estimates / np.maximum(bounds, 1e-300))))


def _checked(
    basis: _Basis, values: np.ndarray, small: np.ndarray, chosen: list[int], tolerance: float, vectors: bool
) -> Leading:
    """The chosen pairs, with residuals from the products themselves, whatever the small matrix says."""
    picked = values[chosen]
    parts = torch.from_numpy(np.concatenate([small.real, small.imag], axis=1).T.copy())
    u = torch.complex(*(parts @ basis.rows[: basis.filled]).chunk(2))
    images = torch.complex(*(parts @ basis.images[: basis.filled]).chunk(2))
    lengths = u.norm(dim=1)
    residuals = ((images - torch.from_numpy(picked.astype(complex))[:, None] * u).norm(dim=1) / lengths).numpy()
    return Leading(
        [complex(value) for value in picked],
        residuals.tolist(),
        (residuals <= _bounds(values, chosen, tolerance)).tolist(),
        basis.products,
        u / lengths[:, None] if vectors else None,
    )


def _dense(operator: Operator, size: int, wanted: int, which: Which, tolerance: float, vectors: bool) -> Leading:
    """The same of a matrix so small that it is written out."""
    rows = torch.eye(size, dtype=torch.float64).split(CHUNK)
    matrix = torch.cat([_finite(operator(part)) for part in rows]).numpy().T
    values, u = np.linalg.eig(matrix)
    chosen = _first(_units(values, which), wanted)
    picked, u = values[chosen], u[:, chosen]
    residuals = np.linalg.norm(matrix @ u - picked * u, axis=0)
    good = residuals <= _bounds(values, chosen, tolerance)
    found = torch.from_numpy(u.T.astype(complex)) if vectors else None
    return Leading([complex(value) for value in picked], residuals.tolist(), good.tolist(), size, found)


def _finite(images: Tensor) -> Tensor:
    if not bool(torch.isfinite(images).all()):
        raise RunFailed("eigenvalues: a product with the matrix is not finite")
    return images
