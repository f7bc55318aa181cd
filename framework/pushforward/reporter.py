"""What happens between rounds: measures, pictures, trackers, checkpoints. It looks at the game and never touches it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from PIL import Image

from pushforward.builder import Built
from pushforward.checkpoint import write_checkpoint
from pushforward.doubts import doubts
from pushforward.health import watched
from pushforward.ledger import NonFinite
from pushforward.play import Play
from pushforward.problem import RunFailed, UserError
from pushforward.progress import Progress
from pushforward.roles.measure import Look, Measure
from pushforward.roles.target import Split
from pushforward.trackers.png import picture_path
from pushforward.trackers.together import Trackers


class Reporter(pl.Callback):
    """At every report: mean costs, measures on the validation split, pictures, trackers, then the checkpoint.

    Args:
        built: the recipe as objects.
        folder: the run's folder.
        trackers: where numbers go.
        progress: the line on the terminal.
        fingerprint: written into checkpoints.
    """

    def __init__(self, built: Built, folder: Path, trackers: Trackers, progress: Progress, fingerprint: str) -> None:
        self.built, self.folder, self.trackers, self.progress = built, folder, trackers, progress
        self.fingerprint = fingerprint
        self.best_name: str | None = built.plan.value("best")
        self.patience: int | None = built.plan.value("patience")
        self.measure_seconds: dict[str, float] = {}  # what each measure took, the last time
        self.process = (0, 1)  # which of how many processes this is
        self.best: dict[str, Any] = {"value": None, "round": 0, "waited": 0}
        self.seconds: Callable[[], float] = lambda: 0.0
        self.after_report: Callable[[int], None] = lambda played: None

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Learn which process this is."""
        self.process = (trainer.global_rank, trainer.world_size)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """A report."""
        play = self.built.play
        several = trainer.world_size > 1
        values = play.ledger.report()
        stop = False
        if trainer.is_global_zero:
            stop = self.report(values)
        else:
            refuse_non_finite(play)
            self.measure("validation")
        if several:
            stop = bool(trainer.strategy.broadcast(stop))
        trainer.should_stop = trainer.should_stop or stop
        self.after_report(play.played)

    def report(self, values: dict[str, float]) -> bool:
        """Look, tell and save; whether patience has run out."""
        play = self.built.play
        refuse_non_finite(play)
        measured = self.measure("validation")
        flat = flatten(measured)
        values = values | watched(self.built, values)
        self.trackers.numbers(play.played, values | {f"validation/{name}": value for name, value in flat.items()})
        self.pictures()
        better = self._is_better(flat)
        if better:
            self.save(play, "best")  # first: a kill in between leaves `last` to make this report again
        self.save(play, "last")
        self.progress.report(play.played, {name: numbers["value"] for name, numbers in measured.items()})
        return self.out_of_patience

    @property
    def together(self) -> bool:
        """Whether there is a measure that all processes make together."""
        return any(measure.together(self.built.play.game) for measure in self.built.measures.values())

    @property
    def out_of_patience(self) -> bool:
        """Whether `best` has not become better for as many reports as `patience` allows."""
        return self.patience is not None and self.best["waited"] >= self.patience

    def measure(self, split: Split) -> dict[str, dict[str, Any]]:
        """Every measure on a split, with the averaged weights in place and gradients off.

        Of several processes the first has all of them, and the others what they share with it.
        """
        self.measure_seconds = {}
        return measure_on(self.built, split, self.measure_seconds, self.process)

    def pictures(self) -> None:
        """Every watcher's picture."""
        with looking(self.built, "validation") as look:
            for name, watcher in self.built.watchers.items():
                path = keep_picture(watcher.picture(look), self.folder, name, look.round)
                self.trackers.picture(look.round, name, path)

    def save(self, play: Play, name: str) -> None:
        """One of the two checkpoints."""
        data = play.checkpoint() | {"best": dict(self.best), "seconds": self.seconds()}
        write_checkpoint(self.folder / "checkpoints" / f"{name}.ckpt", data, self.fingerprint)

    def _is_better(self, flat: dict[str, float]) -> bool:
        if self.best_name is None:
            return False
        value = flat.get(self.best_name)
        measure = measure_of(self.built, self.best_name)
        if value is None:
            known = ", ".join(sorted(flat))
            raise UserError(f"budget.best: {self.best_name!r} is not among the numbers of this recipe: {known}")
        if not math.isfinite(value):
            raise NonFinite(f"round {self.built.play.played}: measure {self.best_name!r} is {value}")
        old = self.best["value"]
        better = old is None or (value < old if measure.better == "lower" else value > old)
        if better:
            self.best = {"value": value, "round": self.built.play.played, "waited": 0}
        else:
            self.best["waited"] += 1
        return better


