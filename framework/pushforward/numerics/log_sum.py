"""Sums of exponentials that come out the same in whatever order, and by however many processes, they are added up."""

from __future__ import annotations

import math

from torch import Tensor

WINDOW = 4096  # powers of two below the sum at which a term can no longer change any digit of it


class LogSum:
    r"""log of a sum of exponentials, added up by blocks: never overflows, and adding blocks makes no rounding error.

    .. math:: \log \sum_i e^{l_i}, \qquad \log \sum_i e^{2 l_i}

    The sum of a block is a double times a power of two; these are added as whole numbers, exactly, so that the order of
    the blocks does not matter.

    Args:
        power: what the exponents are multiplied by: 2 for the sum of squares of weights.

    Example:
        >>> import torch
        >>> total = LogSum()
        >>> total.add(torch.tensor([1000.0, 1000.0]).double())
        >>> total.add(torch.tensor([-1000.0]).double())
        >>> round(total.log(), 6)
        1000.693147
    """

    def __init__(self, power: int = 1) -> None:
        self.power = power
        self.whole, self.exponent = 0, 0  # the sum is whole * 2^exponent
        self.broken = False  # a term was NaN or plus infinity

    def add(self, logs: Tensor) -> None:
        """Take in a block (n,); minus infinity is a term of zero."""
        top = float(logs.max()) if len(logs) else -math.inf
        if math.isnan(top) or top == math.inf:
            self.broken = True
        elif top != -math.inf:
            shift = math.floor(top / math.log(2))
            terms = (logs.double() - shift * math.log(2)).exp()
            mantissa, exponent = math.frexp(float(terms.pow(self.power).sum()))
            self._add(int(mantissa * 2**53), exponent + shift * self.power - 53)

    def merge(self, other: LogSum) -> None:
        """Take in what another sum has taken in."""
        self.broken |= other.broken
        self._add(other.whole, other.exponent)

    def log(self) -> float:
        """The logarithm; minus infinity for a sum of nothing, not a number where a term was none."""
        if self.broken:
            return math.nan
        if not self.whole:
            return -math.inf
        bits = self.whole.bit_length()
        return math.log(self.whole / (1 << bits)) + (self.exponent + bits) * math.log(2)

    def _add(self, whole: int, exponent: int) -> None:
        if not whole:
            return
        if not self.whole:
            self.whole, self.exponent = whole, exponent
            return
        (low, at), (high, above) = sorted([(self.whole, self.exponent), (whole, exponent)], key=lambda term: term[1])
        apart = above - at
        if above + high.bit_length() - at - low.bit_length() > WINDOW:
            self.whole, self.exponent = high, above
        elif at + low.bit_length() - above - high.bit_length() > WINDOW:
            self.whole, self.exponent = low, at
        else:
            self.whole, self.exponent = low + (high << apart), at
