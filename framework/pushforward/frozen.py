"""What makes two objects behave alike: everything they hold but their state, as one value that can be compared."""

from __future__ import annotations

import functools
import types
from collections.abc import Collection, Hashable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

OWN = ("_parameters", "_buffers", "_modules", "training")  # of what torch itself keeps in a module
INTERNAL = frozenset(vars(nn.Module())) - set(OWN)
PLAIN = (int, float, complex, str, bytes, type(None), torch.dtype, torch.device, type, types.ModuleType)

LeftOut = Collection[tuple[int, str]]  # the id of an object and the name of its attribute


def frozen(things: Mapping[str, Any], state: Collection[int], left_out: LeftOut = ()) -> Hashable:
    """All that some objects hold, down to plain values: equal where they differ in state and left-out numbers only.

    What cannot be looked into counts as different from everything else.

    Args:
        things: the objects by name.
        state: ids of tensors whose values do not count, only their shapes.
        left_out: attributes whose values do not count, only their types.
    """
    found: list[Any] = []
    seen: dict[int, int] = {}
    alive: list[Any] = []  # an id means an object only as long as that lives
    left_out = frozenset(left_out)

    def walk(value: Any) -> None:
        if isinstance(value, PLAIN):
            found.append((type(value), value))
            return
        if id(value) in seen:
            found.append(("again", seen[id(value)]))
            return
        seen[id(value)] = len(seen)
        alive.append(value)
        found.append(type(value))
        if isinstance(value, Tensor):
            found.append((tuple(value.shape), value.dtype))
            if id(value) not in state:
                found.append(value.detach().cpu().flatten().view(torch.uint8).numpy().tobytes())
        elif isinstance(value, Mapping):
            found.append(len(value))
            for key, item in value.items():
                walk(key)
                walk(item)
        elif isinstance(value, list | tuple | set | frozenset):
            found.append(len(value))
            for item in value:
                walk(item)
        elif isinstance(value, types.FunctionType):
            found.append(value.__code__)
            walk((value.__defaults__, value.__kwdefaults__, [cell.cell_contents for cell in value.__closure__ or ()]))
        elif isinstance(value, types.MethodType):
            walk((value.__func__, value.__self__))
        elif isinstance(value, functools.partial):
            walk((value.func, value.args, value.keywords))
        elif hasattr(value, "__dict__"):
            held = vars(value)
            names = [name for name in held if not (isinstance(value, nn.Module) and name in INTERNAL)]
            for name in names:
                found.append(name)
                if (id(value), name) in left_out:
                    found.append(type(held[name]))
                else:
                    walk(held[name])
        else:
            found.append(value if isinstance(value, Hashable) else object())

    walk(dict(things))
    return tuple(found)
