"""A curve or surface of one's own, without a plugin: a Python file with one function."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from pushforward import PythonFunction, UserError
from pushforward_shapes.shape import ParametrisedShape


class PythonShape(ParametrisedShape):
    r"""A curve or surface that a Python file gives as a function of its parameters.

    .. math:: x \in [0, 1]^d \mapsto c(x) \in \mathbb{R}^m

    The function takes x of shape (n, d) and gives points (n, m), row by row, in torch operations: derivatives are
    taken from it. It should be smooth. The file is run when the shape is made: name
    only files that you trust.

    Args:
        path: the Python file, relative to the current folder.
        parameters: d, 1 for a curve and 2 for a surface.
        function: the function's name.

    Raises:
        UserError: if there is no such file, it cannot be run or has no such function, d is neither 1 nor 2, or the
            function gives another shape or cannot be differentiated.
    """

    def __init__(self, path: Path, parameters: int = 1, function: str = "shape") -> None:
        if parameters not in (1, 2):
            raise UserError(f"python-shape: parameters is {parameters}, expected 1 for a curve or 2 for a surface")
        self.path, self.parameters, self.function = path, parameters, function
        self._call = PythonFunction(Path(path).expanduser(), function)
        self.space = self.at(torch.full((3, parameters), 0.3, dtype=torch.float64))[0].shape[1]

    def at(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Points and derivatives, by automatic differentiation."""
        keep = torch.is_grad_enabled()
        with torch.enable_grad():
            x = x if x.requires_grad else x.detach().requires_grad_()
            points = self._call(x)
            if points.ndim != 2 or len(points) != len(x):
                raise UserError(
                    f"{self.path}: {self.function} gave shape {tuple(points.shape)} for x of shape {tuple(x.shape)}: "
                    f"expected ({len(x)}, m), one point for each row"
                )
            if not points.requires_grad:
                raise UserError(
                    f"{self.path}: {self.function} cannot be differentiated in x: use torch operations only, without "
                    "detach, numpy or no_grad"
                )
            rows = [torch.autograd.grad(p.sum(), x, create_graph=True)[0] for p in points.unbind(1)]
            derivative = torch.stack(rows, 1)
        return (points, derivative) if keep else (points.detach(), derivative.detach())
