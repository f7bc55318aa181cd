"""The registry: every plugin loaded by itself, and what they offer under kind and name."""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import importlib
import importlib.metadata
import importlib.util
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from pushforward.hooks import Hooks
from pushforward.problem import PluginError, did_you_mean
from pushforward.records import API, Component, Kind
from pushforward.signature import source_of

GROUP = "pushforward"


@dataclass
class Plugin:
    """One plugin and how it fared.

    Args:
        name: its entry point's name, or the stem of its file.
        distribution: the package that brings it, or the file.
        version: of the distribution; empty for a file.
        state: `loaded`, `broken` or `refused`.
        reason: why it is not loaded.
        seconds: what loading took.
        offers: names that its source shows, for a plugin that is not loaded.
    """

    name: str
    distribution: str
    version: str = ""
    state: str = "loaded"
    reason: str = ""
    seconds: float = 0.0
    offers: set[str] = field(default_factory=set)
    module: ModuleType | None = None


@dataclass(frozen=True)
class Entry:
    """A component and the plugin that offers it."""

    component: Component
    plugin: Plugin


class Registry:
    """All kinds and components of the plugins that load; the others are listed with their reasons.

    Args:
        local: plugin files or folders named by a recipe or on the command line.
    """

    def __init__(self, local: Iterable[str] = ()) -> None:
        self.manager = pluggy.PluginManager("pushforward")
        self.manager.add_hookspecs(Hooks)
        self.plugins: list[Plugin] = []
        self.kinds: dict[str, Kind] = {}
        self._entries: dict[tuple[str, str], list[Entry]] = {}
        self._load(Plugin("pushforward", "pushforward", _version("pushforward")), "pushforward.builtin")
        for point in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda p: p.name):
            distribution = point.dist.name if point.dist else "?"
            self._load(Plugin(point.name, distribution, point.dist.version if point.dist else ""), point.value)
        for path in {str(Path(p).resolve()): p for p in local}.values():  # named twice, loaded once
            self._load(Plugin(Path(path).stem, str(path)), str(path))

    @property
    def role_kinds(self) -> dict[str, str]:
        """From the class names that hints use to kinds."""
        return {kind.role_name: kind.name for kind in self.kinds.values()}

    def entries(self, kind: str | None = None) -> list[Entry]:
        """Everything offered, by kind and name."""
        return [e for (k, _), found in sorted(self._entries.items()) for e in found if kind in (None, k)]

    def names(self, kind: str) -> list[str]:
        """The names of a kind."""
        return sorted({name for k, name in self._entries if k == kind})

    def find(self, kind: str, name: str) -> Entry | None:
        """What a recipe means by a name, bare or as `plugin/name`; None where there is no such thing.

        Raises:
            PluginError: if two plugins offer it, naming both, or the plugin that offers it is broken.
        """
        plugin, slash, bare = name.rpartition("/")
        found = self._entries.get((kind, bare if slash else name), [])
        if slash:
            found = [entry for entry in found if plugin in (entry.plugin.name, entry.plugin.distribution)]
        if len(found) > 1:
            sides = " and ".join(f"{e.plugin.distribution} (as {e.plugin.name}/{name})" for e in found)
            raise PluginError(f"{kind} {name!r} is offered by {sides}: say which")
        if found:
            return found[0]
        for broken in self.plugins:
            if broken.state != "loaded" and ((slash and plugin == broken.name) or bare in broken.offers):
                raise PluginError(
                    f"{kind} {name!r} comes from plugin {broken.name!r}, which is {broken.state}: {broken.reason}"
                )
        return None

    def elsewhere(self, name: str) -> list[str]:
        """The kinds under which a name is known."""
        return sorted({kind for kind, known in self._entries if known == name})

    def conflicts(self) -> list[str]:
        """Names that more than one plugin offers, one sentence each."""
        return [
            f"{kind} {name!r} is offered by {' and '.join(e.plugin.distribution for e in found)}"
            for (kind, name), found in sorted(self._entries.items())
            if len(found) > 1
        ]

    def recipe_folders(self) -> list[Path]:
        """Where recipes are: the host's own folder, then the plugins'."""
        folders = [own_recipes()]
        for plugin, answer in self.ask("recipes"):
            folders += [Path(folder) for folder in answer] if plugin.state == "loaded" else []
        return folders

    def ask(self, hook: str, **arguments: Any) -> Iterator[tuple[Plugin, Any]]:
        """Every plugin's answer to a hook; one that raises is marked broken and does not stop the others."""
        for plugin in self.plugins:
            if plugin.module is None or plugin.state != "loaded":
                continue
            for impl in getattr(self.manager.hook, hook).get_hookimpls():
                if impl.plugin is plugin.module:
                    try:
                        answer = impl.function(*(arguments[name] for name in impl.argnames))
                        yield plugin, list(answer) if answer is not None else []
                    except Exception as error:  # a stranger's code: whatever it raises is its reason
                        plugin.state, plugin.reason = "broken", f"hook {hook}: {_reason(error)}"

    def _load(self, plugin: Plugin, source: str) -> None:
        began = time.perf_counter()
        self.plugins.append(plugin)
        try:
            plugin.module = _import(source)
            self._register(plugin, plugin.module)
        except (Exception, SystemExit) as error:  # a stranger's code: whatever it raises is its reason
            if plugin.state == "loaded":
                plugin.state, plugin.reason = "broken", _reason(error)
            plugin.offers = _offers(source)
        plugin.seconds = time.perf_counter() - began

    def _register(self, plugin: Plugin, module: ModuleType) -> None:
        number = getattr(module, "PUSHFORWARD_API", API)
        if number != API:
            plugin.state = "refused"
            plugin.reason = f"it is written for plugin API {number}, this pushforward has API {API}"
            raise PluginError(plugin.reason)
        known = [name for name in vars(Hooks) if not name.startswith("_")]
        for name in vars(module):
            if self.manager.parse_hookimpl_opts(module, name) is not None and name not in known:
                raise PluginError(f"there is no hook {name!r}{did_you_mean(name, known)}")
        self.manager.register(module, name=f"{plugin.distribution}:{plugin.name}")
        kinds = self._own(plugin, "kinds", Kind)
        components = self._own(plugin, "components", Component)
        for kind in [_settled(kind, module) for kind in kinds]:
            if self.kinds.setdefault(kind.name, kind) is not kind:
                raise PluginError(f"kind {kind.name!r} is there already")
        for component in components:
            if component.kind not in self.kinds:
                raise PluginError(
                    f"{component.name!r} is of kind {component.kind!r}, which there is not"
                    f"{did_you_mean(component.kind, self.kinds)}"
                )
        for component in components:
            component = dataclasses.replace(component, at=_absolute(component.at, module))
            self._entries.setdefault((component.kind, component.name), []).append(Entry(component, plugin))

    def _own(self, plugin: Plugin, hook: str, record: type) -> list[Any]:
        answers = [answer for owner, answer in self.ask(hook) if owner is plugin]
        if plugin.state != "loaded":
            raise PluginError(plugin.reason)
        found = [item for answer in answers for item in answer]
        for item in found:
            if not isinstance(item, record):
                raise PluginError(f"hook {hook} gave {type(item).__name__}: expected {record.__name__}")
        return found


