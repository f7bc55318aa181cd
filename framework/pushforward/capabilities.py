"""What components can do, and what they ask of each other, compared before anything is built."""

from __future__ import annotations

from pushforward.plan import Plan, Planned
from pushforward.problem import Problem
from pushforward.registry import Registry
from pushforward.schema import Slot, read_hint


def given_by(planned: Planned, registry: Registry) -> frozenset[str]:
    """The capabilities of a component, those that depend on its arguments included."""
    given = set(registry.kinds[planned.slot].gives)
    for word in planned.component.gives:
        capability, _, argument = word.partition(" if ")
        other = planned.argument(argument) if argument else None
        if not argument or (isinstance(other, Planned) and capability in other.gives):
            given.add(capability)
    return frozenset(given)


def check_needs(plan: Plan) -> list[Problem]:
    """Every need that is not met, with what would meet it."""
    problems = []
    for planned in plan.components():
        for argument, needs in planned.component.needs.items():
            other = {"target": plan.target, "model": plan.model}.get(argument) or planned.argument(argument)
            if not isinstance(other, Planned):
                continue
            lacking = [need for need in needs if need not in other.gives]
            if lacking:
                problems.append(_unmet(plan.registry, planned, argument, other, lacking))
    return problems


def _unmet(registry: Registry, planned: Planned, argument: str, other: Planned, lacking: list[str]) -> Problem:
    do = [
        e.component.name
        for e in registry.entries(other.slot)
        if set(lacking) <= {w.partition(" if ")[0] for w in e.component.gives} | set(registry.kinds[other.slot].gives)
    ]
    has = ", ".join(sorted(other.gives)) or "nothing"
    would = f"; these {other.slot}s do: {', '.join(sorted(set(do)))}" if do else ""
    if not do and (kinds := _kinds_that_do(registry, planned, argument, set(lacking))):
        would = f"; any {' or '.join(kinds)} does"
    what = (
        f"{planned.component.name!r} needs a {argument} with {' and '.join(lacking)};"
        f" {other.component.name!r} gives {has}{would}"
    )
    where = planned if argument in ("target", "model") else other
    return Problem(what, where.path, where.place)


def _kinds_that_do(registry: Registry, planned: Planned, argument: str, lacking: set[str]) -> list[str]:
    """Other kinds that may stand for the argument, of which everything gives what is lacking."""
    parameter = next(
        (p.signature.parameters[argument] for p in planned.parts if argument in p.signature.parameters), None
    )
    hint = read_hint(parameter.hint, registry.role_kinds) if parameter is not None else None
    slots = [option for option in getattr(hint, "options", (hint,)) if isinstance(option, Slot)]
    return [slot.kind for slot in slots if lacking <= set(registry.kinds[slot.kind].gives)]
