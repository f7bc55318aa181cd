"""Whether a Python file defines a function, found by parsing it and not by running it."""

from __future__ import annotations

import ast
from pathlib import Path

from pushforward import UserError


def check(file: Path, function: str) -> None:
    """Make sure that `file` is Python and has `function` at its top level.

    Raises:
        UserError: if it is not, or has not.
    """
    if not file.is_file():
        raise UserError(f"{file} is a folder: expected a Python file with a function {function}(x)")
    try:
        tree = ast.parse(file.read_bytes())
    except SyntaxError as error:
        raise UserError(f"{file}:{error.lineno or 1}: this is no Python: {error.msg}") from None
    except ValueError as error:
        raise UserError(f"{file} is no Python file: {error}") from None
    names = {name for statement in tree.body for name in _bound(statement)}
    if function not in names and "*" not in names:
        functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
        there = f"it has {', '.join(functions)}" if functions else "it has none"
        raise UserError(f"{file} has no function {function!r}: {there}")


def _bound(node: ast.AST) -> list[str]:
    """Names that a statement binds at its own level: not those inside of functions and classes."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names]
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return [node.id]
    return [name for child in ast.iter_child_nodes(node) for name in _bound(child)]
