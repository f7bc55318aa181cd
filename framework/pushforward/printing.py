"""What commands print: tables as wide as the terminal, and JSON for programs."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

NARROWEST = 24  # letters that the last column is never cut below


def print_table(rows: Iterable[Sequence[str]], header: Sequence[str] = (), indent: str = "") -> None:
    """Aligned columns, two blanks apart; on a terminal the last one is wrapped to what room is left."""
    table = [[" ".join(str(cell).split()) for cell in row] for row in ([header] if header else []) + list(rows)]
    if not table:
        return
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    left = len(indent) + sum(width + 2 for width in widths[:-1])
    room = max(shutil.get_terminal_size().columns - left - 1, NARROWEST) if sys.stdout.isatty() else widths[-1]
    for row in table:
        start = indent + "".join(cell.ljust(width + 2) for cell, width in zip(row[:-1], widths[:-1], strict=True))
        first, *rest = textwrap.wrap(row[-1], max(room, 1)) or [""]
        print((start + first).rstrip())
        for line in rest:
            print(" " * left + line)


def print_json(data: Any) -> None:
    """Strict JSON: numbers that are not finite become strings, since JSON has none."""
    print(json.dumps(_finite(data), indent=2, ensure_ascii=False, default=str))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value) if isinstance(value, set | frozenset) else value
        return [_finite(item) for item in items]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return repr(value)
    return value
