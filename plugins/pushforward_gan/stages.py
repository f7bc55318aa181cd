"""How often an image can be halved: what convolutional networks of any size are built from."""

from __future__ import annotations

from pushforward import UserError

SMALLEST = 4  # pixels along the short side of the coarsest stage


def halvings(shape: tuple[int, ...], what: str) -> tuple[int, tuple[int, int]]:
    """How many times an image of this shape is halved down to a short side of at least 4, and the size there.

    Raises:
        UserError: if it is no image, or cannot be halved once.
    """
    if len(shape) != 3:
        raise UserError(f"{what} is for images (C, H, W): the target has shape {tuple(shape)}; take `mlp` for vectors")
    height, width = shape[1:]
    count = 0
    while height % 2 == 0 and width % 2 == 0 and min(height, width) // 2 >= SMALLEST:
        height, width, count = height // 2, width // 2, count + 1
    if not count:
        raise UserError(
            f"{what}: an image of {shape[1]}x{shape[2]} cannot be halved to {SMALLEST} pixels or more: take sizes such "
            "as 8, 16, 28, 32 or 64"
        )
    return count, (height, width)


def by_stage(width: int | list[int], stages: int, what: str) -> list[int]:
    """Channels of every stage, from one number for all or from one for each.

    Raises:
        UserError: if there are more or fewer numbers than stages.
    """
    widths = [width] * stages if isinstance(width, int) else list(width)
    if len(widths) != stages:
        raise UserError(f"{what}: {len(widths)} widths for {stages} stages: give one for each, or one for all")
    return widths
