"""Cells of a grid played at once: which of their numbers may be a batch dimension, and what is measured of each."""

from __future__ import annotations

import math
import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pushforward.builder import Builder, Built, build
from pushforward.check import plan_cell
from pushforward.dials import Dial, find_dial
from pushforward.ensemble import Ensemble, Number
from pushforward.field import State
from pushforward.frozen import frozen
from pushforward.grid import SEED, Cell
from pushforward.guarded import ROUNDS, Guarded
from pushforward.judgement import judged
from pushforward.linear import Point
from pushforward.plan import Plan
from pushforward.play import Play
from pushforward.problem import UserError
from pushforward.randomness import Draw, derive
from pushforward.reporter import measure_on, refuse_non_finite
from pushforward.rounds import Rounds
from pushforward.trace import LIMIT, Trace

ENSEMBLE = "ensemble"  # the trait of a model whose costs are pure functions of its numbers
AT_ONCE = 2**22  # numbers in the states of copies that are played at once
KEPT = 2**25  # numbers in the orbits that are kept of them
LOOKS_AT_MEMORY = "spectrum"  # the measure that wants what torch's optimizers remember

Results = dict[str, Any]
Values = dict[str, Any]


def play_together(plan: Plan, cells: Sequence[Cell]) -> list[Results] | None:
    """Play cells that differ in plain numbers and seeds alone, all at once.

    Every cell's game is built. Cells whose games are alike but in where they start and in floats that they keep
    under their own names are copies in one ensemble; other numbers part them. Each is measured and judged by its
    orbit at the end; spectra and remedies are left to runs.

    Args:
        plan: the plan of the first of them; its rounds count for all.
        cells: the cells; `cell.numbers` holds what differs, by path.

    Returns:
        Their results in the same order, with the keys of results.json; None where they have to be played one by one.
    """
    if len(cells) < 2 or not _allows(plan):
        return None
    values = {cell.index: cell.values for cell in cells}
    varied = [path for path in cells[0].numbers if len({own[path] for own in values.values()}) > 1]
    outside = [path for path in varied if path != SEED and find_dial(plan, path) is None]
    if any(path.startswith("budget.rounds") for path in outside):
        return None
    parts: dict[Hashable, list[Cell]] = {}
    for cell in cells:
        parts.setdefault(tuple(values[cell.index][path] for path in outside), []).append(cell)
    found: dict[int, Results] = {}
    for part in parts.values():
        try:
            own = plan if part[0] is cells[0] else plan_cell(plan.registry, part[0])
            own.budget.own.arguments["rounds"] = plan.value("rounds")
            dials = {path: dial for path in varied if (dial := find_dial(own, path)) is not None}
            found |= Together(own, dials, {cell.index: values[cell.index] for cell in part}).play()
        except Exception:  # played one by one, they say what is wrong
            return None
    return [found[cell.index] for cell in cells]


@dataclass
class Copies:
    """Cells whose games are alike, and the first one's own play, in which all of them are measured.

    Args:
        play: the play.
        numbers: the arguments of its components in which the cells differ.
        cells: their numbers.
        starts: where each of them starts.
    """

    play: Play
    numbers: dict[Number, Dial]
    cells: list[int] = field(default_factory=list)
    starts: list[State] = field(default_factory=list)


class Seen(Trace):
    """The orbit of one copy, as a play shows its own.

    Args:
        orbit: the orbit of all copies.
        start: where this one began, by parameter name.
        points: its numbers after each of the rounds that were kept, (T, N).
    """

    def __init__(self, orbit: Trace, start: Point, points: Tensor) -> None:
        super().__init__(start)
        self.every, self.when, self.where = orbit.every, orbit.rounds, points

    @property
    def rounds(self) -> Tensor:
        """Which rounds are kept, (T,)."""
        return self.when

    @property
    def points(self) -> Tensor:
        """Where the players were after each of them, (T, N)."""
        return self.where


