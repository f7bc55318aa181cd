"""A component under test: its record, and how to make one with stand-ins for whatever it needs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import torch

from pushforward.check import BOUND
from pushforward.problem import DataMissing, UserError, did_you_mean
from pushforward.registry import Registry, load
from pushforward.schema import DictOf, ListOf, OneOf, Plain, Shape, Slot, read_hint
from pushforward.signature import Parameter, Signature, read_signature
from pushforward.testing.stand_ins import CLASSES, STAND_INS, Blobs

SHAPES = ((2,), (1, 8, 8))  # the shapes of data that are tried: points of the plane, then small grey images


class ContractBroken(AssertionError):
    """A component does not do what every component of its kind does; the message says what, one line each."""


def require(holds: object, found: str) -> None:
    """Say what was found where a contract does not hold.

    Raises:
        ContractBroken: if it does not.
    """
    if not holds:
        raise ContractBroken(found)


class Subject:
    """A registered component, and how to make it.

    Args:
        registry: what is registered.
        kind: its kind.
        name: its name, bare or as `plugin/name`.
        examples: constructor arguments, by their names in Python or in a recipe; those that are required and not
            given are filled with stand-ins, as far as their hints say what would do. For a measure or a watcher,
            `target` and `model` are what it looks at.

    Raises:
        UserError: if there is no such component.
    """

    def __init__(self, registry: Registry, kind: str, name: str, examples: Mapping[str, Any]) -> None:
        if kind not in registry.kinds:
            raise UserError(f"there is no kind {kind!r}{did_you_mean(kind, registry.kinds)}")
        entry = registry.find(kind, name)
        if entry is None:
            raise UserError(f"there is no {kind} {name!r}{did_you_mean(name, registry.names(kind))}")
        self.registry, self.kind, self.component = registry, kind, entry.component
        keywords = {n: p.keyword for n, p in self.signature.parameters.items()}
        self.examples = {keywords.get(key, key): value for key, value in examples.items()}
        looked_at = ("target", "model") if kind in ("measure", "watcher") else ()
        self.looked_at = {key: self.examples.pop(key) for key in looked_at if key in self.examples}

    @cached_property
    def signature(self) -> Signature:
        """Its constructor, read from the source."""
        return read_signature(self.component.at)

    @cached_property
    def factory(self) -> Any:
        """The class."""
        return load(self.component.at)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """The first shape of data with which it can be made."""
        if "shape" in self.examples:
            return tuple(self.examples["shape"])
        refusals = []
        for shape in SHAPES:
            try:
                self._made(shape, {}, 0)
                return shape
            except DataMissing:
                raise
            except (UserError, ValueError) as error:
                refusals.append(f"{shape}: {error}")
        raise ContractBroken("it can be made for none of the shapes that were tried: " + "; ".join(refusals))

    def make(self, seed: int = 0, **more: Any) -> Any:
        """A new one; equal seeds give equal weights, and the global generator is left as it was."""
        return self._made(self.shape, more, seed)

    def made_for(self, shape: tuple[int, ...]) -> Any:
        """A new one for data of this shape."""
        return self._made(shape, {}, 0)

    def target(self) -> Blobs:
        """Data of the shape for which it is made."""
        return Blobs(self.shape)

    def gives(self, capability: str) -> bool:
        """Whether its record declares a capability, those included that depend on a stand-in."""
        if capability in self.registry.kinds[self.kind].gives:
            return True
        for word in self.component.gives:
            given, _, argument = word.partition(" if ")
            if given == capability and (not argument or capability in self._given_by(argument)):
                return True
        return False

    def shape_of(self, parameter: Parameter) -> Shape:
        """What a recipe may write for an argument."""
        return read_hint(parameter.hint, self.registry.role_kinds)

    def _given_by(self, argument: str) -> tuple[str, ...]:
        slot = _first_slot(self.shape_of(self.signature.parameters[argument]))
        return self.registry.kinds[slot.kind].gives if slot is not None else ()

    def _made(self, shape: tuple[int, ...], more: Mapping[str, Any], seed: int) -> Any:
        bound = {"shape": shape, "classes": CLASSES, "target": Blobs(shape), "inputs": shape, "outputs": ()}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            arguments = dict(self.examples)
            for number, (name, parameter) in enumerate(self.signature.parameters.items()):
                if parameter.keyword in arguments:
                    continue
                if name in BOUND:
                    arguments[parameter.keyword] = bound[name]
                elif parameter.required:
                    arguments[parameter.keyword] = self._stand_in(parameter, shape, number)
            return self.factory(**{**arguments, **more})

    def _stand_in(self, parameter: Parameter, shape: tuple[int, ...], number: int) -> Any:
        """Something that fits a required argument."""
        found = self._fitting(self.shape_of(parameter), shape, number)
        if found is None:
            raise ContractBroken(
                f"argument {parameter.name!r} ({parameter.hint}) is required and nothing here knows what would do:"
                f" pass examples={{{parameter.name!r}: ...}}"
            )
        return found

    def _fitting(self, hint: Shape, shape: tuple[int, ...], number: int) -> Any:
        if isinstance(hint, OneOf):
            found = (self._fitting(option, shape, number) for option in hint.options)
            return next((value for value in found if value is not None), None)
        if isinstance(hint, ListOf):
            elements = [self._fitting(hint.element, shape, number) for _ in range(2)]
            return None if elements[0] is None else elements
        if isinstance(hint, DictOf):
            element = self._fitting(hint.element, shape, number)
            return None if element is None else {"first": element}
        if isinstance(hint, Plain):  # any number is a number; a path or a word is a guess
            values = (0.5 + 0.25 * number, 2 + number)
            return next((value for value in values if hint.text != "Any" and hint.accepts(value)), None)
        return self._of_kind(hint, shape)

    def _of_kind(self, slot: Slot, shape: tuple[int, ...]) -> Any:
        if slot.kind in STAND_INS:
            return STAND_INS[slot.kind](shape)
        for entry in self.registry.entries(slot.kind):
            if not any(p.required for p in read_signature(entry.component.at).parameters.values()):
                return load(entry.component.at)()
        return None


def _first_slot(hint: Shape) -> Slot | None:
    if isinstance(hint, OneOf):
        return next((slot for option in hint.options if (slot := _first_slot(option)) is not None), None)
    return hint if isinstance(hint, Slot) else None
