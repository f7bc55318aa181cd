"""What a plugin offers: lazy, typed records of components and kinds. Nothing here is imported until it is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

API = 1


@dataclass(frozen=True)
class Component:
    """One thing that a recipe can name.

    Args:
        kind: which kind it is (`objective`, `target`, `network`, ...).
        name: how a recipe names it, in kebab-case.
        at: where it is, as ``"module:attribute"``; ``":attribute"`` means the file that registers it.
        summary: one line for listings.
        paper: the reference, such as ``"arXiv:1801.04406"``.
        gives: capabilities it has: ``("sample", "log_density")``. ``"log_density if base"`` means: if the component
            in its argument `base` gives the same.
        needs: capabilities it asks of others, by argument; the key ``"target"`` is the recipe's target.
        holds: for a model, the roles a finished run of it can be asked for: ``("generator",)``.
        traits: facts the checks read: ``couples-samples`` (a cost that is no mean over samples), ``unplayed`` (a
            model without players).
        metadata: for a target, ``"module:function"``: from the same arguments to a
            [`Metadata`][pushforward.records.Metadata], without importing torch.
    """

    kind: str
    name: str
    at: str
    summary: str = ""
    paper: str = ""
    gives: tuple[str, ...] = ()
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    holds: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()
    metadata: str = ""


@dataclass(frozen=True)
class Kind:
    """A kind of component: a slot that recipes and constructors can ask for by the name of its role.

    Args:
        name: the kind, in kebab-case: ``"velocity-field"``.
        role: the abstract class, as ``"module:Class"``; a constructor's type hint names the class.
        summary: one line for listings.
        adapter: ``"module:Class"`` that turns a bare network into this role; its own arguments may be given in the
            recipe next to the network's.
        default: the component meant where a mapping has no `use`.
        gives: capabilities that everything of this kind has.
        wrapper: ``"module:Class"`` that every component of this kind is put into; its arguments, too, stand next to
            the component's own.
    """

    name: str
    role: str
    summary: str = ""
    adapter: str = ""
    default: str = ""
    gives: tuple[str, ...] = ()
    wrapper: str = ""

    @property
    def role_name(self) -> str:
        """The class name that a type hint uses."""
        return self.role.rpartition(":")[2]


@dataclass(frozen=True)
class Metadata:
    """What is known of a target before any of it is read.

    Args:
        shape: the shape of one datum, (D,) or (channels, height, width).
        classes: the number of classes, or None where there are no labels.
        sizes: rows of each split that is finite: ``{"train": 1257}``; an endless one is left out.
    """

    shape: tuple[int, ...]
    classes: int | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)