class Together:
    """Plays cells of one grid in as few ensembles as their games allow.

    Args:
        plan: the plan of the first.
        dials: the numbers of the model that they set, by path.
        cells: their values by path, by number.
    """

    def __init__(self, plan: Plan, dials: Mapping[str, Dial], cells: Mapping[int, Values]) -> None:
        self.plan, self.dials, self.cells, self.rounds = plan, dials, cells, plan.value("rounds")
        self.built = build(plan)
        self.results: dict[int, Results] = {}

    def play(self) -> dict[int, Results]:
        """The results by the cells' numbers.

        Raises:
            Exception: if the game cannot be played so.
        """
        try:
            return self._play(start_only=True)
        except Exception:  # perhaps a number was missed that was taken for one of the start
            return self._play(start_only=False)

    def _play(self, start_only: bool) -> dict[int, Results]:
        began = time.perf_counter()
        self.results = {}
        with torch.random.fork_rng(devices=[]):
            several = self._several(start_only)
            if len(several) > 1 and all(len(copies.cells) == 1 for copies in several):
                raise RuntimeError("no two of the games are alike")
            for copies in several:
                at_once = self._at_once(copies)
                for first in range(0, len(copies.cells), at_once):
                    self._together(copies, slice(first, first + at_once))
        share = round((time.perf_counter() - began) / len(self.cells), 6)
        return {index: {**results, "seconds": share} for index, results in self.results.items()}

    def _at_once(self, copies: Copies) -> int:
        """How many copies memory should hold with their orbits."""
        start = copies.starts[0]
        size = sum(leaf.numel() for leaf in torch.utils._pytree.tree_leaves(start))
        orbit = sum(value.numel() for value in start.point.values()) * min(self.rounds, LIMIT)
        return max(1, min(AT_ONCE // size, KEPT // max(orbit * copies.play.trace.small, 1)))

    def _several(self, start_only: bool) -> list[Copies]:
        """Every cell's game is built, and put with those that are like it."""
        found: dict[Hashable, Copies] = {}
        for cell in self.cells:
            self._set(cell)
            builder = Builder(self.plan, {})
            target = self.built.target
            builder.bound = {"shape": tuple(target.shape), "classes": target.classes, "target": target}
            try:
                play: Play = builder.component(self.plan.model)
            except UserError as error:
                failed: Results = {"status": "failed", "rounds": 0, "measures": {}, "verdict": {}}
                self.results[cell] = failed | {"reason": str(error)}
                continue
            if builder.schedules or play.average is not None:
                raise RuntimeError("schedules and averages are followed in place")
            play.prepare(self.rounds, self.plan.seed, self.plan.value("accumulate"), [])
            start = Guarded(play).start()
            names = [planned.component.name for planned in self.plan.measures]
            if LOOKS_AT_MEMORY in names and any(start.memory.values()):
                raise RuntimeError("a measure looks at what optimizers remember")
            numbers = self._numbers(builder.made, start_only)
            remembered = tuple((name, *kept) for name, kept in start.memory.items())
            key = self._key(play, builder.made, numbers), remembered
            copies = found.setdefault(key, Copies(play, numbers))
            copies.cells.append(cell)
            copies.starts.append(start)
        return list(found.values())

    def _numbers(self, made: dict[str, list[Any]], start_only: bool) -> dict[Number, Dial]:
        """The arguments that components keep as they were given: floats, and with `start_only` others, too."""
        found: dict[Number, Dial] = {}
        for dial in self.dials.values():
            component = made[dial.planned.path][0]
            kept = vars(component).get(dial.keyword, component) == dial.value
            if kept and (dial.is_number or (start_only and not hasattr(type(component), dial.keyword))):
                found[component, dial.keyword] = dial
        return found

    def _key(self, play: Play, made: dict[str, list[Any]], numbers: dict[Number, Dial]) -> Hashable:
        """What copies must have in common: all of their game but its state and the numbers that are set for each."""
        left_out = {(id(component), name) for component, name in numbers}
        values = [_hashable(dial.value) for dial in self.dials.values() if dial not in numbers.values()]
        state = {id(p) for p in play.field.live.values()} | {id(b) for b in play.game.buffers()}
        things = {path: each[0] for path, each in made.items()}
        seed = play.seed if play.game.needs_data else None  # copies share their data
        return frozen(things, state, left_out), tuple(values), seed

    def _together(self, copies: Copies, some: slice) -> None:
        """Play some copies to the end, and measure them."""
        cells, starts = copies.cells[some], copies.starts[some]
        columns: dict[Number, list[Any]] = {number: [] for number in copies.numbers}
        for cell in cells:
            self._set(cell)
            for number, dial in copies.numbers.items():
                columns[number].append(dial.value)
        floats = {number: values for number, values in columns.items() if copies.numbers[number].is_number}
        dtype = next(iter(copies.play.field.live.values())).dtype
        numbers = {number: torch.tensor(values, dtype=dtype) for number, values in floats.items()}
        for component, name in columns.keys() - floats.keys():  # they are for the start: whatever reads them now fails
            delattr(component, name)
        guarded, orbit = Guarded(copies.play), Trace(copies.play.field.live)
        state = self._rounds(copies.play, Ensemble(guarded, numbers), Ensemble.stack(starts), cells, orbit)
        seen = orbit.points
        points = None if seen is None else _of_copies(seen, orbit.live)
        for i, cell in enumerate(cells):
            for (component, name), values in columns.items():
                setattr(component, name, values[i])
            if points is not None:
                copies.play.trace = Seen(orbit, starts[i].point, points[i])
            self.results[cell] = self._measured(copies.play, guarded, Ensemble.copy(state, i), cell)

    def _rounds(self, play: Play, ensemble: Ensemble, state: State, cells: Sequence[int], orbit: Trace) -> State:
        """All rounds of some copies; the orbit notes where they are."""
        seeds = [self._seed(cell) for cell in cells]
        first, own = seeds[0], len(set(seeds)) > 1
        for k in range(self.rounds):
            torch.default_generator.manual_seed(derive(first, "global", k, 0))
            dealt = {first: self._deal(play, first, k)}
            if own and (k == 0 or ensemble.draws):
                dealt = {seed: self._deal(play, seed, k) for seed in dict.fromkeys(seeds)}
            turns: Any = [dealt.get(seed, dealt[first]) for seed in seeds] if own else dealt[first]
            state = ensemble.round(state, turns)
            orbit.live = {key: state.point[key] for key in play.field.live} if orbit.small else {}
            orbit.note(k + 1, math.nan)  # nobody asks how strong the field was
        return state

    def _deal(self, play: Play, seed: int, k: int) -> list[Draw]:
        play.seed = seed
        dealt = Rounds(play, self.built.target, self.plan.value("batch"), 1).deal(k)
        return [draw.ready() for draw in dealt]  # nothing can be read inside a map over copies

    @torch.no_grad()
    def _measured(self, play: Play, guarded: Guarded, state: State, cell: int) -> Results:
        """What its own run would say of one copy."""
        seed = self._seed(cell)
        for key, parameter in play.field.live.items():
            parameter.copy_(state.point[key])
        for key, buffer in play.game.named_buffers():
            buffer.copy_(state.buffers[key])
        play.state = play.state._replace(rule=state.rule)
        play.played, play.seed, self.plan.seed = int(state.buffers[ROUNDS]), seed, seed
        built = Built(self.plan, self.built.target, play, self.built.measures, {}, {})
        results: Results = {"status": "completed", "rounds": play.played, "measures": {}}
        failure = ""
        try:
            if refusal := guarded.refusal(state):
                raise refusal
            refuse_non_finite(play)
            results["measures"] = measure_on(built, "test")
        except UserError as error:
            failure = str(error)
            results |= {"status": "failed", "reason": str(error)}
        return results | {"verdict": judged(built, results["measures"], {}, failure)}

    def _set(self, cell: int) -> None:
        """The plan becomes that of a cell."""
        for path, dial in self.dials.items():
            dial.set(self.cells[cell][path])
        self.plan.seed = self._seed(cell)

    def _seed(self, cell: int) -> int:
        return int(self.cells[cell].get(SEED, self.plan.seed))


def _allows(plan: Plan) -> bool:
    """Whether nothing but the numbers at the end is asked of cells, and the model is made for ensembles."""
    seen = plan.watchers or plan.trackers or plan.trainer
    chosen = plan.value("best") is not None or plan.value("patience") is not None
    return ENSEMBLE in plan.model.component.traits and not seen and not chosen


def _hashable(value: Any) -> Hashable:
    return tuple(_hashable(item) for item in value) if isinstance(value, list | tuple) else value


def _of_copies(seen: Tensor, now: Point) -> Tensor:
    """An orbit of stacked points, (T, all numbers), as one for each copy, (copies, T, N)."""
    pieces = seen.split([value.numel() for value in now.values()], 1)
    each = [piece.view(len(seen), len(value), -1) for piece, value in zip(pieces, now.values(), strict=True)]
    return torch.cat(each, 2).transpose(0, 1)


__all__ = ["Together", "play_together"]
