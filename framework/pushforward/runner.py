"""A run: from a plan to a folder that says what happened and why."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import nn

from pushforward.builder import Built, build
from pushforward.check import plan_recipe
from pushforward.checkpoint import read_checkpoint
from pushforward.diagnosis import diagnose
from pushforward.explain import explain, resolved
from pushforward.folder import (
    environment,
    lock_folder,
    new_folder,
    newest_unfinished,
    read_json,
    write_json,
    write_text,
)
from pushforward.ledger import NonFinite
from pushforward.limits import refuse_parts
from pushforward.misfit import layer_of
from pushforward.numerics.processes import of_the_first
from pushforward.plan import Plan
from pushforward.problem import INTERRUPTED, RunFailed, UserError
from pushforward.progress import Progress
from pushforward.quiet import quiet_lightning
from pushforward.report.folder import read_folder
from pushforward.report.page import write_report
from pushforward.reporter import Reporter
from pushforward.roles.tracker import RunInfo
from pushforward.rounds import Rounds, reports_left
from pushforward.trackers.csv import CsvTracker
from pushforward.trackers.png import PngTracker, read_pictures
from pushforward.trackers.together import Trackers
from pushforward.watchers.animation import animate

SMOKE = 3  # rounds of a smoke run
RANKS = ("RANK", "SLURM_PROCID", "LOCAL_RANK")  # how launchers number processes
FOLDER = "PUSHFORWARD_RUN_FOLDER"  # how a launched process learns of its parent's folder


class Interrupted(UserError):
    """Someone asked the run to stop: the round was finished and saved."""

    status = INTERRUPTED


def run_recipe(
    name: str,
    overrides: Sequence[str] = (),
    *,
    plugins: Sequence[str] = (),
    out: Path = Path("runs"),
    resume: bool = False,
    smoke: bool = False,
    quiet: bool = False,
    modules: Mapping[str, nn.Module] | None = None,
    axes: Sequence[str] = (),
) -> Path:
    """Play a recipe, or every cell of a grid, and leave its folder.

    Args:
        name: the recipe, by name or path.
        overrides: such as ``model.optimizer.lr=1e-3``.
        plugins: local plugin files beside those of the recipe.
        out: where run folders are made.
        resume: go on with the newest unfinished run of the recipe.
        smoke: three rounds, everything else real.
        quiet: no progress line.
        modules: your own modules by slot.
        axes: values to sweep beside those of the recipe, such as ``seed=0:5``.

    Raises:
        UserError: if the recipe is wrong, the run fails or is interrupted; its status is the program's.
    """
    plan = plan_recipe(name, overrides, plugins, axes=axes)
    if plan.grid is not None:
        from pushforward.sweeper import play_grid

        return play_grid(plan, out=out, resume=resume, smoke=smoke, quiet=quiet, modules=modules)
    if smoke:
        shorten(plan)
        plan.recipe.name = plan.recipe.name.removesuffix("-smoke") + "-smoke"
    built = build(plan, modules)
    if not is_first_process():
        return Run(built, _followed(out, plan, resume), resume, quiet=True).play()
    folder = (
        newest_unfinished(out, plan.name, plan.value("rounds"), plan.fingerprint())
        if resume
        else new_folder(out, plan.name)
    )
    os.environ[FOLDER] = str(folder)
    try:
        return Run(built, folder, resume, quiet).play()
    finally:
        os.environ.pop(FOLDER, None)


def shorten(plan: Plan) -> None:
    """Leave the few rounds of a smoke run."""
    plan.budget.own.arguments["rounds"] = min(SMOKE, plan.value("rounds"))


def is_first_process() -> bool:
    """Whether this is the process that writes."""
    return next((os.environ[name] for name in RANKS if name in os.environ), "0") == "0"


def _followed(out: Path, plan: Plan, resume: bool) -> Path:
    if FOLDER in os.environ:
        return Path(os.environ[FOLDER])
    return newest_unfinished(out, plan.name, plan.value("rounds"), plan.fingerprint()) if resume else out


class _Nothing(pl.LightningModule):
    """What Lightning is given where no round is left and processes are to be started."""

    def forward(self) -> None:
        """Never called."""


class Run:
    """One run, from its folder to its results; `name` is what trackers call it, None meaning as its folder."""

    def __init__(self, built: Built, folder: Path, resume: bool, quiet: bool, name: str | None = None) -> None:
        plan = built.plan
        self.built, self.plan, self.folder, self.writes = built, plan, folder, is_first_process()
        self.name = name or folder.name
        self.fingerprint = plan.fingerprint()
        last = folder / "checkpoints" / "last.ckpt"
        self.saved = read_checkpoint(last, self.fingerprint) if resume and last.is_file() else None
        self.before: float = self.saved["seconds"] if self.saved else 0.0
        self.progress = Progress(plan.value("rounds"), quiet=quiet or not self.writes)
        self.trackers = Trackers([CsvTracker(), PngTracker(), *self.built.trackers.values()] if self.writes else [])
        self.reporter = Reporter(self.built, folder, self.trackers, self.progress, self.fingerprint)
        self.reporter.after_report = self._after_report
        self.stop_asked = False
        self.rounds: int | None = None  # played, before the best weights are put back
        self.rolled_back: int | None = None  # the round of the weights that were put back after a number broke
        self.began = time.perf_counter()

    def play(self) -> Path:
        """Play to the end, and leave results and report however it ends."""
        play = self.built.play
        if self.saved is not None:
            play.restore(self.saved)
            self.reporter.best = dict(self.saved["best"])
        lock = lock_folder(self.folder) if self.writes else None
        try:
            return self._play()
        finally:
            if lock is not None:
                lock.close()

    def _play(self) -> Path:
        play = self.built.play
        self.began = time.perf_counter()
        self.reporter.seconds = lambda: self.before + time.perf_counter() - self.began
        try:
            self._open()
            self._refuse_measures()
            with self._signals():
                self._fit()
                self.rounds = play.played
                measures = self._final()
        except NonFinite as error:
            back = self._roll_back()
            self._close("failed", {}, reason=str(error))
            raise NonFinite(f"{error}{back}") from None
        except Interrupted as stop:
            self._close("stopped", {}, reason=str(stop))
            raise
        except UserError as error:
            self._close("failed", {}, reason=str(error))
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            layer = layer_of(error, play.game) if isinstance(error, RuntimeError) else None
            self._close("failed", {}, reason=reason if layer is None else f"in {layer}: {reason}")
            if layer is not None:
                raise RunFailed(f"in {layer}: {error}") from error
            raise
        self._close("completed", measures, reason=self._early())
        return self.folder

    def _open(self) -> None:
        if not self.writes:
            return
        kept = read_json(self.folder / "environment.json")
        memory: dict[str, str] = dict(kept.get("trackers", {}))
        write_text(self.folder / "recipe.yaml", explain(self.plan))
        played = self.built.play.played
        (self.folder / "results.json").unlink(missing_ok=True)
        self.trackers.open(RunInfo(self.folder, self.name, resolved(self.plan), played, memory))
        write_json(
            self.folder / "environment.json", environment(self.plan.name, self.fingerprint, self.trackers.memory)
        )
        for _ in self.plan.registry.ask("run_start", folder=self.folder, play=self.built.play):
            pass
        if self.saved is None:
            self.reporter.save(self.built.play, "last")
        self.progress.start(played)

    def _fit(self) -> None:
        plan, play = self.plan, self.built.play
        every = plan.value("report_every")
        epochs = reports_left(play.played, every, plan.value("rounds"))
        play.after_round = self._after_round
        with quiet_lightning():
            trainer = pl.Trainer(**self._trainer(epochs))
            if not epochs:
                if trainer.world_size > 1 and self.reporter.together:  # they are started for what they measure
                    trainer.predict(_Nothing(), dataloaders=[])
                return
            self._refuse_parts(trainer.world_size)
            rounds = Rounds(
                play, self.built.target, plan.value("batch"), every, trainer.world_size, trainer.global_rank
            )
            trainer.fit(play, train_dataloaders=rounds)
        play.cpu()

    def _refuse_measures(self) -> None:
        """What cannot be measured at the first report is said before the first round."""
        with torch.random.fork_rng(devices=[]):
            for measure in self.built.measures.values():
                measure.suits(self.built.target)

    def _refuse_parts(self, processes: int) -> None:
        """The check of the recipe cannot know how many processes `auto` or a launcher gives."""
        problems = refuse_parts(self.plan, processes)
        if problems:
            raise UserError(problems)

    def _trainer(self, epochs: int) -> dict[str, Any]:
        return {
            "devices": 1,
            "max_epochs": epochs,
            "logger": False,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "num_sanity_val_steps": 0,
            "use_distributed_sampler": False,
            "callbacks": [self.reporter],
            **self.plan.trainer,
        }

    def _after_round(self, played: int) -> None:
        self.progress.tick(played)
        if self.stop_asked and played % self.plan.value("report_every") and played < self.plan.value("rounds"):
            if self.writes:
                self.reporter.save(self.built.play, "last")
            self._interrupt(played)

    def _after_report(self, played: int) -> None:
        if self.stop_asked and played < self.plan.value("rounds"):
            self._interrupt(played)

    def _interrupt(self, played: int) -> None:
        raise Interrupted(f"interrupted after round {played}; `--resume` goes on from there")

    def _final(self) -> dict[str, dict[str, float]]:
        """The measures on the test split, with the best weights where a best was asked for."""
        together = self.reporter.process[1] > 1 and self.reporter.together
        if not self.writes and not together:
            return {}
        self._put_back_the_best(together)
        if not self.writes:
            return self.reporter.measure("test")
        if not self.rounds:  # nothing was played, so that nothing was reported
            self.reporter.pictures()
        measures = self.reporter.measure("test")
        drawn = {name for _, name, _ in read_pictures(self.folder)}
        for name in drawn & set(self.built.watchers):
            animate(self.folder, name, self.folder / "images" / f"{name}.webp")
        return measures

    def _put_back_the_best(self, together: bool) -> None:
        """The best weights, where a best was asked for; other processes have them of the first, which writes."""
        if self.reporter.best_name is None:
            return
        best = self.folder / "checkpoints" / "best.ckpt"
        saved = read_checkpoint(best, self.fingerprint) if self.writes and best.is_file() else None
        saved = of_the_first(saved) if together else saved
        if saved is not None:
            self.built.play.restore(saved)

    def _roll_back(self) -> str:
        """After a number that was not finite, the last good weights; says of which round they are."""
        play, last = self.built.play, self.folder / "checkpoints" / "last.ckpt"
        self.rounds = play.played
        if not last.is_file():
            return ""
        play.restore(read_checkpoint(last, self.fingerprint))
        self.rolled_back = play.played
        return f"; rolled back to the checkpoint of round {play.played}"

    def _close(self, status: str, measures: dict[str, dict[str, float]], reason: str = "") -> None:
        if not self.writes:
            return
        results = {
            "recipe": self.plan.name,
            "status": status,
            "rounds": self.rounds if self.rounds is not None else self.built.play.played,
            "seconds": round(self.before + time.perf_counter() - self.began, 3),
            "seed": self.plan.seed,
            "weights": self._weights(),
            "measures": measures,
            "measure_seconds": self.reporter.measure_seconds,
            "verdict": self._verdict(measures, reason if status == "failed" else ""),
        }
        if reason:
            results["reason"] = reason
        if self.rolled_back is not None:
            results["rolled_back_to"] = self.rolled_back
        self.progress.finish(status)
        try:
            self.trackers.close(status, results)
            write_json(self.folder / "results.json", results)
            sections = []
            for _, answer in self.plan.registry.ask("run_end", folder=self.folder, results=results):
                del answer
            for _, answer in self.plan.registry.ask("report", folder=self.folder, results=results):
                sections += answer
            write_report(self.folder, sections)
        except (UserError, OSError):
            if status == "completed":  # an earlier failure is the one to tell of
                raise

    def _verdict(self, measures: dict[str, dict[str, float]], failure: str) -> dict[str, Any]:
        """What happened and why; a run that could not be judged is not lost by it."""
        try:
            return diagnose(self.built, measures, read_folder(self.folder).metrics, failure)
        except Exception as error:  # a stranger's model: what made the run fail may do the same here
            return {"state": "undecided", "why": f"it could not be judged: {error}", "evidence": {}}

    def _early(self) -> str:
        """Why a completed run is shorter than its budget."""
        asked = self.plan.value("rounds")
        if self.rounds == asked or not self.writes:
            return ""
        if self.reporter.out_of_patience:
            return f"{self.reporter.best_name} did not get better for {self.reporter.patience} reports"
        raise RunFailed(f"only {self.rounds} of {asked} rounds were played, and nothing says why")

    def _weights(self) -> str:
        which = "best" if self.reporter.best_name is not None else "last"
        return f"{which} round, {'averaged' if self.built.play.average is not None else 'not averaged'}"

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """The first interrupt finishes the round and saves; the second is Python's own."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def ask(number: int, frame: object) -> None:
            self.stop_asked = True
            signal.signal(signal.SIGINT, signal.default_int_handler)

        old = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        except (KeyboardInterrupt, SystemExit):  # Lightning turns the one into the other
            raise Interrupted("interrupted twice; the last report's checkpoint is kept") from None
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)


__all__ = ["Interrupted", "Run", "RunFailed", "run_recipe", "shorten"]
