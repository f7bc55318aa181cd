"""The residual flow: every layer moves a point by a contraction, so that it can be undone by going round in circles."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pushforward import Flow, RunFailed, UserError
from pushforward.numerics.divergence import row_signs, salt_of
from pushforward_flow.layered import Condition, Moved, checked

TURNS = 2000  # of the fixed-point iteration, at most
POLISHED = 2  # steps of Newton's method, which give derivatives of first and second order


class Contraction(nn.Module):
    r"""A network of Lipschitz constant `bound`, in the norm of Euclid: every weight is divided by its norm if above.

    .. math:: g = W_k\, a(\cdots a(W_1 x)), \qquad
        W \mapsto W \cdot \frac{c}{\max(c, \|W\|_2)}, \quad c = \text{bound}^{1/k}

    The largest singular value is the exact one, so nothing is estimated from move to move. The activation is the sine,
    which is smooth, has slope at most one, and never saturates for good.

    Args:
        features: numbers of a row.
        hidden: units of its hidden layers.
        bound: the Lipschitz constant, below 1.
        context: how many numbers of a context it sees beside each row.
    """

    def __init__(self, features: int, hidden: list[int], bound: float, context: int) -> None:
        super().__init__()
        sizes = [features, *hidden, features]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.beside = nn.Linear(context, sizes[1], bias=False) if context else None
        self.each = bound ** (1 / len(self.layers))
        nn.init.zeros_(self.layers[-1].weight)
        nn.init.zeros_(self.layers[-1].bias)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """g(x), (n, D)."""
        for i, layer in enumerate(self.layers):
            weight = layer.weight
            x = F.linear(x.sin() if i else x, weight * (self.each / norm(weight).clamp(min=self.each)), layer.bias)
            if not i and self.beside is not None:
                x = x + self.beside(context)
        return x


def norm(weight: Tensor) -> Tensor:
    """The largest singular value of a matrix."""
    value: Tensor = torch.linalg.matrix_norm(weight, 2)
    return value


class ResidualFlow(Flow):
    r"""Every point moves by a contraction.

    .. math:: z = x + g(x), \quad \mathrm{Lip}(g) < 1, \qquad
        \log \det (I + J) = \sum_{k \ge 1} \tfrac{(-1)^{k+1}}{k} \operatorname{tr} J^k

    No coordinate is favoured and the network is free in form, which suits densities that have no order. A density takes
    one pass and the determinant, a sample a fixed-point iteration of each layer, whose error falls by the Lipschitz
    constant every turn.

    The determinant is exact in few dimensions. In more, `terms` of the series are taken with one Rademacher probe for
    each row, then a random number more of them, weighted so that the mean over probes is the whole series (the Russian
    roulette of the reference). Probe and number are a hash of the row that enters and of the weights: a row has one
    density in whatever batch it stands, training cannot fit its probe, which is another one after every move, and the
    estimates of the two directions are independent.

    Reference: Behrmann et al., "Invertible Residual Networks", 2018, arXiv:1811.00995; Chen, Behrmann, Duvenaud,
    Jacobsen, "Residual Flows for Invertible Generative Modeling", 2019, arXiv:1906.02735, theorem 1.

    Args:
        shape: the shape of one datum, flattened; it follows from the data.
        transforms: how many layers follow each other.
        hidden: units of the hidden layers of each layer's network.
        lipschitz: the Lipschitz constant of every g, above 0 and below 1.
        tolerance: to which the iteration is followed: the largest change of a coordinate.
        determinant: `exact`, D passes for each row; `series`; or `auto`: exact up to 8 dimensions.
        terms: terms of the series that are always taken.
        classes: number of classes, for a conditional flow.
        conditional: whether every datum comes with its class, or with a vector of `context` numbers.
        context: how many numbers that vector has; 0: the condition is the class.

    Raises:
        UserError: if a number is out of range, or there are no labels where they are the condition. RunFailed if the
            iteration does not end.
    """

    inverse_kind = "iterative"

    def __init__(
        self,
        shape: tuple[int, ...],
        transforms: int = 8,
        hidden: list[int] = [64, 64],  # noqa: B006
        lipschitz: float = 0.9,
        tolerance: float = 1e-6,
        determinant: Literal["auto", "exact", "series"] = "auto",
        terms: int = 8,
        classes: int | None = None,
        conditional: bool = False,
        context: int = 0,
    ) -> None:
        super().__init__()
        features = checked("residual-flow", shape, transforms, hidden)
        if not 0 < lipschitz < 1 or not tolerance > 0 or terms < 1:
            raise UserError(
                f"residual-flow: lipschitz is {lipschitz}, tolerance {tolerance}, terms {terms}: expected a number"
                " between 0 and 1, one above 0, and at least 1"
            )
        self.shape, self.transforms, self.hidden, self.lipschitz = tuple(shape), transforms, list(hidden), lipschitz
        self.tolerance, self.determinant, self.terms = tolerance, determinant, terms
        self.condition = Condition(conditional, classes, context)
        self.conditional, self.classes, self.context = self.condition.width > 0, self.condition.classes, context
        self.exact = determinant == "exact" or (determinant == "auto" and features <= 8)
        self.layers = nn.ModuleList(
            Contraction(features, hidden, lipschitz, self.condition.width) for _ in range(transforms)
        )

    def pull(self, x: Tensor, condition: Tensor | None = None) -> Moved:
        """One pass of every layer."""
        y, context = x.flatten(1), self.condition(condition, x)
        total = y.new_zeros(len(y))
        for i, layer in enumerate(self.layers):
            total = total + self._log_det(layer, y, context, x.flatten(1) + i)
            y = y + layer(y, context)
        return y.view_as(x), total

    def push(self, z: Tensor, condition: Tensor | None = None) -> Moved:
        """Every layer undone, the last first."""
        y, context = z.flatten(1), self.condition(condition, z)
        total = y.new_zeros(len(y))
        for i, layer in enumerate(reversed(self.layers)):
            y = self._undone(layer, y, context)
            total = total - self._log_det(layer, y, context, z.flatten(1) + i)
        return y.view_as(z), total

    def _undone(self, layer: nn.Module, z: Tensor, context: Tensor | None) -> Tensor:
        """The x with x + g(x) = z, by iteration; then by Newton's method, whose steps carry the derivatives."""
        with torch.no_grad():
            x = z
            for _ in range(TURNS):
                new = z - layer(x, context)
                moved = (new - x).abs()
                x = new
                if not bool((moved > self.tolerance).any()):  # a row of NaN ends nothing and starts nothing
                    break
            else:
                raise RunFailed(f"residual-flow: {TURNS} turns did not bring a layer's inverse to {self.tolerance}")
        if not (self.exact and torch.is_grad_enabled()):
            return self._attached(layer, z, x, context)
        for _ in range(POLISHED):
            rest = x + layer(x, context) - z
            x = x - torch.linalg.solve(_identity(x) + jacobian(lambda y: layer(y, context), x), rest)
        return x

    def _attached(self, layer: nn.Module, z: Tensor, x: Tensor, context: Tensor | None) -> Tensor:
        """The same point with a graph: as many turns more as make what is left out smaller than the tolerance."""
        if not torch.is_grad_enabled():
            return x
        for _ in range(math.ceil(math.log(self.tolerance) / math.log(self.lipschitz))):
            x = z - layer(x, context)
        return x

    def _log_det(self, layer: nn.Module, x: Tensor, context: Tensor | None, luck: Tensor) -> Tensor:
        def g(y: Tensor) -> Tensor:
            out: Tensor = layer(y, context)
            return out

        if self.exact:
            found: Tensor = torch.linalg.slogdet(_identity(x) + jacobian(g, x)).logabsdet
            return found
        return series(g, x, luck, self.terms, salt_of(self))


