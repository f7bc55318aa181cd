"""A dial: a number of a planned recipe that the cells of a grid set, each to its own value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pushforward.plan import Plan, Planned


@dataclass(eq=False)
class Dial:
    """An argument of a component of the model that is a number, or a place in a list that is one.

    Args:
        planned: the component.
        keyword: the argument.
        places: indices into its value, outermost first; none where the argument is the number.
    """

    planned: Planned
    keyword: str
    places: tuple[int, ...]

    @property
    def value(self) -> Any:
        """The whole argument."""
        return self.planned.own.arguments[self.keyword]

    @property
    def is_number(self) -> bool:
        """Whether it may be a batch dimension: a float that is the whole argument."""
        return not self.places and isinstance(self.value, float)

    def set(self, number: float) -> None:
        """Plan the component with this number.

        Raises:
            TypeError: if it has to be whole and is not.
        """
        self.planned.own.arguments[self.keyword] = _replaced(self.value, self.places, number)


def find_dial(plan: Plan, path: str) -> Dial | None:
    """The dial of a path; None where that is no number of the model or a component in it, such as its play's `clip`."""
    planned_at = {planned.path: planned for planned in plan.model.below()}
    words = path.split(".")
    length = max((i for i in range(len(words)) if ".".join(words[:i]) in planned_at), default=0)
    if not length:
        return None
    planned = planned_at[".".join(words[:length])]
    parameter = planned.own.signature.parameters.get(words[length])
    places = words[length + 1 :]
    if parameter is None or not all(place.isdigit() for place in places):
        return None
    dial = Dial(planned, parameter.keyword, tuple(map(int, places)))
    try:
        at = dial.value
        for place in dial.places:
            at = at[place]
    except (KeyError, IndexError, TypeError):
        return None
    return dial if isinstance(at, int | float) and not isinstance(at, bool) else None


def _replaced(value: Any, places: tuple[int, ...], number: float) -> Any:
    """A value with one number in it replaced by another of its type."""
    if places:
        items = list(value)
        items[places[0]] = _replaced(items[places[0]], places[1:], number)
        return type(value)(items)
    if isinstance(value, int) and number != int(number):
        raise TypeError(f"expected a whole number, got {number}")
    return type(value)(number)
