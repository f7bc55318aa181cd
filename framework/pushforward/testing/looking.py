"""What measures, watchers and trackers keep: they look, they repeat, and they touch nothing."""

from __future__ import annotations

import pickle
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from pushforward.game import Game
from pushforward.optimizers import SGD
from pushforward.play import Play
from pushforward.problem import UserError
from pushforward.randomness import Draw
from pushforward.roles.measure import Look
from pushforward.roles.target import Target
from pushforward.roles.tracker import RunInfo
from pushforward.rules.turns import Simultaneous
from pushforward.testing.stand_ins import Blobs, Looked
from pushforward.testing.subject import SHAPES, ContractBroken, Subject, require

SAMPLES = 256  # a contract needs no precise value
N, ROUNDS = 64, 3  # what has been played before the look


def measures_without_touching(subject: Subject) -> None:
    """A measure gives a value with an error or a count, repeats, and leaves the game and all generators alone"""
    measure = subject.make()
    measure.samples = min(measure.samples or SAMPLES, SAMPLES)
    found = _look_twice(subject, measure.measure)
    for values in found:
        require(isinstance(values, dict) and "value" in values, f"it gave {values!r}: expected at least `value`")
        require({"standard_error", "n"} & set(values), f"neither standard_error nor n among {', '.join(values)}")
        strange = [key for key, value in values.items() if not isinstance(value, int | float)]
        require(not strange, f"{', '.join(strange)} are no numbers")
    require(repr(found[0]) == repr(found[1]), f"two looks at one model gave {found[0]} and {found[1]}")
    require(measure.better in ("lower", "higher", None), f"better is {measure.better!r}: lower, higher or None")


def draws_without_touching(subject: Subject) -> None:
    """A watcher gives an RGB picture, repeats, and leaves the game and all generators alone"""
    first, second = _look_twice(subject, subject.make().picture)
    require(isinstance(first, Image.Image) and first.mode == "RGB", f"it gave {first!r}: expected an RGB image")
    require(first.tobytes() == second.tobytes(), "two looks at one model gave different pictures")


def tracks_a_run(subject: Subject) -> None:
    """A tracker takes numbers and pictures of a run and of its resumption"""
    with tempfile.TemporaryDirectory() as name:
        folder, memory = Path(name), dict[str, str]()
        picture = folder / "drawn.png"
        Image.new("RGB", (4, 4)).save(picture)
        for start in (0, 1):
            tracker = subject.make()
            tracker.open(RunInfo(folder, "contract-1", {"about": "a contract", "seed": 0}, start, memory))
            tracker.numbers(start + 1, {"cost/generator/objective": 0.5, "validation/mmd": 0.1 * start})
            tracker.picture(start + 1, "dots", picture)
            tracker.close("completed", {"status": "completed", "measures": {"mmd": {"value": 0.1, "n": 5}}})


MEASURE = (measures_without_touching,)
WATCHER = (draws_without_touching,)
TRACKER = (tracks_a_run,)


def _look_twice(subject: Subject, looking: Any) -> list[Any]:
    """What it gives for two equal looks at data of the first shape that it takes."""
    refusals = []
    given = subject.looked_at.get("target")
    for target in [given] if given is not None else [Blobs(shape) for shape in SHAPES]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            game = _game(subject, target)
            play = Play(game, Simultaneous(), SGD(0.05))
            play.configure_optimizers()
            for k in range(ROUNDS):
                draws = [Draw(0, (k, i), N) for i in range(play.turns)]
                play.training_step([d.with_data(*target.batch(d)) if game.needs_data else d for d in draws], 0)
        try:
            return [_looked(looking, play, target) for _ in range(2)]
        except UserError as error:
            refusals.append(f"{tuple(target.shape)}: {error}")
    raise ContractBroken("it takes none of the data that were tried: " + "; ".join(refusals))


def _game(subject: Subject, target: Target) -> Game:
    """The given one, the stand-in, or the first registered game that gives what the record asks and that one lacks."""
    if "model" in subject.looked_at:
        return subject.looked_at["model"]
    needs = set(subject.component.needs.get("model", ()))
    if needs <= set(Looked.gives):
        return Looked(target)
    for entry in subject.registry.entries("model"):
        if needs <= set(entry.component.gives):
            try:
                return Subject(subject.registry, "model", entry.component.name, {}).make()
            except ContractBroken:
                continue
    raise ContractBroken(f"no registered model gives {' and '.join(sorted(needs))}, as its record asks")


def _looked(looking: Any, play: Play, target: Target) -> Any:
    game = play.game
    before = {name: tensor.clone() for name, tensor in game.state_dict().items()}
    states = torch.get_rng_state(), random.getstate(), pickle.dumps(np.random.get_state())
    found = looking(Look(game, target, "validation", round=ROUNDS, seed=5, play=play))
    after = torch.get_rng_state(), random.getstate(), pickle.dumps(np.random.get_state())
    require(torch.equal(states[0], after[0]) and states[1:] == after[1:], "it moved a global random generator")
    changed = [name for name, tensor in game.state_dict().items() if not torch.equal(tensor, before[name])]
    require(not changed, f"it changed {', '.join(changed)}")
    require(all(p.grad is None for p in game.parameters()), "it left gradients behind")
    return found
