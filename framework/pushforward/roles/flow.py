"""A flow is an invertible map between a base law and data: it samples and it knows its density."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from pushforward.problem import UserError
from pushforward.randomness import Draw

Moved = tuple[Tensor, Tensor]  # where points are moved to, and the log-determinant of each

BOUNDS = {"box": (0.0, 1.0), "torus": (-math.pi, math.pi)}  # of every coordinate


class Flow(nn.Module, abc.ABC):
    r"""Abstract: a diffeomorphism between the base law and data.

    .. math:: \log p(x) = \log \pi(T^{-1}(x)) + \log |\det \partial T^{-1} / \partial x|

    The base law is the standard normal on the reals, and uniform on a compact domain; a flow may override both of
    `base_log_density` and `sample_base`. A flow moves rows, by `push` and `pull`, and is used by `to_data` and
    `to_base`, which take rows in any shape: one datum, none, or a grid of them.

    Attributes:
        shape: the shape of one datum.
        inverse_kind: `exact`; `iterative`: there and back is right to ten times `tolerance`; or `learned`.
        tolerance: of an iterative flow, relative.
        domain: `reals`; `box`, [0, 1] in every coordinate; or `torus`, angles from -pi to pi. Points outside a box
            have density zero; angles are the same modulo 2 pi.
        conditional: whether it wants a condition for every row: a class, or a vector of numbers.
        classes: how many classes there are, where the condition is one.
        order: of an autoregressive flow, the coordinates of the flattened datum so arranged that the Jacobian is lower
            triangular; None where it is no such flow.
        compiles: whether both directions are one graph to torch.compile.
    """

    shape: tuple[int, ...]
    inverse_kind: Literal["exact", "iterative", "learned"] = "exact"
    tolerance: float = 0.0
    domain: Literal["reals", "box", "torus"] = "reals"
    conditional: bool = False
    classes: int | None = None
    order: tuple[int, ...] | None = None
    compiles: bool = False
    _graphs: tuple[Callable[..., Moved], Callable[..., Moved]] | None = None

    @abc.abstractmethod
    def push(self, z: Tensor, condition: Tensor | None = None) -> Moved:
        """Rows of noise to rows of data, (n, *shape), and log|det dx/dz|, (n,), both in the dtype of z."""

    @abc.abstractmethod
    def pull(self, x: Tensor, condition: Tensor | None = None) -> Moved:
        """Rows of data to rows of noise, (n, *shape), and log|det dz/dx|, (n,), both in the dtype of x."""

    def to_data(self, z: Tensor, condition: Tensor | None = None) -> Moved:
        """x in the shape of z, (..., *shape), and log|det dx/dz|, (...).

        Raises:
            UserError: if the shape is another, or there is not one condition for every row where one is wanted.
        """
        push = type(self).push if self._graphs is None else self._graphs[0]
        return self._by_rows(push, z, condition)

    def to_base(self, x: Tensor, condition: Tensor | None = None) -> Moved:
        """z in the shape of x, (..., *shape), and log|det dz/dx|, (...).

        Raises:
            UserError: if the shape is another, or there is not one condition for every row where one is wanted.
        """
        pull = type(self).pull if self._graphs is None else self._graphs[1]
        return self._by_rows(pull, x, condition)

    def log_density(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """log p(x) in nats, (...)."""
        z, log_det = self.to_base(x, condition)
        return log_det + self.base_log_density(z.reshape(log_det.numel(), *self.shape)).view_as(log_det)

    def base_log_density(self, z: Tensor) -> Tensor:
        """log density of the base law at rows of noise, (n,)."""
        z = z.flatten(1)
        if self.domain == "reals":
            return -0.5 * (z.square().sum(1) + z.shape[1] * math.log(2 * math.pi))
        low, high = BOUNDS[self.domain]
        flat = 0 * z.sum(1) - z.shape[1] * math.log(high - low)
        return flat if self.domain == "torus" else flat.masked_fill(((z < low) | (z > high)).any(1), -math.inf)

    def sample_base(self, draw: Draw) -> Tensor:
        """Noise of the base law for every sample of the draw."""
        if self.domain == "reals":
            return draw.normal("latent", *self.shape)
        low, high = BOUNDS[self.domain]
        return low + (high - low) * draw.uniform("latent", *self.shape)

    def sample(self, n: int, condition: Tensor | None = None, draw: Draw | None = None) -> Tensor:
        """n samples; without a draw, from fresh randomness, in the type of the parameters."""
        draw = draw if draw is not None else self.fresh(n)
        return self.to_data(self.sample_base(draw), condition)[0]

    def fresh(self, n: int) -> Draw:
        """Fresh randomness for n samples, in the type of the parameters."""
        like = next(self.parameters(), torch.empty(0))
        return Draw.fresh(n, dtype=like.dtype, device=like.device)

    def sample_and_log_density(self, draw: Draw, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """A sample for every row of the draw, and its log-density, (n,), at the cost of one direction."""
        z = self.sample_base(draw)
        x, log_det = self.to_data(z, condition)
        return x, self.base_log_density(z) - log_det

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """The log-density: what calling the module means."""
        return self.log_density(x, condition)

    def compile(self, *args: Any, **options: Any) -> None:
        """Compile both directions in place, with the options of torch.compile.

        The first calls take up to minutes. Second derivatives are not to be had of what is compiled.

        Raises:
            UserError: if this flow does not compile to one graph.
        """
        if not self.compiles:
            raise UserError(f"{type(self).__name__} does not compile to one graph: leave compile out")
        kind = type(self)
        self._graphs = torch.compile(kind.push, *args, **options), torch.compile(kind.pull, *args, **options)

    def _by_rows(self, move: Callable[..., Moved], x: Tensor, condition: Tensor | None) -> Moved:
        several = x.ndim - len(self.shape)
        leading = x.shape[: max(several, 0)]
        if x.shape[len(leading) :] != self.shape:
            expected = ", ".join(map(str, ("...", *self.shape)))
            raise UserError(f"{type(self).__name__}: data of shape {tuple(x.shape)}: expected ({expected})")
        condition = self._condition_of_rows(leading, condition)
        y, log_det = move(self, x.reshape(math.prod(leading), *self.shape), condition)
        return y.reshape(x.shape), log_det.reshape(leading)

    def _condition_of_rows(self, leading: torch.Size, condition: Tensor | None) -> Tensor | None:
        name = type(self).__name__
        if condition is None:
            if self.conditional:
                raise UserError(f"{name} wants a condition for every row, and none was given")
            return None
        if not self.conditional:
            raise UserError(f"{name} is not conditional: leave the condition out")
        if condition.shape[: len(leading)] != leading:
            given = f"a condition of shape {tuple(condition.shape)} for data of shape {(*leading, *self.shape)}"
            raise UserError(f"{name}: {given}: expected one for every row")
        wrapped = torch._C._functorch.is_functorch_wrapped_tensor(condition)  # whose numbers cannot be looked at
        if self.classes is not None and not wrapped and bool(((condition < 0) | (condition >= self.classes)).any()):
            raise UserError(f"{name}: a class outside 0 to {self.classes - 1}")
        return condition.reshape(math.prod(leading), *condition.shape[len(leading) :])
