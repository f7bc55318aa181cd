"""`pushforward doctor`: what is installed, what is broken, and what is slow to load."""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import os
import platform
from pathlib import Path
from typing import Any

from pushforward.printing import print_json, print_table
from pushforward.verbs import Verbs, add_json, add_verb

EXAMPLES = ("pushforward doctor", "pushforward doctor --json")
TRACKERS = {"wandb": "wandb", "tensorboard": "tensorboard", "mlflow": "mlflow"}  # tracker to the module it imports
FOLDERS = {"PUSHFORWARD_DATA": "", "PUSHFORWARD_CACHE": "~/.cache/pushforward"}
SLOW = 0.1  # seconds


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    about = "Nothing is imported but the plugins' registration. The exit status is 3 if a plugin is broken, 1 if a\n"
    about += "package is missing or of a version that is not taken."
    add_json(add_verb(verbs, "doctor", "say what is installed, broken or slow", EXAMPLES, act, about))


def act(args: argparse.Namespace) -> int:
    """Look at everything that a run depends on."""
    from pushforward.commands.plugins import try_hooks
    from pushforward.problem import DONE, FAILED, PLUGIN
    from pushforward.registry import Registry

    registry = Registry()
    try_hooks(registry)
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": [package(requirement) for requirement in required()],
        "plugins": [
            {"name": p.name, "version": p.version, "state": p.state, "reason": p.reason, "seconds": round(p.seconds, 4)}
            for p in registry.plugins
        ],
        "conflicts": registry.conflicts(),
        "trackers": {name: importlib.util.find_spec(module) is not None for name, module in TRACKERS.items()},
        "folders": {variable: _folder(variable, default) for variable, default in FOLDERS.items()},
    }
    if args.json:
        print_json(found)
    else:
        _print(found)
    if any(plugin["state"] != "loaded" for plugin in found["plugins"]):
        return PLUGIN
    return FAILED if any(package["problem"] for package in found["packages"]) else DONE


def required() -> list[str]:
    """What this distribution asks for, without its extras."""
    try:
        lines = importlib.metadata.requires("pushforward") or []
    except importlib.metadata.PackageNotFoundError:
        return []
    return [line for line in lines if "extra ==" not in line]


def package(requirement: str) -> dict[str, str]:
    """A requirement, the version that is there, and what is wrong with it."""
    from packaging.requirements import Requirement

    wanted = Requirement(requirement)
    try:
        version = importlib.metadata.version(wanted.name)
    except importlib.metadata.PackageNotFoundError:
        return {"name": wanted.name, "version": "", "wanted": str(wanted.specifier), "problem": "missing"}
    taken = wanted.specifier.contains(version, prereleases=True)
    problem = "" if taken else f"expected {wanted.specifier}"
    return {"name": wanted.name, "version": version, "wanted": str(wanted.specifier), "problem": problem}


def _folder(variable: str, default: str) -> dict[str, Any]:
    text = os.environ.get(variable) or default
    folder = Path(text).expanduser() if text else None
    return {"set": variable in os.environ, "folder": str(folder or ""), "exists": bool(folder and folder.is_dir())}


def _print(found: dict[str, Any]) -> None:
    print(f"python {found['python']} on {found['platform']}\n\npackages")
    print_table([(p["name"], p["version"], p["problem"] or "ok") for p in found["packages"]], indent="  ")
    print("\nplugins")
    print_table([_fared(plugin) for plugin in found["plugins"]], indent="  ")
    for conflict in found["conflicts"]:
        print(f"  conflict: {conflict}")
    print("\ntrackers")
    print_table([("csv", "always"), ("png", "always"), *map(_tracked, found["trackers"].items())], indent="  ")
    print("\nfolders")
    print_table([(f"${name}", _told(folder)) for name, folder in found["folders"].items()], indent="  ")


def _fared(plugin: dict[str, Any]) -> tuple[str, ...]:
    state = plugin["state"] + (f": {plugin['reason']}" if plugin["reason"] else "")
    slow = " (slow: does its registration import torch?)" if plugin["seconds"] > SLOW else ""
    return plugin["name"], plugin["version"], f"{plugin['seconds'] * 1000:.1f} ms", state + slow


def _tracked(item: tuple[str, bool]) -> tuple[str, str]:
    name, there = item
    return name, "installed" if there else f"not installed: pip install 'pushforward[{name}]'"


def _told(folder: dict[str, Any]) -> str:
    if not folder["folder"]:
        return "not set: relative paths of data are looked for in the current folder only"
    by_default = "" if folder["set"] else " (by default)"
    return f"{folder['folder']}{by_default}{'' if folder['exists'] else ', which is not there yet'}"
