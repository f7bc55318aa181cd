"""The Jacobian of some tensors in others as a linear operator: the graph is built once and every product reuses it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Point = dict[str, Tensor]  # as in the field: name -> value


class Linear:
    r"""The Jacobian of outputs in inputs, both named tensors that one live autograd graph connects.

    .. math:: J = \partial y / \partial x, \qquad J^\top w = \partial \langle w, y \rangle / \partial x, \qquad
        J u = \partial \langle u, J^\top w \rangle / \partial w

    For rules that need products with the Jacobian of a field, and for spectra: no product evaluates the field again.
    An output that does not depend on an input contributes zeros.

    Args:
        inputs: where the derivative is taken; each requires grad and is part of the outputs' graph.
        outputs: what is differentiated.
        create_graph: keep the products differentiable in the inputs.
        reduce: adds a list of tensors up over processes, applied to every product; None means there is one process.

    Raises:
        KeyError: if a product is asked of a name that is no input, or transposed no output.
    """

    def __init__(
        self,
        inputs: Point,
        outputs: Point,
        create_graph: bool = False,
        reduce: Callable[[list[Tensor]], list[Tensor]] | None = None,
    ) -> None:
        self.inputs, self.outputs = dict(inputs), dict(outputs)
        self.create_graph, self.reduce = create_graph, reduce
        self.size = sum(x.numel() for x in self.inputs.values())
        self._connected = [key for key, y in self.outputs.items() if y.requires_grad]
        self._dual: tuple[Point, Point] | None = None
        self._batched = True

    def times(self, tangent: Point) -> Point:
        """J u, with the keys of the outputs; inputs left out of `tangent` count as zero."""
        _refuse_strangers(tangent, self.inputs)
        products = dict(zip(self.outputs, self._times(tangent, batched=False), strict=True))
        return self._finish({key: _or_zeros(products[key], y) for key, y in self.outputs.items()})

    def transposed(self, cotangent: Point) -> Point:
        """J' w, with the keys of the inputs; outputs left out of `cotangent` count as zero."""
        _refuse_strangers(cotangent, self.outputs)
        asked = [key for key in self._connected if key in cotangent]
        found = _gradients(
            [self.outputs[key] for key in asked],
            list(self.inputs.values()),
            [cotangent[key] for key in asked],
            create_graph=self.create_graph,
        )
        return self._finish({key: _or_zeros(g, x) for (key, x), g in zip(self.inputs.items(), found, strict=True)})

    def block(self, vectors: Tensor) -> Tensor:
        """J applied to k flat vectors at once: (k, N) to (k, M), each flat in the order of the keys.

        All k go through the graph together; an operation that cannot is met by going one after another.
        """
        if len(vectors) > 1 and self._batched:
            try:
                return self._flat(self._times(self._pieces(vectors), batched=True), len(vectors))
            except RuntimeError:  # an operation without a batching rule
                self._batched = False
        rows = [self._flat(self._times(self._pieces(row), batched=False), 1) for row in vectors]
        return torch.cat(rows) if rows else vectors.new_zeros(0, sum(y.numel() for y in self.outputs.values()))

    def dense(self, chunk: int = 32) -> Tensor:
        """The matrix itself, (M, N), from `chunk` columns at a time."""
        eye = torch.eye(self.size, dtype=next(iter(self.inputs.values())).dtype)
        return torch.cat([self.block(rows) for rows in eye.split(chunk)]).T

    def _times(self, tangent: Point, batched: bool) -> Sequence[Tensor | None]:
        """J u for each output, None where it is zero; batched tensors have k in front."""
        dummies, pulled = self._transposed_once()
        asked = [key for key in pulled if key in tangent]
        found = _gradients(
            [pulled[key] for key in asked],
            list(dummies.values()),
            [tangent[key] for key in asked],
            create_graph=self.create_graph,
            batched=batched,
        )
        by_key = dict(zip(dummies, found, strict=True))
        return [by_key.get(key) for key in self.outputs]

    def _transposed_once(self) -> tuple[Point, Point]:
        """A cotangent w that only serves to be differentiated, and J' w as a linear function of it."""
        if self._dual is None:
            dummies = {key: torch.zeros_like(self.outputs[key]).requires_grad_() for key in self._connected}
            found = _gradients(
                [self.outputs[key] for key in self._connected],
                list(self.inputs.values()),
                list(dummies.values()),
                create_graph=True,
            )
            pulled = {k: g for k, g in zip(self.inputs, found, strict=True) if g is not None and g.requires_grad}
            self._dual = dummies, pulled
        return self._dual

    def _pieces(self, vectors: Tensor) -> Point:
        """Flat vectors (..., N) cut into the inputs' shapes."""
        parts = vectors.split([x.numel() for x in self.inputs.values()], dim=-1)
        return {
            key: part.reshape((*vectors.shape[:-1], *x.shape))
            for (key, x), part in zip(self.inputs.items(), parts, strict=True)
        }

    def _flat(self, products: Sequence[Tensor | None], k: int) -> Tensor:
        outputs = self.outputs.values()
        flat = [
            y.new_zeros(k, y.numel()) if p is None else p.reshape(k, y.numel())
            for p, y in zip(products, outputs, strict=True)
        ]
        return torch.cat(flat if self.reduce is None else self.reduce(flat), dim=1)

    def _finish(self, products: Point) -> Point:
        if self.reduce is None:
            return products
        return dict(zip(products, self.reduce(list(products.values())), strict=True))


def _gradients(
    of: list[Tensor], at: list[Tensor], weights: list[Tensor], create_graph: bool, batched: bool = False
) -> Sequence[Tensor | None]:
    if not of or not at:
        return [None] * len(at)
    with torch.enable_grad():
        return torch.autograd.grad(
            of,
            at,
            weights,
            retain_graph=True,
            create_graph=create_graph,
            allow_unused=True,
            is_grads_batched=batched,
        )


def _or_zeros(value: Tensor | None, like: Tensor) -> Tensor:
    return torch.zeros_like(like) if value is None else value


def _refuse_strangers(given: Point, known: Point) -> None:
    strangers = [key for key in given if key not in known]
    if strangers:
        raise KeyError(f"{strangers[0]!r} is none of {', '.join(known)}")