@contextmanager
def looking(built: Built, split: Split, process: tuple[int, int] = (0, 1)) -> Iterator[Look]:
    """A look at the game as it samples: averaged weights, evaluation mode, no gradients, global randomness kept."""
    play = built.play
    training = play.game.training
    play.game.eval()
    try:
        with torch.random.fork_rng(devices=[]), play.averaged(), torch.no_grad():
            evaluations = built.plan.value("evaluations")
            seed, played = built.plan.seed, play.played
            yield Look(play.game, built.target, split, played, seed, evaluations, play.device, play, process)
    finally:
        play.game.train(training)


def measure_on(
    built: Built, split: Split, seconds: dict[str, float] | None = None, process: tuple[int, int] = (0, 1)
) -> dict[str, dict[str, Any]]:
    """Every measure of a recipe on a split; what was doubted meanwhile stands under `warning`, in words.

    Args:
        built: the recipe as objects.
        split: what is looked at.
        seconds: is told what each measure took.
        process: which of how many processes this is; any but the first makes the measures that all make together.

    Raises:
        RunFailed: naming the measure that fails.
    """
    measured: dict[str, dict[str, Any]] = {}
    with looking(built, split, process) as look:
        for name, measure in built.measures.items():
            if process[0] and not measure.together(built.play.game):
                continue
            began = time.perf_counter()
            try:
                with doubts() as voiced:
                    measured[name] = dict(measure.measure(look))
            except UserError:
                raise
            except Exception as error:  # a stranger's measure: name it
                raise RunFailed(f"measure {name!r} failed: {type(error).__name__}: {error}") from error
            if seconds is not None:
                seconds[name] = round(time.perf_counter() - began, 3)
            if voiced:
                measured[name]["warning"] = "; ".join(voiced)
    return measured


def keep_picture(image: Image.Image, folder: Path, name: str, round: int) -> Path:
    """Write a picture where the run keeps it.

    Raises:
        RunFailed: if the disk does not take it.
    """
    path = picture_path(folder, name, round)
    try:
        image.save(path)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise RunFailed(f"{path} cannot be written: {error.strerror or error}") from None
    return path


def measure_of(built: Built, name: str) -> Measure:
    """The measure that a number belongs to, if it can say which of two values is better.

    Raises:
        UserError: if there is none.
    """
    found = next((m for label, m in built.measures.items() if f"{name}/".startswith(f"{label}/")), None)
    if found is None or found.better is None:
        known = ", ".join(label for label, m in built.measures.items() if m.better) or "none"
        raise UserError(f"budget.best: {name!r} is no measure of which lower or higher is better; there are: {known}")
    return found


def refuse_non_finite(play: Play) -> None:
    """Weights that are not finite are never measured or saved.

    Raises:
        NonFinite: naming the round and the parameter.
    """
    for name, parameter in play.game.named_parameters():
        if not bool(torch.isfinite(parameter).all()):
            raise NonFinite(f"round {play.played}: parameter {name!r} is not finite after the step")


def flatten(measured: dict[str, dict[str, Any]]) -> dict[str, float]:
    """`{name: {"value": .., "quality": ..}}` as `name`, `name/quality`: what trackers are told."""
    flat: dict[str, float] = {}
    for name, numbers in measured.items():
        for key, value in numbers.items():
            if isinstance(value, int | float):
                flat[name if key == "value" else f"{name}/{key}"] = float(value)
    return flat
