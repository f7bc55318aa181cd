"""What several processes found, told to all of them: a draw that is a part of a whole stands for one of them."""

from __future__ import annotations

from typing import TypeVar

import torch.distributed as dist

from pushforward.problem import UserError
from pushforward.randomness import Draw

Found = TypeVar("Found")


def gathered(found: Found, draw: Draw) -> list[Found]:
    """What each process found, in the order of the processes; of a whole draw, this one's alone.

    Raises:
        UserError: if the draw is a part of a whole one and no other processes are there to have the rest.
    """
    if draw.rows == (0, draw.total):
        return [found]
    if not dist.is_initialized() or dist.get_world_size() != draw.total:
        raise UserError(f"a part {draw.rows} of a draw of {draw.total} wants {draw.total} processes to have the others")
    several: list[Found | None] = [None] * draw.total
    dist.all_gather_object(several, found)
    return several  # type: ignore[return-value]


def of_the_first(found: Found) -> Found:
    """What the first process found, told to all of them."""
    box = [found]
    dist.broadcast_object_list(box, src=0)
    return box[0]
