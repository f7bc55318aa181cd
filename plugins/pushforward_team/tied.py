"""Layers that several generators have in common."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from pushforward import Generator, UserError


class Tied(nn.Module):
    """The layers that all generators share; every generator runs through them."""

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)


def tie(generators: Sequence[Generator], count: int) -> Tied:
    """Put the first generator's last `count` layers in the place of every other's.

    Raises:
        UserError: if a generator has no layer left of its own, or layers are not alike.
    """
    names = _layers(generators[0])
    if count >= len(names):
        raise UserError(f"tied is {count}: the generators have {len(names)} layers, and one must stay their own")
    for name in names[-count:]:
        first = generators[0].get_submodule(name)
        for i, other in enumerate(generators[1:], start=1):
            if name not in _layers(other) or _sizes(other.get_submodule(name)) != _sizes(first):
                raise UserError(f"tied: generator {i} has no layer {name!r} like that of generator 0")
            parent, _, own = name.rpartition(".")
            setattr(other.get_submodule(parent), own, first)
    return Tied([generators[0].get_submodule(name) for name in names[-count:]])


def _layers(module: nn.Module) -> list[str]:
    """The parts that hold parameters themselves."""
    return [name for name, part in module.named_modules() if name and any(True for _ in part.parameters(recurse=False))]


def _sizes(module: nn.Module) -> list[tuple[int, ...]]:
    return [tuple(p.shape) for p in module.parameters()]
