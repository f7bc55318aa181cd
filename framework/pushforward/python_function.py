"""A function of one's own in a Python file, without a plugin: run from its file, its mistakes named by their lines."""

from __future__ import annotations

import importlib.util
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import Tensor

from pushforward.problem import UserError


class PythonFunction:
    """A function from tensor to tensor that a Python file has; the file is run when this is made.

    Args:
        file: the file.
        name: the function's name.

    Raises:
        UserError: if there is no such file, it cannot be run, or has no such function.
    """

    def __init__(self, file: Path, name: str) -> None:
        if not file.is_file():
            raise UserError(f"there is no Python file at {file.absolute()}")
        self.file, self.name = file, name
        self._call: Any = getattr(_load(file), name, None)
        if not callable(self._call):
            raise UserError(f"{file}: {name} is no function")

    def __call__(self, x: Tensor) -> Tensor:
        """What it gives.

        Raises:
            UserError: if it fails, or gives no tensor.
        """
        try:
            value = self._call(x)
        except Exception as error:  # whatever a user's function raises
            raise UserError(f"{_line(self.file, error)}: {self.name} failed: {_said(error)}") from error
        if not isinstance(value, Tensor):
            raise UserError(f"{self.file}: {self.name} gave {type(value).__name__}: expected a tensor")
        return value


def _load(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"pushforward_function_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise UserError(f"{file} is no Python file: its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a user's file raises
        raise UserError(f"{_line(file, error)}: it cannot be imported: {_said(error)}") from error
    return module


def _line(file: Path, error: Exception) -> str:
    """The file, with the last of its lines that the error went through."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(file.absolute())]
    return f"{file}:{lines[-1]}" if lines else str(file)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0]}" if str(error) else type(error).__name__