def load(at: str) -> Any:
    """Import what a record points to.

    Raises:
        PluginError: if it cannot be imported.
    """
    module, _, attribute = at.rpartition(":")
    try:
        found = _import(module)
        return getattr(found, attribute)
    except Exception as error:  # a stranger's code: whatever it raises is its reason
        raise PluginError(f"{at} cannot be loaded: {_reason(error)}") from error


def own_recipes() -> Path:
    """The recipes that come with the host: in the installed package, or beside it in a checkout."""
    here = Path(__file__).resolve().parent
    return here / "recipes" if (here / "recipes").is_dir() else here.parents[1] / "recipes"


def _import(source: str) -> ModuleType:
    path = Path(source)
    if path.is_dir():
        if str(path.parent) not in sys.path:
            sys.path.insert(0, str(path.parent))
        return importlib.import_module(f"{path.name}.plugin")
    if not source.endswith(".py"):
        return importlib.import_module(source)
    if not path.is_file():
        raise PluginError(f"there is no file {source}")
    digest = hashlib.blake2b(str(path.resolve()).encode(), digest_size=4).hexdigest()
    name = f"pushforward_local_{path.stem}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{source} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _settled(kind: Kind, module: ModuleType) -> Kind:
    """A kind whose paths say which module they are in."""
    role, adapter, wrapper = (_absolute(at, module) if at else "" for at in (kind.role, kind.adapter, kind.wrapper))
    return dataclasses.replace(kind, role=role, adapter=adapter, wrapper=wrapper)


def _absolute(at: str, module: ModuleType) -> str:
    """`:attribute` means the registering file itself."""
    name, _, attribute = at.rpartition(":")
    if name:
        return at
    local = module.__name__.startswith("pushforward_local_")
    return f"{module.__file__ if local else module.__name__}:{attribute}"


def _offers(source: str) -> set[str]:
    """Names in `Component("kind", "name", ...)` calls of a plugin that would not load."""
    try:
        path = Path(source) / "plugin.py" if Path(source).is_dir() else source_of(source)
        tree = ast.parse(path.read_text("utf-8"))
    except (PluginError, OSError, SyntaxError, ValueError):
        return set()
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func).endswith("Component")]
    words = [c.args[1] for c in calls if len(c.args) > 1] + [
        k.value for c in calls for k in c.keywords if k.arg == "name"
    ]
    return {w.value for w in words if isinstance(w, ast.Constant) and isinstance(w.value, str)}


def _reason(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return (
        f"{type(error).__name__}: {text[0]}"
        if text and not isinstance(error, PluginError)
        else str(error) or type(error).__name__
    )


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "?"
