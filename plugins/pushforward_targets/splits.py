"""How rows are split into train, validation and test: by hashes, the same on every machine and in every version."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from pushforward import UserError

Indices = dict[str, list[int]]


def stratified(
    keys: Sequence[str], strata: Sequence[int], fractions: dict[str, float], seed: int, what: str
) -> Indices:
    """Row numbers of each split, shuffled; every stratum has its share of each split, to within a row or two.

    Rows are put in order of (stratum, hash of the key), and each held-out split takes evenly spaced ones.

    Args:
        keys: what tells the rows apart.
        strata: the class of each row.
        fractions: of the rows, for each split but `train`, which takes the rest.
        seed: another seed gives another split.
        what: the name of the data, for the sentence.

    Raises:
        UserError: if the fractions leave nothing for training, or there are too few rows.
    """
    wanted = held_out_sizes(len(keys), fractions, what)
    hashes = [_hash(seed, key.encode()) for key in keys]
    left = sorted(range(len(keys)), key=lambda i: (strata[i], hashes[i]))
    splits: Indices = {}
    for name in wanted:
        taken = _evenly(len(left), wanted[name])
        splits[name] = [left[i] for i in sorted(taken)]
        left = [row for i, row in enumerate(left) if i not in taken]
    splits["train"] = left
    return {name: sorted(rows, key=hashes.__getitem__) for name, rows in splits.items()}


def grouped(keys: Sequence[bytes], fractions: dict[str, float], seed: int, what: str) -> Indices:
    """Row numbers of each split, shuffled; rows of one key are always in one split.

    Groups are visited in order of their hash, and each goes to the first split that still has room for all of it;
    `train` takes the rest.

    Args:
        keys: equal for rows that belong together.
        fractions: of the rows, for each split but `train`, which takes the rest.
        seed: another seed gives another split.
        what: the name of the data, for the sentence.

    Raises:
        UserError: as for `stratified`, and if equal rows leave a split empty.
    """
    room = held_out_sizes(len(keys), fractions, what)
    groups: dict[bytes, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    splits: Indices = {name: [] for name in ("train", *room)}
    for key in sorted(groups, key=lambda key: _hash(seed, key)):
        rows = groups[key]
        name = next((name for name in room if len(rows) <= room[name]), "train")
        splits[name] += rows
        if name in room:
            room[name] -= len(rows)
    for name, rows in splits.items():
        if not rows:
            raise UserError(
                f"{what} has {len(keys)} rows but only {len(groups)} different ones, and equal rows stay in one "
                f"split: nothing is left for {name}"
            )
    return splits


def order(keys: Sequence[str], seed: int) -> list[int]:
    """All row numbers, shuffled."""
    return sorted(range(len(keys)), key=lambda i: _hash(seed, keys[i].encode()))


def held_out_sizes(rows: int, fractions: dict[str, float], what: str) -> dict[str, int]:
    """How many of the rows each held-out split takes: at least one.

    Raises:
        UserError: if the fractions leave nothing for training, or there are too few rows.
    """
    if min(fractions.values()) <= 0 or sum(fractions.values()) >= 1:
        given = " and ".join(f"{name} {fraction:g}" for name, fraction in fractions.items())
        raise UserError(f"{given}: expected fractions above 0 that together stay below 1")
    sizes = {name: max(1, round(fraction * rows)) for name, fraction in fractions.items()}
    if sum(sizes.values()) >= rows:
        raise UserError(f"{what} has {rows} rows: too few to be split into train, {' and '.join(fractions)}")
    return sizes


def _evenly(n: int, count: int) -> set[int]:
    return {(2 * i + 1) * n // (2 * count) for i in range(count)}  # the middles of `count` equal parts


def _hash(seed: int, key: bytes) -> bytes:
    return hashlib.blake2b(f"{seed}:".encode() + key, digest_size=16).digest()
