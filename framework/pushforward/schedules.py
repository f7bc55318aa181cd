"""Schedules: numbers that change over a run. Any float of a recipe may be one."""

from __future__ import annotations

import abc
import math

from pushforward.problem import UserError


class Schedule(abc.ABC):
    """Abstract: a number as a function of the share of the run that has been played, t in [0, 1]."""

    @abc.abstractmethod
    def __call__(self, t: float) -> float:
        """The number at t."""


class Constant(Schedule):
    """One value throughout.

    Args:
        value: the value.
    """

    def __init__(self, value: float) -> None:
        self.value = value

    def __call__(self, t: float) -> float:
        """The value."""
        return self.value


class Linear(Schedule):
    """A straight line, flat behind its end.

    Args:
        from_: the value at the beginning; `from` in a recipe.
        to: the value at the end.
        over: the share of the run that it takes, in (0, 1].
    """

    def __init__(self, from_: float, to: float, over: float = 1.0) -> None:
        self.from_, self.to, self.over = from_, to, _share(over)

    def __call__(self, t: float) -> float:
        """from + (to - from) t / over."""
        return self.from_ + (self.to - self.from_) * min(t / self.over, 1.0)


class Cosine(Schedule):
    r"""Half a cosine, flat behind its end.

    .. math:: b + (a - b) (1 + \cos \pi t) / 2

    Reference: Loshchilov, Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2016,
    arXiv:1608.03983, eq. 5.

    Args:
        from_: the value a at the beginning; `from` in a recipe.
        to: the value b at the end.
        over: the share of the run that it takes, in (0, 1].
    """

    def __init__(self, from_: float, to: float, over: float = 1.0) -> None:
        self.from_, self.to, self.over = from_, to, _share(over)

    def __call__(self, t: float) -> float:
        """The value at t."""
        return self.to + (self.from_ - self.to) * (1 + math.cos(math.pi * min(t / self.over, 1.0))) / 2


class InverseDecay(Schedule):
    r"""A step that falls like 1 / t.

    .. math:: a / (1 + (a / b - 1) t)

    Args:
        from_: the value a at the beginning; `from` in a recipe.
        to: the value b at the end.
    """

    def __init__(self, from_: float, to: float) -> None:
        if not (from_ > 0 and to > 0):
            raise UserError(f"inverse-decay from {from_} to {to}: expected both above 0")
        self.from_, self.to = from_, to

    def __call__(self, t: float) -> float:
        """The value at t."""
        return self.from_ / (1 + (self.from_ / self.to - 1) * t)


def _share(over: float) -> float:
    if not 0 < over <= 1:
        raise UserError(f"a schedule over {over} of the run: expected a share above 0, at most 1")
    return over
