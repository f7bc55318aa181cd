"""From nodes to a plan: every mistake of a recipe is found in one go, and nothing is imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pushforward.capabilities import check_needs, given_by
from pushforward.grid import Cell, Grid, read_grid
from pushforward.limits import check_numbers
from pushforward.nodes import Node
from pushforward.plan import Part, Plan, Planned
from pushforward.problem import (
    PLUGIN,
    DataMissing,
    Place,
    PluginError,
    Problem,
    UserError,
    did_you_mean,
)
from pushforward.recipe import COMMAND_LINE, Recipe, find_recipe, read_recipe
from pushforward.records import Component, Kind, Metadata
from pushforward.registry import Registry, load
from pushforward.schema import DictOf, ListOf, OneOf, Plain, Shape, Slot, read_hint
from pushforward.signature import Parameter, read_signature
from pushforward.trainer import check_trainer

BOUND = ("shape", "classes", "target", "inputs", "outputs")  # arguments that follow from the data
KEYS = (
    "about",
    "extends",
    "plugins",
    "seed",
    "target",
    "model",
    "budget",
    "measure",
    "watch",
    "track",
    "trainer",
    "sweep",
)


def plan_recipe(
    name: str,
    overrides: Sequence[str] = (),
    plugins: Sequence[str] = (),
    above: tuple[str, ...] = (),
    axes: Sequence[str] = (),
) -> Plan:
    """Read, resolve and check a recipe; of a grid the plan is that of its first cell, and `plan.grid` has the others.

    Args:
        name: the recipe, by name or path.
        overrides: such as ``model.optimizer.lr=1e-3``.
        plugins: local plugin files beside those of the recipe.
        above: recipes that are being checked because they train this one.
        axes: values to sweep beside those of the recipe, such as ``seed=0:5``.

    Raises:
        UserError: with every mistake found; exit status 3 where only a plugin is to blame, else 2.
    """
    registry = Registry(plugins)
    recipe = read_recipe(name, registry.recipe_folders(), overrides)
    add_plugins(recipe, plugins)
    local = recipe.root.plain().get("plugins") or []
    if isinstance(local, list) and set(local) - set(plugins) and all(isinstance(path, str) for path in local):
        registry = Registry(local)
    grid = read_grid(recipe, axes, overrides)
    return _plan_grid(registry, grid, above) if grid is not None else Checker(registry, recipe, above).plan()


def plan_cell(registry: Registry, cell: Cell, above: tuple[str, ...] = ()) -> Plan:
    """The plan of one cell of a grid.

    Raises:
        UserError: with every mistake found.
    """
    return Checker(registry, cell.recipe(), above).plan()


def _plan_grid(registry: Registry, grid: Grid, above: tuple[str, ...]) -> Plan:
    """Every value is checked once, beside the first values of the other axes; a mistake stands where its value does."""
    plans: list[Plan] = []
    problems: dict[Problem, None] = {}
    status = None
    for cell, point in grid.probes():
        try:
            plans.append(plan_cell(registry, cell, above))
        except UserError as error:
            status = max(status or 0, error.status)
            new = [problem for problem in error.problems if problem not in problems]
            problems.update(dict.fromkeys(replace(p, place=point.place) if point is not None else p for p in new))
    if problems:
        raise UserError(problems, status=status)
    plans[0].grid = grid
    return plans[0]


def add_plugins(recipe: Recipe, plugins: Sequence[str]) -> None:
    """Put plugins of the command line into the recipe, so that the run that is kept knows them."""
    node = recipe.root.value.get("plugins") or Node([], COMMAND_LINE)
    if plugins and node.is_list:
        known = {item.value for item in node.value}
        paths = [str(Path(plugin).resolve()) for plugin in plugins]
        node.value += [Node(path, COMMAND_LINE) for path in paths if path not in known]
        recipe.root.value["plugins"] = node
        recipe.root.keys.setdefault("plugins", COMMAND_LINE)


class Checker:
    """Walks a recipe once; problems are collected, not raised."""

    def __init__(self, registry: Registry, recipe: Recipe, above: tuple[str, ...] = ()) -> None:
        self.registry, self.recipe, self.above = registry, recipe, above
        self.problems: list[Problem] = []
        self.plugin_to_blame = False
        self.role_kinds = registry.role_kinds

    def plan(self) -> Plan:
        """The plan.

        Raises:
            UserError: with all problems.
        """
        root = self.recipe.root
        self._top_level(root)
        self._local_plugins(root)
        plan = Plan(
            recipe=self.recipe,
            registry=self.registry,
            target=self._target(root),
            model=self._required(root, "model"),
            budget=self._component("budget", root.value.get("budget") or Node({}, root.place), "budget"),
            measures=self._list(root, "measure", "measure"),
            watchers=self._list(root, "watch", "watcher"),
            trackers=self._list(root, "track", "tracker"),
            trainer=self._trainer(root),
            seed=self._scalar(root, "seed", int, 0),
            about=self._scalar(root, "about", str, ""),
        )
        if plan.target is not None:
            self._read_metadata(plan)
        faulty = {problem.path.partition(".")[0] for problem in self.problems}
        if not faulty & {"target", "model"}:
            self.problems += check_needs(plan)
        if not faulty & {"budget", "trainer", "measure"}:
            self.problems += check_numbers(plan)
        if not self.problems:
            for _, answer in self.registry.ask("plan", plan=plan):
                self.problems += answer
            for plugin in self.registry.plugins:
                if plugin.reason.startswith("hook plan:"):
                    self._problem(
                        f"plugin {plugin.name!r} cannot check this recipe: {plugin.reason}", "", None, plugin=True
                    )
        if self.problems:
            ordered = sorted(self.problems, key=lambda p: (p.place.line, p.place.column) if p.place else (0, 0))
            raise UserError(ordered, status=PLUGIN if self.plugin_to_blame else None)
        return plan

    def _top_level(self, root: Node) -> None:
        for key, place in root.keys.items():
            if key not in KEYS:
                self._problem(f"unknown key{did_you_mean(key, KEYS)}", key, place)
        if "about" not in root.value:
            self._problem("missing: say in one sentence what this recipe shows", "about", root.place)

    def _local_plugins(self, root: Node) -> None:
        node = root.value.get("plugins")
        if node is None or node.value is None:
            return
        if not node.is_list or not all(isinstance(item.value, str) for item in node.value):
            self._problem("expected a list of files, such as [./my_loss.py]", "plugins", node.place)
            return
        states = {plugin.distribution: plugin for plugin in self.registry.plugins}
        for i, item in enumerate(node.value):
            plugin = states.get(item.value)
            if plugin is not None and plugin.state != "loaded":
                self._problem(f"plugin is {plugin.state}: {plugin.reason}", f"plugins.{i}", item.place, plugin=True)

    def _scalar(self, root: Node, key: str, kind: type, default: Any) -> Any:
        node = root.value.get(key)
        if node is None:
            return default
        if not isinstance(node.value, kind) or isinstance(node.value, bool):
            self._problem(f"expected {kind.__name__}, got {show(node)}", key, node.place)
            return default
        return node.value

    def _trainer(self, root: Node) -> dict[str, Any]:
        node = root.value.get("trainer")
        if node is None or node.value is None:
            return {}
        values, problems = check_trainer(node)
        self.problems += problems
        return values

    def _target(self, root: Node) -> Any:
        """The target; a model that asks nothing of one may be left without."""
        model = root.value.get("model")
        use = model.plain() if model is not None else None
        name = use.get("use") if isinstance(use, dict) else use
        entry = self.registry.find("model", name) if isinstance(name, str) and "target" not in root.value else None
        if entry is None or "target" in entry.component.needs:
            return self._required(root, "target")
        return self._component("target", Node("nothing", root.place), "target")

    def _required(self, root: Node, key: str) -> Any:
        if key not in root.value:
            self._problem("missing: every recipe has one", key, root.place)
            return None
        return self._component(key, root.value[key], key)

    def _list(self, root: Node, key: str, kind: str) -> list[Any]:
        node = root.value.get(key)
        if node is None or node.value is None:
            return []
        items = node.value if node.is_list else [node]
        return [self._component(kind, item, f"{key}.{i}" if node.is_list else key) for i, item in enumerate(items)]

    # components

    def _component(self, slot: str, node: Node, path: str) -> Any:
        """A component of a kind, or None after noting what is wrong."""
        kind = self.registry.kinds[slot]
        if isinstance(node.value, str):
            node = Node({"use": Node(node.value, node.place)}, node.place, {"use": node.place})
        if not node.is_mapping:
            return self._problem(
                f"expected {a(slot)}: a name, or a mapping with `use`; got {show(node)}", path, node.place
            )
        use = node.value.get("use")
        name = use.value if use is not None else kind.default
        place = use.place if use is not None else node.place
        if not isinstance(name, str) or not name:
            return self._problem(f"expected {a(slot)}: `use: NAME` is missing", path, node.place)
        found = self._find(kind, name, path, place)
        if found is None:
            return None
        try:
            own = Part(found.at, read_signature(found.at))
            around_at = kind.adapter if found.kind != slot else kind.wrapper
            around = Part(around_at, read_signature(around_at)) if around_at else None
        except PluginError as error:
            return self._problem(error.problems[0].what, path, place, plugin=True)
        planned = Planned(slot, found, own, around, path, place)
        if both := planned.ambiguous():
            what = f"{name!r} has an argument {both[0]!r}, and so has what every {slot} is put into: rename it"
            return self._problem(what, path, place, plugin=True)
        self._arguments(planned, node, found)
        planned.gives = given_by(planned, self.registry)
        if name == "trained" and not self._faulty(planned):
            self._check_trained(planned, self._held(node, path))
        return planned

    def _held(self, node: Node, path: str) -> tuple[str, ...] | None:
        """The roles that a `trained` component can stand for; None where its recipe cannot be planned."""
        recipe, run = (node.value[key].value if key in node.value else None for key in ("recipe", "run"))
        if (recipe is None) == (run is None):
            return self._problem("give either `recipe` or `run`", path, node.place)
        name = str(recipe) if recipe is not None else str(Path(str(run)) / "recipe.yaml")
        own = str(self.recipe.file.resolve())
        try:
            file = str(find_recipe(name, self.registry.recipe_folders())[1].resolve())
            if file in (*self.above, own):
                return self._problem(f"recipe {name!r} would have to be trained to train itself", path, node.place)
            plan = plan_recipe(name, above=(*self.above, own))
        except UserError as error:
            more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
            return self._problem(f"recipe {name!r}: {error.problems[0]}{more}", path, node.place)
        if plan.grid is not None:
            return self._problem(f"recipe {name!r} is a grid: name one that trains a single model", path, node.place)
        return plan.model.component.holds

    def _check_trained(self, planned: Planned, holds: tuple[str, ...] | None) -> None:
        if holds is not None and planned.slot not in holds:
            has = " and ".join(holds) or "nothing that can be taken"
            self._problem(f"that model holds {has}, and no {planned.slot}", planned.path, planned.place)

    def _find(self, kind: Kind, name: str, path: str, place: Place) -> Component | None:
        try:
            entry = self.registry.find(kind.name, name)
            if entry is None and kind.adapter:
                entry = self.registry.find("network", name)
        except PluginError as error:
            return self._problem(error.problems[0].what, path, place, plugin=True)
        if entry is not None:
            return entry.component
        known = self.registry.names(kind.name) + (self.registry.names("network") if kind.adapter else [])
        others = self.registry.elsewhere(name)
        if others:
            what = f"{name!r} is {a(others[0])}, not {a(kind.name)}: known are {', '.join(sorted(known))}"
        else:
            what = f"unknown {kind.name} {name!r}{did_you_mean(name, known)}"
            if not did_you_mean(name, known):
                what += f": known are {', '.join(sorted(known)) or 'none'}"
        return self._problem(what, path, place)

    def _arguments(self, planned: Planned, node: Node, component: Component) -> None:
        parts = planned.parts
        inner = next(iter(planned.around.signature.parameters), "") if planned.around else ""
        known = [
            n
            for part in parts
            for n in part.signature.parameters
            if n not in BOUND and not (part is planned.around and n == inner)
        ]
        for key, value in node.value.items():
            if key == "use":
                continue
            path = f"{planned.path}.{key}"
            part = next(
                (p for p in parts if key in p.signature.parameters and not (p is planned.around and key == inner)), None
            )
            if part is None:
                hint = did_you_mean(key, known) or (f": it takes {', '.join(known)}" if known else ": it takes none")
                self._problem(f"unknown argument of {component.name!r}{hint}", path, node.keys.get(key, value.place))
                continue
            if key in BOUND:
                self._problem("follows from the data: leave it out", path, node.keys.get(key, value.place))
                continue
            parameter = part.signature.parameters[key]
            shape = read_hint(parameter.hint, self.role_kinds)
            ok, checked = self._value(shape, value, path)
            if ok:
                part.arguments[parameter.keyword] = checked
                part.origins[parameter.keyword] = value.place
        for part in parts:
            part.bound = tuple(p.keyword for n, p in part.signature.parameters.items() if n in BOUND)
            for name, parameter in part.signature.parameters.items():
                if part is planned.around and name == inner:
                    continue
                if parameter.required and name not in BOUND and name not in node.value:
                    self._missing(planned, parameter)

    def _missing(self, planned: Planned, parameter: Parameter) -> None:
        hint = f" ({parameter.hint})" if parameter.hint else ""
        self._problem(
            f"{planned.component.name!r} needs {parameter.name!r}{hint}",
            f"{planned.path}.{parameter.name}",
            planned.place,
        )

    # values

    def _value(self, shape: Shape, node: Node, path: str) -> tuple[bool, Any]:
        """Whether a value fits a hint, and what the constructor gets."""
        if isinstance(shape, OneOf):
            shape = self._choose(shape, node)
        if isinstance(shape, Slot):
            planned = self._component(shape.kind, node, path)
            return planned is not None, planned
        if isinstance(shape, ListOf):
            items = node.value if node.is_list else [node]
            found = [self._value(shape.element, item, f"{path}.{i}") for i, item in enumerate(items)]
            return all(ok for ok, _ in found), [value for _, value in found]
        if isinstance(shape, DictOf):
            if not node.is_mapping:
                self._problem(f"expected {shape.text}, got {show(node)}", path, node.place)
                return False, None
            each = {key: self._value(shape.element, item, f"{path}.{key}") for key, item in node.value.items()}
            return all(ok for ok, _ in each.values()), {key: value for key, (_, value) in each.items()}
        if isinstance(shape, Plain) and node.is_mapping and "use" in node.value and shape.accepts(0.5):
            planned = self._component("schedule", node, path)  # any float may be a schedule
            return planned is not None, planned
        value = node.plain()
        if not isinstance(shape, Plain) or not shape.accepts(value):
            self._problem(f"expected {shape.text}, got {show(node)}", path, node.place)
            return False, None
        return True, shape.convert(value)

    def _choose(self, shape: OneOf, node: Node) -> Shape:
        """The alternative that a value can only mean."""
        slots = [s for s in shape.options if isinstance(s, Slot)]
        plains = [s for s in shape.options if isinstance(s, Plain)]
        lists = [s for s in shape.options if isinstance(s, ListOf)]
        dicts = [s for s in shape.options if isinstance(s, DictOf)]
        if node.value is None and any(s.accepts(None) for s in plains):
            return next(s for s in plains if s.accepts(None))
        if node.is_list and lists:
            return lists[0]
        if dicts and node.is_mapping and "use" not in node.value and not self._means_default(slots, node):
            return dicts[0]
        if slots and (node.is_mapping or isinstance(node.value, str)):
            name = node.value if isinstance(node.value, str) else node.plain().get("use")
            known = [s for s in slots if isinstance(name, str) and self._knows(s.kind, name)]
            if name == "trained" and len(known) > 1:
                quiet = Checker(self.registry, self.recipe, self.above)
                known = [s for s in known if s.kind in (quiet._held(node, "") or ())] or known
            return (known or slots)[0]
        fits = [s for s in plains if s.accepts(node.plain())]
        return fits[0] if fits else Plain(type(None), shape.text)

    def _means_default(self, slots: list[Slot], node: Node) -> bool:
        """Whether a mapping without `use` holds arguments of a kind's default component."""
        for slot in slots:
            entry = self.registry.find(slot.kind, self.registry.kinds[slot.kind].default)
            if entry is not None and set(node.value) & set(read_signature(entry.component.at).parameters):
                return True
        return False

    def _knows(self, kind: str, name: str) -> bool:
        bare = name.rpartition("/")[2]
        return bare in self.registry.names(kind) or (
            bool(self.registry.kinds[kind].adapter) and bare in self.registry.names("network")
        )

    # data

    def _read_metadata(self, plan: Plan) -> None:
        target = plan.target
        if not target.component.metadata or self._faulty(target):
            return
        try:
            found = load(target.component.metadata)(
                **{k: v for k, v in target.own.arguments.items() if not isinstance(v, Planned)}
            )
            plan.metadata = found if isinstance(found, Metadata) else None
        except DataMissing as error:
            plan.missing = error
        except PluginError as error:
            self._problem(error.problems[0].what, "target", target.place, plugin=True)
        except UserError as error:
            for problem in error.problems:
                self._problem(str(problem), "target", target.place)

    def _faulty(self, planned: Planned) -> bool:
        return any(p.path.startswith(planned.path) for p in self.problems)

    def _problem(self, what: str, path: str, place: Place | None, plugin: bool = False) -> Any:
        self.plugin_to_blame = self.plugin_to_blame or plugin
        self.problems.append(Problem(what, path, place))
        return None


def show(node: Node) -> str:
    """A value as an error message shows it."""
    text = "a list" if node.is_list else "a mapping" if node.is_mapping else repr(node.value)
    return text if len(text) <= 60 else text[:57] + "..."


def a(kind: str) -> str:
    """The kind with its article."""
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