def jacobian(g: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """dg/dx at every row, (n, D, D), by one backward pass for each coordinate."""
    keep = torch.is_grad_enabled()
    with torch.enable_grad():
        x = x if x.requires_grad else x.detach().requires_grad_()
        rows = g(x).sum(0)
        found = [torch.autograd.grad(row, x, create_graph=keep, retain_graph=True)[0] for row in rows]
    return torch.stack(found, 1)


def series(g: Callable[[Tensor], Tensor], x: Tensor, luck: Tensor, terms: int, salt: Tensor | None = None) -> Tensor:
    """An unbiased estimate of log det (I + dg/dx) at every row, (n,), by the power series of the logarithm.

    Probes and lengths are a hash of `luck`, (n, D), and of some salt: of what enters the flow, since the last digits of
    what layers make of it depend on the batch.
    """
    keep = torch.is_grad_enabled()
    probe, more = row_signs(luck, salt), further(luck, salt)  # P(more >= m) = 2^-m
    with torch.enable_grad():
        x = x if x.requires_grad else x.detach().requires_grad_()
        y, product, total = g(x), probe, x.new_zeros(len(x))
        for k in range(1, terms + int(more.max().item() if len(more) else 0) + 1):
            (product,) = torch.autograd.grad(y, x, product, create_graph=keep, retain_graph=True)
            weight = torch.where(more >= k - terms, 2.0 ** max(k - terms, 0), 0.0).to(x.dtype)
            total = total + weight * (-1) ** (k + 1) / k * (product * probe).sum(1)
    return total


def further(x: Tensor, salt: Tensor | None = None) -> Tensor:
    """How many terms more each row takes, (n,): a geometric number, by a hash of the row and of some salt."""
    bits = row_signs(x[:, :1].repeat(1, 64) + x.sum(1, keepdim=True), salt) > 0
    return bits.to(torch.int64).cumprod(1).sum(1)


def _identity(x: Tensor) -> Tensor:
    return torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
