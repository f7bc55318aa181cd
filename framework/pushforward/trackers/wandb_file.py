"""A .wandb file: how W&B lays a run down on disk, and what of it can be read back after a crash."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

_HEADER = struct.Struct("<4sHB")  # ":W&B", a magic number, a version
_CHUNK = struct.Struct("<IHB")  # checksum, length, kind
_BLOCK = 32768
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


def history(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a run's history, by name, as far as the file is whole."""
    from google.protobuf.message import DecodeError
    from wandb.proto import wandb_internal_pb2

    for data in _records(path.read_bytes()):
        record = wandb_internal_pb2.Record()  # type: ignore[attr-defined]
        try:
            record.ParseFromString(data)
        except DecodeError:
            return
        if record.WhichOneof("record_type") == "history":
            yield _row(record.history.item)


def _row(items: Iterable[Any]) -> dict[str, Any]:
    """Values by name; what W&B says of a picture is a mapping."""
    row: dict[str, Any] = {}
    for item in items:
        name, *inner = item.nested_key or [item.key]
        value = json.loads(item.value_json)
        if inner:
            row.setdefault(name, {})[".".join(inner)] = value
        else:
            row[name] = value
    return row


def _records(data: bytes) -> Iterator[bytes]:
    """Records of a LevelDB log: chunks that never cross a block, a long record in several of them."""
    if data[:4] != b":W&B":
        return
    position, pieces = _HEADER.size, b""
    while position + _CHUNK.size <= len(data):
        room = _BLOCK - position % _BLOCK
        if room < _CHUNK.size:  # the end of a block is filled with zeros
            position += room
            continue
        _, length, kind = _CHUNK.unpack_from(data, position)
        body = data[position + _CHUNK.size : position + _CHUNK.size + length]
        if kind not in (_FULL, _FIRST, _MIDDLE, _LAST) or len(body) < length:
            return
        position += _CHUNK.size + length
        pieces = body if kind in (_FULL, _FIRST) else pieces + body
        if kind in (_FULL, _LAST):
            yield pieces
