"""A density of one's own, without a plugin: a Python file with one function."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from pushforward import PythonFunction, Target, UserError
from pushforward_targets import metadata
from pushforward_targets.places import find


class PythonDensity(Target):
    r"""An unnormalised log-density that a Python file gives as a function of a tensor.

    .. math:: \log p(x) = f(x) - \log Z

    For sampling from, or estimating log Z of, a density of your own. The function takes x of shape (n, D) and gives
    the log-density -U(x), up to a constant, of shape (n,), in torch operations so that it can be differentiated in x.
    It may be -inf outside its support. The file is run when the target is built: name only files that you trust.

    Args:
        path: the Python file; relative to the current folder, or to $PUSHFORWARD_DATA.
        dimension: D, the numbers of a point.
        function: the function's name.
        log_z: log of the integral of exp(f), in nats, where you know it; None means unknown.

    Raises:
        DataMissing: if there is no such file.
        UserError: if it cannot be run, has no such function, or the function gives another shape or no gradient.
    """

    def __init__(self, path: Path, dimension: int, function: str = "log_density", log_z: float | None = None) -> None:
        self.shape = metadata.python_density(path, dimension, function, log_z).shape
        self.path, self.dimension, self.function, self.log_z = path, dimension, function, log_z
        self._file = find(path, "a Python file")
        self._call = PythonFunction(self._file, function)
        self._probe()

    def log_density(self, x: Tensor) -> Tensor:
        """f(x), (n,).

        Raises:
            UserError: if the function fails, or gives another shape.
        """
        value = self._call(x)
        if value.shape != (len(x),):
            raise UserError(
                f"{self._file}: {self.function} gave shape {tuple(value.shape)} for x of shape {tuple(x.shape)}: "
                f"expected ({len(x)},), one log-density for each row"
            )
        return value

    def _probe(self) -> None:
        x = torch.linspace(-1, 1, 3 * self.dimension).view(3, self.dimension).requires_grad_()
        with torch.enable_grad():
            value = self.log_density(x)
        if not value.requires_grad:
            raise UserError(
                f"{self._file}: {self.function} is not differentiable in x: use torch operations only, without "
                "detach, numpy or no_grad (where it is flat on purpose, add 0 * x.sum(1))"
            )
