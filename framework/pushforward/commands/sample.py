"""`pushforward sample`: samples of a finished run, as numbers or as a picture."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from pushforward.problem import UserError
from pushforward.verbs import Verbs, add_run, add_verb

EXAMPLES = ("pushforward sample rings/gan -n 1000 --out rings.csv", "pushforward sample runs/rings-gan-1 --seed 7")
ENDINGS = (".npy", ".csv", ".png")


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    about = "The averaged weights are used where the recipe keeps them. The same seed gives the same samples."
    parser = add_verb(verbs, "sample", "draw samples from a run's model", EXAMPLES, act, about)
    add_run(parser)
    parser.add_argument("-n", metavar="N", type=int, default=64, help="how many (64)")
    parser.add_argument("--condition", metavar="K", type=int, help="the class of all of them, for a conditional model")
    parser.add_argument("--seed", type=int, default=0, help="which samples (0)")
    text = "a file ending in .npy, .csv (vectors) or .png (images); by default samples.npy or .png in the run's folder"
    parser.add_argument("--out", metavar="FILE", type=Path, help=text)


def act(args: argparse.Namespace) -> None:
    """Sample and write."""
    from pushforward.find_run import find_run

    if args.n < 1:
        raise UserError(f"-n {args.n}: expected at least one sample")
    if args.out is not None and args.out.suffix not in ENDINGS:
        raise UserError(f"--out {args.out}: expected a file ending in {', '.join(ENDINGS)}")
    folder = find_run(args.run, args.runs)
    from pushforward.public import open_run

    run = open_run(folder)
    plan = run.built.plan
    if "sample" not in plan.model.gives:
        gives = ", ".join(sorted(plan.model.gives)) or "nothing that can be asked for"
        raise UserError(f"model {plan.model.component.name!r} of {folder} cannot be sampled: it gives {gives}")
    if args.condition is not None:
        check_condition(args.condition, run.built.target.classes, is_conditional(run.game))
    samples = run.sample(args.n, args.condition, args.seed)
    image = samples.ndim == 4 and samples.shape[1] in (1, 3)
    out: Path = args.out or folder / ("samples.png" if image else "samples.npy")
    write_samples(samples, out)
    shape, played = tuple(samples.shape[1:]), run.built.play.played
    averaged = "averaged weights" if run.built.play.average is not None else "weights as they are, not averaged"
    print(f"{out}: {args.n} samples of shape {shape}, from round {played} with {averaged}")


def is_conditional(game: Any) -> bool:
    """Whether a player that samples takes classes: others would leave a condition unread."""
    players = [game.players[name] for name in game.averaged] or [game]
    return any(getattr(module, "conditional", False) for player in players for module in player.modules())


def check_condition(condition: int, classes: int | None, conditional: bool) -> None:
    """Whether a class can be asked for.

    Raises:
        UserError: if there is no such class, or the model was trained without classes.
    """
    if classes is None:
        raise UserError(f"--condition {condition}: the target of this run has no classes")
    if not conditional:
        what = "this model was trained without classes (in its recipe, `conditional: true` asks for them)"
        raise UserError(f"--condition {condition}: {what}")
    if not 0 <= condition < classes:
        raise UserError(f"--condition {condition}: expected a class from 0 to {classes - 1}")


def write_samples(samples: Any, out: Path) -> None:
    """Write samples (n, *shape) in the format that the file's ending names.

    Raises:
        UserError: if they do not fit that format, or the file cannot be written.
    """
    try:
        if out.suffix == ".png":
            from pushforward.watchers.grid import tiled

            if samples.ndim != 4 or samples.shape[1] not in (1, 3):
                raise UserError(f"{out}: samples of shape {tuple(samples.shape[1:])} are no images: use .npy or .csv")
            columns = math.ceil(math.sqrt(len(samples)))
            tiled(samples, math.ceil(len(samples) / columns), columns).save(out)
            return
        import numpy as np

        array = samples.detach().cpu().numpy()
        if out.suffix == ".npy":
            np.save(out, array)
        elif array.ndim == 2:
            header = ",".join(f"x{i}" for i in range(array.shape[1]))
            np.savetxt(out, array, delimiter=",", fmt="%.9g", header=header, comments="")
        else:
            raise UserError(f"{out}: samples of shape {tuple(samples.shape[1:])} are no vectors: use .npy or .png")
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}") from None
