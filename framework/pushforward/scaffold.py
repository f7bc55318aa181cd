"""A plugin to begin with: a package that installs, runs its recipe and passes its own tests as it is written."""

from __future__ import annotations

import keyword
import re
import shutil
from pathlib import Path
from string import Template

from pushforward import __version__
from pushforward.problem import RunFailed, UserError

TEMPLATES = Path(__file__).parent / "templates" / "plugin"
SUFFIX = ".template"  # so that no tool takes the templates themselves for code


def new_plugin(name: str, folder: Path) -> Path:
    """Write the package `folder/name`: one objective, its recipe, its tests.

    Args:
        name: the plugin's name, in kebab-case; its package is the same with underscores.
        folder: where the package's own folder is made.

    Returns:
        The new folder.

    Raises:
        UserError: if the name makes no Python package, or the folder is there already.
        RunFailed: if it cannot be written.
    """
    package = _package(name)
    root = folder / name
    if root.exists():
        raise UserError(f"{root} is there already: choose another name, or another folder")
    words = {"name": name, "package": package, "version": __version__}
    try:
        for template in sorted(TEMPLATES.rglob(f"*{SUFFIX}")):
            place = template.relative_to(TEMPLATES).as_posix().removesuffix(SUFFIX)
            file = root / place.replace("PACKAGE", package).replace("NAME", name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(Template(template.read_text("utf-8")).substitute(words), encoding="utf-8")
    except OSError as error:
        shutil.rmtree(root, ignore_errors=True)
        raise RunFailed(f"{root} cannot be written: {error.strerror}") from None
    return root


def _package(name: str) -> str:
    """The package's name.

    Raises:
        UserError: if it is none.
    """
    package = name.replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or keyword.iskeyword(package):
        raise UserError(
            f"{name!r} is no name for a plugin: expected lower-case words with dashes, such as my-losses, that make a"
            f" Python package ({package} would be its name)"
        )
    if package in ("pushforward", "torch", "tests"):
        raise UserError(f"{name!r} would hide the package {package!r}: choose another name")
    return package
