"""All randomness of a run: a function of (seed, turn, name, block of samples), so that it needs no state to resume."""

from __future__ import annotations

import functools
import hashlib
import itertools
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from pushforward.problem import UserError

BLOCK = 1024  # samples that share one generator; processes and micro-batches slice whole draws, never blocks


def derive(seed: int, *key: object) -> int:
    """A 63-bit seed that depends on every part of the key: the same on every machine and in every process."""
    digest = hashlib.blake2b(repr((seed, *key)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


@functools.lru_cache(maxsize=4)
def _order(seed: int, epoch: int, size: int) -> Tensor:
    generator = torch.Generator().manual_seed(derive(seed, "order", epoch))
    return torch.randperm(size, generator=generator)


class Draw:
    """One turn's data and randomness, for some of its samples.

    A draw of `total` samples may be cut into parts, by processes or by micro-batches: each part sees the rows of the
    whole that are its own. The same name gives the same numbers however often it is asked, so that two costs at one
    point, or one cost at two points, are comparable.

    Args:
        seed: the run's seed.
        key: what tells this turn from others, such as ``(round, index)``.
        total: samples of the whole draw, over all parts and processes.
        rows: the first row and the one behind the last of this part; None means all.
        position: how many samples of the training stream come before this draw.
        x: the data of this part, (n, *shape), where the turn has data.
        labels: their classes, (n,), where the data have labels.
        device: where numbers are made.
        dtype: their type.

    Example:
        >>> whole = Draw(0, (7, 0), total=6)
        >>> first, second = whole.parts(2)
        >>> torch.equal(whole.normal("latent", 3), torch.cat([first.normal("latent", 3), second.normal("latent", 3)]))
        True
    """

    def __init__(
        self,
        seed: int,
        key: tuple[object, ...],
        total: int,
        rows: tuple[int, int] | None = None,
        position: int = 0,
        x: Tensor | None = None,
        labels: Tensor | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.seed, self.key, self.total, self.position = seed, key, total, position
        self.rows = rows or (0, total)
        self._x, self._labels = x, labels
        self._read: Callable[[Draw], tuple[Tensor, Tensor | None]] | None = None
        self.device, self.dtype = torch.device(device), dtype

    @classmethod
    def fresh(cls, n: int, seed: int | None = None, **options: object) -> Draw:
        """A draw of n samples outside any run; without a seed, a new one from the operating system."""
        return cls(secrets.randbits(62) if seed is None else seed, ("fresh",), n, **options)  # type: ignore[arg-type]

    @property
    def x(self) -> Tensor | None:
        """The data of this part, (n, *shape), where the turn has data."""
        return self.ready()._x

    @property
    def labels(self) -> Tensor | None:
        """Their classes, (n,), where the data have labels."""
        return self.ready()._labels

    @property
    def n(self) -> int:
        """How many samples this part has."""
        return self.rows[1] - self.rows[0]

    def normal(self, name: str, *shape: int) -> Tensor:
        """Standard normal numbers, (n, *shape)."""
        return self._blocks(name, shape, torch.randn)

    def uniform(self, name: str, *shape: int) -> Tensor:
        """Uniform numbers in [0, 1), (n, *shape)."""
        return self._blocks(name, shape, torch.rand)

    def integers(self, name: str, high: int, *shape: int) -> Tensor:
        """Uniform whole numbers in [0, high), (n, *shape)."""
        return self._blocks(name, shape, functools.partial(torch.randint, high), torch.int64)

    def generator(self, name: str) -> torch.Generator:
        """A generator for what belongs to the whole draw and not to a sample: the same in every part and process."""
        return torch.Generator(self.device).manual_seed(derive(self.seed, self.key, name))

    def indices(self, size: int) -> Tensor:
        """Which of `size` rows this part reads: each pass over the rows takes each of them once, in a new order."""
        first, last = self.position + self.rows[0], self.position + self.rows[1]
        pieces = []
        while first < last:
            epoch, offset = divmod(first, size)
            count = min(size - offset, last - first)
            pieces.append(_order(self.seed, epoch, size)[offset : offset + count])
            first += count
        return torch.cat(pieces) if pieces else torch.empty(0, dtype=torch.int64)

    def parts(self, count: int) -> list[Draw]:
        """This part cut into `count` nearly equal ones."""
        if count == 1:
            return [self]
        edges = [self.rows[0] + self.n * i // count for i in range(count + 1)]
        return [self._slice(a, b) for a, b in itertools.pairwise(edges)]

    def blocks(self, name: str, total: int, rows: int) -> Iterator[Draw]:
        """This part's share of `total` further samples, in blocks of at most `rows`.

        The blocks are the same ones however many processes there are: each takes some of them whole, so that what is
        computed for a block does not depend on their number.

        Example:
            >>> [part.rows for part in Draw(0, (), 2, rows=(1, 2)).blocks("walkers", 5000, 2048)]
            [(2048, 4096), (4096, 5000)]
        """
        whole = Draw(self.seed, (*self.key, name), total, device=self.device, dtype=self.dtype)
        count = -(-total // rows)
        first, last = (count * edge // self.total for edge in self.rows)
        for i in range(first, last):
            yield whole._slice(i * rows, min((i + 1) * rows, total))

    def with_data(self, x: Tensor | None, labels: Tensor | None = None) -> Draw:
        """The same draw with the data of its rows."""
        return Draw(
            self.seed, self.key, self.total, self.rows, self.position, x, labels, device=self.device, dtype=self.dtype
        )

    def reading(self, read: Callable[[Draw], tuple[Tensor, Tensor | None]]) -> Draw:
        """The same draw, whose data are read when a cost asks for them: many a turn of a generator never does."""
        draw = self.with_data(None)
        draw._read = read
        return draw

    def to(self, device: torch.device) -> Draw:
        """This draw with its data on a device, where its numbers are made from now on."""
        self.ready().device = device
        self._x = None if self._x is None else self._x.to(device, non_blocking=True)
        self._labels = None if self._labels is None else self._labels.to(device, non_blocking=True)
        return self

    def ready(self) -> Draw:
        """This draw, its data read.

        Raises:
            UserError: if there are fewer or more of them than were asked for: costs compare them one by one.
        """
        if self._read is not None:
            read, self._read = self._read, None
            self._x, self._labels = read(self)
            if len(self._x) != self.n:
                raise UserError(f"the target gave a batch of {len(self._x)} where {self.n} samples were asked for")
        return self

    def _slice(self, first: int, last: int) -> Draw:
        own = slice(first - self.rows[0], last - self.rows[0])
        return Draw(
            self.seed,
            self.key,
            self.total,
            (first, last),
            self.position,
            None if self.x is None else self.x[own],
            None if self.labels is None else self.labels[own],
            device=self.device,
            dtype=self.dtype,
        )

    def _blocks(self, name: str, shape: tuple[int, ...], fill: Any, dtype: torch.dtype | None = None) -> Tensor:
        dtype = dtype or self.dtype
        if self.total <= BLOCK and self.rows == (0, self.total):  # the usual case: one block, all of it
            return fill((self.n, *shape), generator=self._seeded(name, 0), device=self.device, dtype=dtype)
        pieces = list(self._pieces(name, shape, fill, dtype))
        return torch.cat(pieces) if pieces else torch.empty((0, *shape), device=self.device, dtype=dtype)

    def _pieces(self, name: str, shape: tuple[int, ...], fill: Any, dtype: torch.dtype) -> Iterator[Tensor]:
        first, last = self.rows
        for block in range(first // BLOCK, -(-last // BLOCK)):
            start = block * BLOCK
            rows = min(BLOCK, self.total - start)
            numbers = fill((rows, *shape), generator=self._seeded(name, block), device=self.device, dtype=dtype)
            yield numbers[max(first - start, 0) : last - start]

    def _seeded(self, name: str, block: int) -> torch.Generator:
        return torch.Generator(self.device).manual_seed(derive(self.seed, self.key, name, block))
